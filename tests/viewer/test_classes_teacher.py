"""Classes that a teacher sees, and a person's strokes on them, as arrays alone."""

from __future__ import annotations

import numpy as np
import pytest
from teacher_scenes import DISCS, SHAPE, answer, dab, id_at, see

from napari_semiseg.geometry import Box
from napari_semiseg.project.correction_planes import UNSET_CLASS, Corrections
from napari_semiseg.project.owners import Owner
from napari_semiseg.viewer.teacher.finished_tiles import FinishedTile, shown_apart
from napari_semiseg.viewer.teacher.human_planes import HumanPlanes
from napari_semiseg.viewer.teacher.teacher_ids import FreshIds
from napari_semiseg.viewer.teacher.teacher_planes import Rules
from napari_semiseg.viewer.teacher.teacher_view import TeacherView

WINDOW = Box.whole(SHAPE)
TILE = Box((0, 0), (48, 64))
N_CLASSES = 3


def make_view(*tiles: FinishedTile) -> TeacherView:
    fresh = FreshIds(0)
    human = HumanPlanes(
        WINDOW, Corrections.unset(WINDOW), {}, shown_apart(tiles, fresh)
    )
    view = TeacherView(SHAPE, human, fresh, Rules(task="semantic"), N_CLASSES)
    see(view, answer())
    return view


def tile_of(labels: np.ndarray) -> FinishedTile:
    """A finished tile whose ids are its classes."""
    return FinishedTile(TILE, labels.astype(np.int32), classes={2: 2})


@pytest.fixture
def view() -> TeacherView:
    return make_view()


def test_classes_are_shown_as_they_came(view: TeacherView) -> None:
    np.testing.assert_array_equal(view.shown.label, answer().label)


def test_a_stroke_gives_pixels_a_class_until_it_is_undone(view: TeacherView) -> None:
    before = view.shown.label.copy()
    view.stroke("label", dab(40, 110, 4, 2))
    view.stroke("label", dab(20, 20, 3, 0))
    assert view.shown.label[40, 110] == 2
    assert view.shown.label[20, 20] == 0
    assert view.shown.owners[40, 110] == Owner.HUMAN
    see(view, answer(discs=DISCS[1:]))
    assert view.shown.label[40, 110] == 2
    see(view, answer())
    view.undo()
    view.undo()
    np.testing.assert_array_equal(view.shown.label, before)
    view.redo()
    assert view.shown.label[40, 110] == 2
    (planes,) = [planes for _, planes in view.copy_unsaved().corrections][:1]
    assert set(np.unique(planes.classes)) <= {0, 2, UNSET_CLASS}


def test_a_class_that_there_is_not_is_refused(view: TeacherView) -> None:
    change = view.stroke("label", dab(40, 110, 4, 3))
    assert change.outcome.reason == "Paint with 0 to 2 on this layer."
    assert view.shown.label[40, 110] == 0
    view.n_classes = 4
    assert view.stroke("label", dab(40, 110, 4, 3)).outcome.reason is None
    assert view.shown.label[40, 110] == 3


def test_in_a_finished_tile_a_stroke_changes_its_classes() -> None:
    labels = np.zeros(TILE.size)
    labels[10:20, 10:20] = 1
    view = make_view(tile_of(labels))
    assert view.shown.label[15, 15] == 1
    change = view.stroke("label", dab(15, 15, 3, 2))
    assert change.outcome.reason is None
    assert view.shown.label[15, 15] == 2
    view.stroke("label", dab(40, 40, 3, 1))
    view.stroke("label", dab(11, 11, 1, 0))

    ((box, found),) = view.copy_unsaved().tiles
    assert box == TILE
    kinds = {n: found.classes.get(n, 1) for n in np.unique(found.instances) if n}
    assert kinds[found.instances[15, 15]] == 2
    assert kinds[found.instances[40, 40]] == 1
    assert found.instances[11, 11] == 0
    assert not (view.human.own.classes != UNSET_CLASS).any()
    for _ in range(3):
        view.undo()
    assert view.shown.label[15, 15] == 1
    assert view.shown.label[40, 40] == 0


def test_a_stroke_over_the_edge_of_a_tile_is_one_step() -> None:
    view = make_view(tile_of(np.zeros(TILE.size)))
    before = view.shown.label.copy()
    view.stroke("label", dab(47, 60, 5, 2))
    assert view.shown.label[45, 60] == view.shown.label[50, 60] == 2
    view.undo()
    np.testing.assert_array_equal(view.shown.label, before)


def test_the_tile_in_hand_is_painted_on_its_own_layer(view: TeacherView) -> None:
    view.in_hand = TILE
    change = view.stroke("label", dab(47, 20, 4, 2))
    assert "tile in hand" in (change.outcome.reason or "")
    assert view.shown.label[45, 20] == 0
    assert view.shown.label[50, 20] == 2


def test_pieces_are_accepted_with_their_class(view: TeacherView) -> None:
    y, x, _ = DISCS[0]
    number = id_at(view, y, x)
    assert view.do("accept", [number]).outcome.n_done == 1
    see(view, answer(discs=DISCS[1:]))
    kind = view.human.objects[number].class_id
    assert kind == answer().label[y, x]
    assert view.shown.label[y, x] == kind
    assert view.do("reject", [number]).outcome.n_done == 1
    assert view.shown.label[y, x] == 0
