"""The acts of a person on what a teacher sees: each becomes one step of the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.project.correction_planes import UNSET_CLASS
from napari_semiseg.project.corrections import ObjectRecord
from napari_semiseg.project.owners import Owner
from napari_semiseg.segmentation.trust import Trust
from napari_semiseg.viewer.teacher.composing import left_of
from napari_semiseg.viewer.teacher.journal import Patch, Step, hull
from napari_semiseg.viewer.teacher.teacher_ids import placed, rename

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box
    from napari_semiseg.viewer.teacher.finished_tiles import FinishedTile
    from napari_semiseg.viewer.teacher.human_planes import HumanPlanes
    from napari_semiseg.viewer.teacher.journal import Plane
    from napari_semiseg.viewer.teacher.teacher_ids import FreshIds
    from napari_semiseg.viewer.teacher.teacher_planes import TeacherPlanes

    Mask = NDArray[np.bool_]


class Act:
    """One act while it is done; :meth:`finish` gives the step that undoes it.

    All boxes are of the image and lie inside the window.
    """

    def __init__(
        self, human: HumanPlanes, teacher: TeacherPlanes, fresh: FreshIds
    ) -> None:
        self._human = human
        self._teacher = teacher
        self._fresh = fresh
        self._patches: list[Patch] = []
        self._touched: dict[int, Box] = {}
        self._owner: dict[int, Owner] = {}
        self._classes: dict[int, int] = {}
        self._renamed: dict[int, int] = {}

    def draw(self, box: Box, mask: Mask, number: int) -> None:
        """Give pixels outside finished tiles to an object of the person's.

        Parameters
        ----------
        number
            The object; 0: to the background, -1: to nothing that is learned.
        """
        self._touch_objects(box, mask)
        owner = Owner.IGNORED if number < 0 else Owner.HUMAN
        self._write("instances", box, mask, number)
        self._write("owners", box, mask, owner)
        self._write("classes", box, mask, UNSET_CLASS)  # The latest act wins.
        if number > 0:
            self._touch(number, box)
            self._owner[number] = owner

    def draw_in_tile(
        self, tile: FinishedTile, box: Box, mask: Mask, number: int
    ) -> None:
        """Change the labels of a finished tile."""
        self._write("instances", box, mask, number, tile=tile.box)
        if number > 0:
            known = tile.places.get(number)
            tile.places[number] = hull([box, known]) if known else box

    def give_class(self, box: Box, mask: Mask, values: NDArray[np.uint8]) -> None:
        """Give pixels a class, whatever object they belong to."""
        self._write("classes", box, mask, values)

    def give_trust(self, box: Box, mask: Mask, values: NDArray[np.uint8]) -> None:
        """Say whether the pseudo-label of pixels shall count."""
        self._write("trust", box, mask, values)

    def give_back(self, box: Box, mask: Mask) -> None:
        """Forget all that the person decided about pixels outside finished tiles."""
        self._touch_objects(box, mask)
        self._write("instances", box, mask, 0)
        self._write("owners", box, mask, Owner.NOBODY)
        self._write("classes", box, mask, UNSET_CLASS)
        self._write("trust", box, mask, Trust.UNSET)

    def take_over(
        self, number: int, owner: Owner = Owner.HUMAN, *, class_id: int | None = None
    ) -> None:
        """Make an object the person's own, as far as nobody claims its pixels.

        The teacher's object gets another id: should it be seen again, beside the
        person's or after it was given back, it is another object. Its class is
        ``class_id``, or else what the teacher saw.
        """
        seen = self._teacher.seen.get(number)
        if seen is not None:
            if seen.shown:
                box = placed(seen.place, self._teacher.window)
                free = left_of(number, self._teacher, self._human)
                self._write("instances", box, free, number)
                self._write("owners", box, free, owner)
                if owner is Owner.ACCEPTED:
                    self._write("classes", box, free, UNSET_CLASS)
                self._touch(number, box)
                self._owner[number] = owner
                kind = class_id or self._teacher.class_of(number)
                self._classes.setdefault(number, kind)
            self._renamed[number] = new = self._fresh.one()
            rename(self._teacher.instances, self._teacher.seen, number, new)
        record = self._human.objects.get(number)
        if record is not None and record.owner != owner:
            box = record.box.intersection(self._human.window)
            if not box.empty:
                self._write("owners", box, self.mask_of(number, box), owner)
            self._touch(number, record.box)
            self._owner[number] = owner

    def name_class(self, number: int, class_id: int) -> None:
        """Say of which class an object is that is drawn for the first time."""
        self._classes[number] = class_id

    def mask_of(self, number: int, box: Box) -> Mask:
        """The pixels of an object of the person's, outside finished tiles."""
        own = self._human.own.instances[self._human.here(box)]
        found: Mask = (own == number) & ~self._human.ground(box)
        return found

    def finish(self) -> Step:
        """Bring the records of all touched objects up to date."""
        records = {}
        for number, box in self._touched.items():
            before = self._human.objects.get(number)
            after = self._record(number, box, before)
            if after != before:
                records[number] = (before, after)
                if after is None:
                    self._human.objects.pop(number, None)
                else:
                    self._human.objects[number] = after
        return Step(tuple(self._patches), records, self._renamed)

    def _record(
        self, number: int, touched: Box, before: ObjectRecord | None
    ) -> ObjectRecord | None:
        """The record of an object as its pixels are now; None: it has none left."""
        human = self._human
        reach = hull([touched, before.box]) if before else touched
        inside = reach.intersection(human.window)
        mask = human.own.instances[human.here(inside)] == number
        beyond = (
            [before.box] if before and not human.window.contains(before.box) else []
        )
        boxes = [_tight(mask, inside)] if mask.any() else []
        if not boxes and not beyond:
            return None
        base = before or ObjectRecord(
            owner=Owner.HUMAN, box=touched, class_id=self._classes.get(number, 1)
        )
        owner = self._owner.get(number, base.owner)
        return base.model_copy(update={"owner": owner, "box": hull(boxes + beyond)})

    def _touch_objects(self, box: Box, mask: Mask) -> None:
        """Note the person's objects that are about to lose pixels."""
        lost = self._human.own.instances[self._human.here(box)][mask]
        for number in np.unique(lost[lost > 0]).tolist():
            self._touch(number, box)

    def _touch(self, number: int, box: Box) -> None:
        known = self._touched.get(number)
        self._touched[number] = hull([known, box]) if known else box

    def _write(
        self,
        plane: Plane,
        box: Box,
        mask: Mask,
        value: int | NDArray[Any],
        *,
        tile: Box | None = None,
    ) -> None:
        """Write pixels of a plane, and note what was there."""
        array, outer = self._human.plane(tile, plane)
        part = array[box.relative_to(outer).slices]
        where = np.nonzero(mask & (part != value))
        if not len(where[0]):
            return
        before = part[where]
        after = np.empty_like(before)
        after[...] = value[where] if isinstance(value, np.ndarray) else value
        part[where] = after
        self._patches.append(Patch(tile, plane, box, where, before, after))


def _tight(mask: Mask, box: Box) -> Box:
    """The smallest box around the pixels of a mask, of which there are some."""
    place = tuple(
        slice(int(line[0]), int(line[-1]) + 1)
        for line in map(np.flatnonzero, (mask.any(axis=1), mask.any(axis=0)))
    )
    return placed(place, box)


def ids_under(instances: NDArray[np.int32], mask: Mask) -> list[int]:
    """Ids of the objects under a mask, ascending."""
    found: Iterable[int] = np.unique(instances[mask]).tolist()
    return [number for number in found if number > 0]
