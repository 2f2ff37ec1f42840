"""Ownership as a whole: strokes, acts, undo, teachers and restarts in any order.

What a person decided never changes but by the person: not by another teacher, not by
closing and opening the project. What they rejected never comes back, and undo restores
exactly what was.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tifffile
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from teacher_scenes import DISCS, SHAPE, answer, dab, see

from napari_semiseg.geometry import Box
from napari_semiseg.project.annotation import Annotation
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.correction_planes import UNSET_CLASS
from napari_semiseg.project.owners import OVERLAP, Owner
from napari_semiseg.project.project import Project
from napari_semiseg.runs.told_pixels import told_in
from napari_semiseg.segmentation.watershed import Thresholds
from napari_semiseg.viewer.teacher.teacher_planes import Rules
from napari_semiseg.viewer.teacher.windows import open_view

WHOLE = Box((0, 0), SHAPE)
TILE = Box((64, 0), (32, 32))
places = st.tuples(st.integers(0, SHAPE[0] - 1), st.integers(0, SHAPE[1] - 1))
radii = st.integers(2, 14)
teachers = st.lists(
    st.tuples(st.integers(0, SHAPE[0]), st.integers(0, SHAPE[1]), st.integers(3, 18)),
    max_size=5,
)
_EMPTY = None  # A project to copy: making one anew for each example is slow.


class Decisions(NamedTuple):
    """All that is the person's, as it is stored."""

    planes: list[np.ndarray]
    objects: dict
    tiles: list[np.ndarray]

    def same(self, other: Decisions) -> None:
        for old, new in zip(
            [*self.planes, *self.tiles], [*other.planes, *other.tiles], strict=True
        ):
            np.testing.assert_array_equal(old, new)
        assert self.objects == other.objects


def empty_project() -> Path:
    """A project with one image and one finished tile."""
    global _EMPTY
    if _EMPTY is None:
        work = Path(tempfile.mkdtemp(prefix="ownership-"))
        pixels = np.random.default_rng(0).integers(0, 4000, SHAPE, dtype=np.uint16)
        tifffile.imwrite(work / "a.tif", pixels)
        made = Project.create(work / "project")
        assert not made.add_images([work / "a.tif"]).skipped
        labels = np.zeros(TILE.size, np.int32)
        labels[8:20, 8:20] = 1
        item = made.images[0]
        AnnotationStore(made).save(item, TILE, Annotation.complete(labels), "training")
        _EMPTY = work
    return _EMPTY


