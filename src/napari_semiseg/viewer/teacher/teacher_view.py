"""One window of an image as the teacher sees it and a person corrects it; no Qt."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_semiseg.viewer.teacher.composing import Shown, compose, teachers_own
from napari_semiseg.viewer.teacher.finished_tiles import shown_apart
from napari_semiseg.viewer.teacher.journal import Journal, hull
from napari_semiseg.viewer.teacher.object_acts import do_to_objects
from napari_semiseg.viewer.teacher.object_edits import (
    confirm_background,
    edit_objects,
)
from napari_semiseg.viewer.teacher.painting import paint
from napari_semiseg.viewer.teacher.scene import Outcome, Scene
from napari_semiseg.viewer.teacher.teacher_ids import rename
from napari_semiseg.viewer.teacher.teacher_job import Job, Look
from napari_semiseg.viewer.teacher.teacher_planes import Answer, Rules, TeacherPlanes
from napari_semiseg.viewer.teacher.unsaved import Copies, Unsaved

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box
    from napari_semiseg.viewer.teacher.acts import Act
    from napari_semiseg.viewer.teacher.finished_tiles import FinishedTile
    from napari_semiseg.viewer.teacher.human_planes import HumanPlanes
    from napari_semiseg.viewer.teacher.journal import Step
    from napari_semiseg.viewer.teacher.object_acts import Verb
    from napari_semiseg.viewer.teacher.object_edits import ObjectEdit
    from napari_semiseg.viewer.teacher.painting import Layer
    from napari_semiseg.viewer.teacher.strokes import Stroke
    from napari_semiseg.viewer.teacher.teacher_ids import FreshIds


class Change(NamedTuple):
    """Where the arrays shown were written, in the image (None: nowhere), and why."""

    box: Box | None
    outcome: Outcome = Outcome()


class TeacherView:
    """The planes of the teacher and the person, and the arrays that are shown.

    Parameters
    ----------
    shape
        Of the image.
    human
        The person's decisions in the window.
    fresh
        Where the ids of the teacher's objects come from; above all of the person's.
    rules
        How objects come from probabilities.
    n_classes
        Classes that can be painted, with the background.

    Attributes
    ----------
    shown
        The arrays of the layers, of the window's size; written in place.
    teacher
        What the teacher sees.
    in_hand
        The tile in hand, which has a layer of its own; None: there is none.
    n_classes
        As given; more may be added.
    unsaved
        What is not on the disk yet.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        human: HumanPlanes,
        fresh: FreshIds,
        rules: Rules | None = None,
        n_classes: int = 3,
    ) -> None:
        self.shape = shape
        self.human = human
        self.rules = rules or Rules()
        self.teacher = TeacherPlanes.blank(human.window)
        self.shown = Shown.blank(human.window.size)
        self.in_hand: Box | None = None
        self.unsaved = Unsaved()
        self._fresh = fresh
        self.n_classes = n_classes
        self._journal = Journal()
        self._dirty: list[Box] = []
        fresh.note(max(human.objects, default=0))
        self._show(human.window)

    @property
    def window(self) -> Box:
        """What the planes cover, in the image."""
        return self.human.window

    def job(self, answer: Answer | None, rules: Rules) -> Job:
        """The work that an answer or other rules make; one at a time."""
        self._dirty = []
        other_outlines = rules.boundary_mode != self.rules.boundary_mode
        return Job(self.teacher, answer, rules, self.human, self._fresh, other_outlines)

    def apply(self, look: Look) -> Box:
        """Show the result of a job; returns where the arrays shown were written."""
        self.rules = look.rules
        self.teacher = look.planes
        dirty = list(self._dirty)
        for number in [n for n in look.planes.seen if self.human.owns(n)]:
            dirty.append(look.planes.place(number))
            self._rename(number, self._fresh.one())
        if not look.region.empty:
            self._copy(look.shown, look.region)
        # Painted since the job began, or seen under an id that the person took over.
        boxes = [look.region, *(self._show(box) for box in dirty)]
        return hull([box for box in boxes if not box.empty] or boxes)

    def stroke(self, layer: Layer, stroke: Stroke) -> Change:
        """Make a stroke on a layer a decision of the person's (see `painting.paint`).

        Parameters
        ----------
        stroke
            Its box lies inside the window. The layer's own array may hold it already.
        """
        scene = self._scene()
        act = scene.act()
        return self._done(act, paint(act, scene, layer, stroke), stroke.box)

    def do(self, verb: Verb, ids: Iterable[int]) -> Change:
        """Accept objects of the teacher, reject any, or give back the person's."""
        scene = self._scene()
        act = scene.act()
        return self._done(act, do_to_objects(act, scene, verb, ids))

    def edit(self, edits: Iterable[ObjectEdit]) -> Change:
        """Change whole objects, in one step."""
        scene = self._scene()
        act = scene.act()
        return self._done(act, edit_objects(act, scene, edits))

    def confirm_background(
        self, box: Box, mask: NDArray[np.bool_], since: Step | None
    ) -> Change:
        """Make background the person's; one step with all that was done since one."""
        scene = self._scene()
        act = scene.act()
        confirm_background(act, scene, box, mask)
        step = act.finish()
        self._journal.note(step, join=self.last_step is not since)
        return Change(self._changed(step, None))

    @property
    def last_step(self) -> Step | None:
        """The step that would be taken back."""
        return self._journal.last

    def fresh_id(self) -> int:
        """An id for a new object, given to no other one."""
        return self._fresh.one()

    def give_back(self, box: Box) -> Change:
        """Give all decisions in a box back to the teacher, but for finished tiles."""
        box = box.intersection(self.window)
        if box.empty:
            return Change(None)
        act = self._scene().act()
        act.give_back(box, ~self.human.ground(box))
        return self._done(act, Outcome())

    def undo(self) -> Change | None:
        """Take the last step back; its pixels show what the teacher sees today."""
        step = self._journal.undo()
        return None if step is None else self._replay(step, back=True)

    def redo(self) -> Change | None:
        """Do again what was taken back."""
        step = self._journal.redo()
        return None if step is None else self._replay(step, back=False)

    def put_tiles(self, tiles: Sequence[FinishedTile]) -> Box | None:
        """Show finished tiles as they were read; returns where something changed."""
        found = shown_apart(tiles, self._fresh, self.human.tiles)
        old, new = ({t.box: t for t in known} for known in (self.human.tiles, found))
        boxes = [
            box.intersection(self.window)
            for box in {**old, **new}
            if not _alike(old.get(box), new.get(box))
        ]
        if not boxes:
            return None
        self.human.tiles = found
        self._journal.forget_tiles()
        self._dirty += boxes
        return hull([self._show(box) for box in boxes])

    def copy_unsaved(self) -> Copies:
        """Copy what is not on the disk yet."""
        return self.unsaved.copy(self.human)

    def known_in(self, box: Box) -> bool:
        """Whether the teacher has looked at all pixels of a box."""
        return self._scene().known_in(box)

    def tile_ground(self, box: Box) -> NDArray[np.bool_]:
        """Where finished tiles are, and the tile in hand, bool ``(*box.size)``."""
        return self.human.ground(box) | self._scene().ground_in_hand(box)

    def proposal(self, box: Box) -> NDArray[np.int32]:
        """The teacher's objects in a box of the window, without the person's."""
        return teachers_own(box, self.teacher, self.human)

    def _scene(self) -> Scene:
        return Scene(
            self.shape,
            self.human,
            self.teacher,
            self._fresh,
            self.rules,
            self.n_classes,
            self.in_hand,
        )

    def _done(self, act: Act, outcome: Outcome, box: Box | None = None) -> Change:
        """Note an act, and show what it changed; at least ``box``."""
        step = act.finish()
        self._journal.note(step)
        return Change(self._changed(step, box), outcome)

    def _replay(self, step: Step, *, back: bool) -> Change:
        self.human.put(step, back=back)
        for old, new in step.renamed.items():
            if not back:
                self._rename(old, new)
            elif not self.human.owns(old):
                self._rename(new, old)  # The person gave the id back.
        return Change(self._changed(step, None))

    def _changed(self, step: Step, box: Box | None) -> Box | None:
        self.unsaved.note(step)
        boxes = [found.intersection(self.window) for found in step.boxes]
        # Their ids are other ones now, also where nothing else has changed.
        moved = {*step.renamed, *step.renamed.values()} & self.teacher.seen.keys()
        boxes += [self.teacher.place(number) for number in moved]
        boxes += [] if box is None else [box]
        boxes = [found for found in boxes if not found.empty]
        if not boxes:
            return None
        boxes = list(dict.fromkeys(boxes))
        around = hull(boxes)
        if 4 * sum(math.prod(found.size) for found in boxes) > math.prod(around.size):
            boxes = [around]  # Else there is much between them that stays as it is.
        self._dirty += boxes
        return hull([self._show(found) for found in boxes])

    def _rename(self, old: int, new: int) -> None:
        rename(self.teacher.instances, self.teacher.seen, old, new)

    def _show(self, box: Box) -> Box:
        """Compose a box anew, with the objects that appear or disappear by it."""
        if box.empty:
            return box
        turned = filter(self._recount, self.teacher.ids_in(box))
        boxes = [box, *map(self.teacher.place, turned)]
        # Outlines of the person's objects may lie elsewhere now.
        boxes += self.human.object_boxes(box.grow(1).intersection(self.window))
        region = hull(boxes).grow(1).intersection(self.window)
        self._copy(compose(region, self.teacher, self.human, self.rules), region)
        return region

    def _recount(self, number: int) -> bool:
        """Count what stays of a teacher's object; whether a person touches it."""
        seen = self.teacher.seen[number]
        claimed = self.human.claimed(self.teacher.place(number))
        theirs = self.teacher.instances[seen.place] == number
        now = seen.beside(theirs, claimed, self.teacher.overlap)
        self.teacher.seen[number] = now
        return bool(now.share or seen.share)

    def _copy(self, shown: Shown, region: Box) -> None:
        here = self.human.here(region)
        for name in ("instances", "label", "trusted", "owners"):
            getattr(self.shown, name)[here] = getattr(shown, name)


def _alike(one: FinishedTile | None, other: FinishedTile | None) -> bool:
    """Whether two readings of a tile show the same."""
    if one is None or other is None:
        return False
    same = np.array_equal(one.instances, other.instances)
    return same and dict(one.classes) == dict(other.classes)
