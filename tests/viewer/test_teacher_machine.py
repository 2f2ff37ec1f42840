"""Whatever a person and a teacher do, in whatever order."""

from __future__ import annotations

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)
from teacher_scenes import SHAPE, answer, dab, make_view

from napari_semiseg.geometry import Box
from napari_semiseg.project.owners import Owner, remainder
from napari_semiseg.segmentation.watershed import Thresholds
from napari_semiseg.viewer.teacher.composing import compose
from napari_semiseg.viewer.teacher.finished_tiles import FinishedTile, shown_apart
from napari_semiseg.viewer.teacher.teacher_ids import FreshIds
from napari_semiseg.viewer.teacher.teacher_planes import Rules

PLANES = ("instances", "label", "trusted", "owners")
TILE = Box((64, 0), (32, 32))
places = st.tuples(st.integers(0, SHAPE[0] - 1), st.integers(0, SHAPE[1] - 1))
radii = st.integers(2, 14)
discs = st.lists(
    st.tuples(st.integers(0, SHAPE[0]), st.integers(0, SHAPE[1]), st.integers(3, 18)),
    max_size=4,
)


class People(RuleBasedStateMachine):
    """A person paints, accepts and undoes, while answers of a teacher come in."""

    def __init__(self) -> None:
        super().__init__()
        labels = np.zeros(TILE.size, np.int32)
        labels[8:20, 8:20] = 1
        fresh = FreshIds(0)
        tiles = shown_apart([FinishedTile(TILE, labels)], fresh)
        self.view = make_view(tiles=tiles, first=5)
        self.look = None

    def human(self) -> list[np.ndarray]:
        view = self.view
        planes = [*view.human.own.planes, *(t.instances for t in view.human.tiles)]
        return [plane.copy() for plane in planes]

    @rule(found=discs, origin=places, foreground=st.sampled_from([0.5, 0.8]))
    def begin_to_work_in_an_answer(self, found, origin, foreground) -> None:
        box = Box(origin, SHAPE).clip(SHAPE)
        rules = Rules(Thresholds(foreground, 0.5))
        self.look = self.view.job(answer(box, found), rules).run()

    @precondition(lambda self: self.look is not None)
    @rule()
    def show_the_answer(self) -> None:
        before, claimed = self.human(), self.view.human.claimed(self.view.window)
        shown = self.view.shown.instances[claimed].copy()
        self.view.apply(self.look)
        self.look = None
        for old, new in zip(before, self.human(), strict=True):
            np.testing.assert_array_equal(old, new)
        np.testing.assert_array_equal(self.view.shown.instances[claimed], shown)

    @rule(
        place=places,
        radius=radii,
        value=st.one_of(st.sampled_from([-1, 0, 3, 40, 41]), places),
    )
    def paint_an_object(self, place, radius, value) -> None:
        if isinstance(value, tuple):  # The object at a place.
            value = int(self.view.shown.instances[value])
        self.view.stroke("instances", dab(*place, radius, value))
        self.check_undo_and_redo()

    @rule(
        layer=st.sampled_from(["label", "trusted"]),
        place=places,
        radius=radii,
        value=st.integers(0, 3),
    )
    def paint_a_class_or_trust(self, layer, place, radius, value) -> None:
        self.view.stroke(layer, dab(*place, radius, value))

    @rule(
        verb=st.sampled_from(["accept", "reject", "give back"]),
        chosen=st.lists(places, max_size=3),
    )
    def decide_about_objects(self, verb, chosen) -> None:
        self.view.do(verb, [int(self.view.shown.instances[place]) for place in chosen])

    @rule(origin=places, side=st.integers(1, 60))
    def give_back_a_box(self, origin, side) -> None:
        self.view.give_back(Box(origin, (side, side)))

    @rule()
    def undo(self) -> None:
        self.view.undo()

    @rule()
    def redo(self) -> None:
        self.view.redo()

    def check_undo_and_redo(self) -> None:
        before = self.human()
        if self.view.undo() is not None and self.view.redo() is not None:
            for old, new in zip(before, self.human(), strict=True):
                np.testing.assert_array_equal(old, new)

    @invariant()
    def all_is_shown_as_it_stands(self) -> None:
        view = self.view
        fresh = compose(view.window, view.teacher, view.human, view.rules)
        for plane in PLANES:
            np.testing.assert_array_equal(
                getattr(view.shown, plane), getattr(fresh, plane), err_msg=plane
            )

    @invariant()
    def ids_are_those_of_records_and_of_nobody_else(self) -> None:
        view = self.view
        own = view.human.own
        drawn = set(np.unique(own.instances[own.instances > 0]).tolist())
        assert drawn == set(view.human.objects)
        assert not drawn & set(view.teacher.seen)
        for number, record in view.human.objects.items():
            places = np.argwhere(own.instances == number)
            assert record.box.origin == tuple(places.min(axis=0))
            assert record.box.end == tuple(places.max(axis=0) + 1)

    @invariant()
    def what_is_counted_as_left_is_left(self) -> None:
        view = self.view
        claimed = view.human.claimed(view.window)
        for number, seen in view.teacher.seen.items():
            there = view.teacher.instances == number
            assert seen.size == np.count_nonzero(there)
            stays = remainder(there, claimed).mask
            assert seen.left == np.count_nonzero(stays)
            shown = self.view.shown.instances == number
            np.testing.assert_array_equal(shown, stays)

    @invariant()
    def owners_name_who_decided(self) -> None:
        view = self.view
        shown = view.shown
        teachers = shown.owners == Owner.TEACHER
        assert (shown.instances[teachers] > 0).all()
        assert not view.human.claimed(view.window)[teachers].any()


People.TestCase.settings = settings(max_examples=12, stateful_step_count=20)
test_people = People.TestCase