class Owning(RuleBasedStateMachine):
    """A person corrects, teachers come and go, and programs end."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="owning-"))
        shutil.copytree(empty_project(), self.folder, dirs_exist_ok=True)
        self.open()
        self.look = None
        self.before: list[Decisions] = []
        self.after: list[Decisions] = []
        self.rejected: list[np.ndarray] = []

    def teardown(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def open(self) -> None:
        self.project = Project.open(self.folder / "project")
        self.item = self.project.images[0]
        self.view = open_view(self.project, self.item, WHOLE, Rules())

    def save(self) -> None:
        copies = self.view.copy_unsaved()
        copies.write(self.project, self.item)
        self.view.unsaved.written(copies)
        assert not self.view.unsaved

    def decisions(self) -> Decisions:
        human = self.view.human
        return Decisions(
            [plane.copy() for plane in human.own.planes],
            dict(human.objects),
            [tile.annotation().instances.copy() for tile in human.tiles],
        )

    def act(self, do) -> None:
        """An act of the person's, which may be a step to take back."""
        known, last = self.decisions(), self.view.last_step
        do()
        if self.view.last_step is not last:
            self.before.append(known)
            self.after.clear()
        self.forget_rejections()

    def forget_rejections(self) -> None:
        """Those about which the person has changed their mind."""
        background = self.view.human.own.background
        self.rejected = [m for m in self.rejected if background[m].all()]

    # -- the person -------------------------------------------------------------------

    @rule(
        place=places,
        radius=radii,
        value=st.one_of(st.sampled_from([-1, 0, 3, 40, 41]), places),
    )
    def paint_objects(self, place, radius, value) -> None:
        if isinstance(value, tuple):  # The object at a place.
            value = int(self.view.shown.instances[value])
        self.act(lambda: self.view.stroke("instances", dab(*place, radius, value)))

    @rule(place=places, radius=radii)
    def erase(self, place, radius) -> None:
        self.act(lambda: self.view.stroke("instances", dab(*place, radius, 0)))

    @rule(
        layer=st.sampled_from(["label", "trusted"]),
        place=places,
        radius=radii,
        value=st.integers(0, 2),
    )
    def paint_classes_or_trust(self, layer, place, radius, value) -> None:
        self.act(lambda: self.view.stroke(layer, dab(*place, radius, value)))

    @rule(verb=st.sampled_from(["accept", "give back"]), place=places)
    def decide_about_an_object(self, verb, place) -> None:
        number = int(self.view.shown.instances[place])
        self.act(lambda: self.view.do(verb, [number]))

    @precondition(lambda self: any(s.shown for s in self.view.teacher.seen.values()))
    @rule(lots=st.randoms(use_true_random=False))
    def reject_an_object(self, lots) -> None:
        seen = self.view.teacher.seen
        number = lots.choice(sorted(n for n, one in seen.items() if one.shown))
        mask = (self.view.shown.instances == number) & ~self.view.human.ground(WHOLE)
        self.act(lambda: self.view.do("reject", [number]))
        if mask.any():
            assert self.view.human.own.background[mask].all()
            self.rejected.append(mask)

    @rule(origin=places, side=st.integers(1, 60))
    def give_back_a_box(self, origin, side) -> None:
        self.act(lambda: self.view.give_back(Box(origin, (side, side))))

    @rule(n=st.integers(1, 4))
    def undo(self, n) -> None:
        for _ in range(n):
            known = self.decisions()
            if self.view.undo() is None:
                assert not self.before
                break
            self.after.append(known)
            self.before.pop().same(self.decisions())
        self.forget_rejections()

    @rule(n=st.integers(1, 4))
    def redo(self, n) -> None:
        for _ in range(n):
            known = self.decisions()
            if self.view.redo() is None:
                assert not self.after
                break
            self.before.append(known)
            self.after.pop().same(self.decisions())
        self.forget_rejections()

    # -- the rest of the world --------------------------------------------------------

    @initialize()
    def first_teacher(self) -> None:
        see(self.view, answer(discs=DISCS))

    @rule(found=teachers, origin=places, foreground=st.sampled_from([0.5, 0.8]))
    def a_teacher_looks(self, found, origin, foreground) -> None:
        rules = Rules(Thresholds(foreground, 0.5))
        box = Box(origin, SHAPE).clip(SHAPE)
        self.look = self.view.job(answer(box, found), rules).run()

    @rule()
    def the_same_teacher_looks_again(self) -> None:
        self.look = self.view.job(answer(discs=DISCS), Rules()).run()

    @precondition(lambda self: self.look is not None)
    @rule()
    def its_answer_is_shown(self) -> None:
        known, claimed = self.decisions(), self.view.human.claimed(WHOLE)
        shown = self.view.shown.instances[claimed].copy()
        self.view.apply(self.look)
        self.look = None
        known.same(self.decisions())
        np.testing.assert_array_equal(self.view.shown.instances[claimed], shown)

    @rule()
    def save_in_between(self) -> None:
        self.save()

    @rule()
    def restart(self) -> None:
        known = self.decisions()
        self.save()
        self.open()
        known.same(self.decisions())
        self.look = None
        self.before.clear()
        self.after.clear()

    @rule()
    def a_run_begins(self) -> None:
        """It learns what the person owns, and nothing else."""
        self.save()
        told, human = told_in(self.project, self.item, WHOLE), self.view.human
        ground = human.ground(WHOLE)
        owners, own = human.owners(WHOLE), human.instances(WHOLE)
        np.testing.assert_array_equal(told.instances > 0, own > 0)
        np.testing.assert_array_equal(told.instances < 0, owners == Owner.IGNORED)
        assert not told.annotated[owners < Owner.ACCEPTED].any()
        assert not told.annotated[owners == Owner.IGNORED].any()
        background = human.own.background & ~ground
        assert told.annotated[background].all()
        assert (told.instances[background] == 0).all()
        given = np.where(ground | (own < 0), UNSET_CLASS, human.own.classes)
        np.testing.assert_array_equal(told.class_overrides, given)
        accepted = (human.own.owners == Owner.ACCEPTED) & (own > 0) & ~ground
        np.testing.assert_array_equal(told.accepted, accepted)
        for number in np.unique(told.instances[told.instances > 0]):
            assert len(np.unique(own[told.instances == number])) == 1

    # -- what must hold ---------------------------------------------------------------

    @invariant()
    def the_persons_pixels_are_shown_as_the_persons(self) -> None:
        human, shown = self.view.human, self.view.shown
        claimed = human.claimed(WHOLE)
        own = human.instances(WHOLE)
        np.testing.assert_array_equal(shown.instances[claimed], own[claimed])
        np.testing.assert_array_equal(
            shown.owners[claimed], human.owners(WHOLE)[claimed]
        )
        given = (human.own.classes != UNSET_CLASS) & ~human.ground(WHOLE)
        np.testing.assert_array_equal(shown.label[given], human.own.classes[given])

    @invariant()
    def no_rejected_object_comes_back(self) -> None:
        shown, seen = self.view.shown.instances, self.view.teacher.instances
        for mask in self.rejected:
            assert not shown[mask].any()
            for number in np.unique(seen[mask & (seen > 0)]):
                theirs = seen == number
                if (theirs & mask).sum() > OVERLAP * theirs.sum():
                    assert not (shown == number).any()


Owning.TestCase.settings = settings(
    max_examples=15, stateful_step_count=25, deadline=None
)
test_owning = Owning.TestCase
