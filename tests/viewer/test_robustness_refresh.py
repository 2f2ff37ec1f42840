"""Answers of the teacher that arrive while a person paints, takes back, looks away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hands import Hands
from rig import OPEN_TILE, WatchedRun, dab, refresh, saved

from napari_semiseg.geometry import Box
from napari_semiseg.project.correction_planes import UNSET_CLASS
from napari_semiseg.project.owners import Owner
from napari_semiseg.segmentation.trust import Trust

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot
    from rig import Rig

    from napari_semiseg.viewer.desk import Desk

SQUARE = Box((10, 60), (16, 16))
OTHER = Box((60, 10), (20, 20))
LOWER = Box((70, 80), (16, 16))  # Inside the tile that is to do.
HIGHER = Box((30, 80), (12, 12))
MINE = (84, 40)


def watched(rig: Rig, qtbot: QtBot, **options: Any) -> tuple[Desk, WatchedRun]:
    """A desk that shows what a run that trains sees of the first image."""
    run = WatchedRun(rig.project)
    desk = rig.new_dock(**options).desk
    qtbot.waitUntil(lambda: desk.training.view.state == "training")
    refresh(desk, run, qtbot, [SQUARE, OTHER])
    return desk, run


def world(desk: Desk, box: Box) -> tuple[float, ...]:
    """The middle of a box."""
    middle = [o + s // 2 for o, s in zip(box.origin, box.size, strict=True)]
    return desk.session.placement.to_world(middle)


def object_in(desk: Desk, box: Box) -> int:
    return desk.teacher.object_at(world(desk, box))


@pytest.mark.slow
def test_undo_and_redo_across_a_refresh(rig: Rig, qtbot: QtBot) -> None:
    desk, run = watched(rig, qtbot)
    item = desk.session.item
    layers = desk.viewer.layers
    dab(layers["instances"], *MINE, 50)
    dab(layers["pseudo-labels"], 5, 100, 2)
    dab(layers["confidence mask"], 50, 100, 2)

    refresh(desk, run, qtbot, [HIGHER, Box((78, 32), (14, 16))])

    assert layers["instances"].data[MINE] == 50
    assert layers["pseudo-labels"].data[5, 100] == 2
    assert layers["confidence mask"].data[50, 100] == Trust.NOT_TRUSTED
    for _ in range(3):
        layers["instances"].undo()
    # What is shown now is today's teacher, not the one that was painted over.
    todays = layers["instances"].data[MINE]
    assert todays not in (0, 50)
    assert todays == layers["instances"].data[90, 46]
    assert layers["pseudo-labels"].data[5, 100] == 0
    kept = saved(desk, item)
    assert not kept.claimed.any()
    assert (kept.classes == UNSET_CLASS).all()
    assert not kept.trust.any()

    refresh(desk, run, qtbot, [SQUARE])
    for _ in range(3):
        layers["confidence mask"].redo()
    assert layers["instances"].data[MINE] == 50
    kept = saved(desk, item)
    assert kept.owners[MINE] == Owner.HUMAN
    assert kept.classes[5, 100] == 2
    assert kept.trust[50, 100] == Trust.NOT_TRUSTED


@pytest.mark.slow
def test_undo_of_the_annotation_across_a_refresh(rig: Rig, qtbot: QtBot) -> None:
    desk, run = watched(rig, qtbot)
    item = desk.session.item
    desk.tiles.add(item, [OPEN_TILE])
    desk.session.take(OPEN_TILE)
    layer = desk.viewer.layers["annotation"]
    dab(layer, 10, 10, 1)
    dab(layer, 30, 30, 2)

    refresh(desk, run, qtbot, [HIGHER, LOWER])
    layer.undo()
    refresh(desk, run, qtbot, [SQUARE, LOWER])

    def stored() -> list[int]:
        assert desk.annotating.save()
        found = desk.session.annotations.load(item, OPEN_TILE).instances
        return np.unique(found).tolist()

    assert stored() == [0, 1]
    layer.redo()
    assert stored() == [0, 1, 2]


@pytest.mark.slow
def test_an_answer_waits_for_the_hand_that_paints(rig: Rig, qtbot: QtBot) -> None:
    desk, run = watched(rig, qtbot, show=True)
    dock: Any = desk.session.parent()
    hands = Hands(dock)
    layer = desk.viewer.layers["instances"]
    desk.viewer.layers.selection.active = layer
    layer.mode, layer.brush_size, layer.selected_label = "paint", 5, 60
    points = [hands.on_canvas(p) for p in (MINE, (84, 50), (84, 56))]
    hands.send(hands.MOVE, points[0], pressed=False)
    hands.send(hands.PRESS, points[0], pressed=True)
    assert desk.teacher.holding

    run.sees(HIGHER, Box((78, 32), (14, 30)))
    desk.looking.look_again()
    qtbot.waitUntil(lambda: run.waiting() > 0, timeout=10_000)
    run.answer()
    qtbot.waitUntil(lambda: not desk.looking.waiting, timeout=10_000)
    qtbot.waitUntil(lambda: not desk.background.busy)
    assert layer.data[36, 86] == 0  # The answer waits.
    for point in points[1:]:
        hands.send(hands.MOVE, point, pressed=True)
    hands.send(hands.RELEASE, points[-1], pressed=False)

    qtbot.waitUntil(lambda: bool(layer.data[36, 86]), timeout=10_000)
    stroke = layer.data[84, 40:57]
    assert (stroke == 60).all()
    kept = saved(desk, desk.session.item)
    assert (kept.instances[84, 40:57] == 60).all()
    assert not kept.claimed[36, 86]


@pytest.mark.slow
def test_two_images_in_turn_keep_their_strokes_apart(rig: Rig, qtbot: QtBot) -> None:
    desk, run = watched(rig, qtbot)
    one, two = rig.items[:2]
    places = {one.id: [], two.id: []}
    for turn in range(3):
        for item, column in ((one, 60), (two, 90)):
            rig.show(desk, item)
            place = (10 + 25 * turn, column)
            dab(desk.viewer.layers["instances"], *place, 100 + turn)
            dab(desk.viewer.layers["confidence mask"], place[0] + 8, column, 2)
            places[item.id].append(place)
            if turn == 1:
                refresh(desk, run, qtbot, [OTHER])
    for _ in range(10):  # As fast as the images come.
        desk.images.show(one)
        desk.images.show(two)
    rig.show(desk, one)

    for item, other in ((one, two), (two, one)):
        rig.show(desk, item)
        kept, shown = saved(desk, item), desk.viewer.layers["instances"].data
        for y, x in places[item.id]:
            assert kept.owners[y, x] == Owner.HUMAN
            assert kept.trust[y + 8, x] == Trust.NOT_TRUSTED
            assert shown[y, x] == kept.instances[y, x] > 0
        for y, x in places[other.id]:
            assert kept.trust[y + 8, x] == Trust.UNSET


# -- acts of the review step on the tile in hand --------------------------------------


def test_an_object_accepted_inside_the_tile_in_hand_is_in_the_tile(
    rig: Rig, qtbot: QtBot
) -> None:
    desk, run = watched(rig, qtbot)
    item = desk.session.item
    refresh(desk, run, qtbot, [SQUARE, LOWER])
    desk.tiles.add(item, [OPEN_TILE])
    desk.session.take(OPEN_TILE)
    layer = desk.viewer.layers["annotation"]
    dab(layer, 5, 5, 1)

    desk.reviewing.accept_object(world(desk, LOWER))
    desk.annotating.states.done()  # At once.

    found = desk.session.annotations.load(item, OPEN_TILE)
    assert desk.session.annotations.tile(item, OPEN_TILE).state == "training"
    assert found.instances[5, 5] == 1
    assert found.instances[30, 40] > 1  # (78, 88) of the image.
    assert found.n_objects == 2
    np.testing.assert_array_equal(layer.data, found.instances)


@pytest.mark.slow
def test_what_is_accepted_in_the_tile_in_hand_is_seen_soon(
    rig: Rig, qtbot: QtBot
) -> None:
    desk, run = watched(rig, qtbot)
    refresh(desk, run, qtbot, [SQUARE, LOWER])
    desk.tiles.add(desk.session.item, [OPEN_TILE])
    desk.session.take(OPEN_TILE)
    layer = desk.viewer.layers["annotation"]

    desk.reviewing.accept_object(world(desk, LOWER))
    dab(layer, 5, 5, 9)

    qtbot.waitUntil(lambda: bool(layer.data[30, 40]))
    assert layer.data[5, 5] == 9
    layer.undo()
    assert not layer.data[30, 40]
    assert layer.data[5, 5] == 9


def test_accepting_the_tile_in_hand_keeps_the_last_strokes(
    rig: Rig, qtbot: QtBot
) -> None:
    desk, run = watched(rig, qtbot)
    item = desk.session.item
    refresh(desk, run, qtbot, [SQUARE, LOWER])
    desk.tiles.add(item, [OPEN_TILE])
    desk.session.take(OPEN_TILE)
    layer = desk.viewer.layers["annotation"]
    dab(layer, 5, 5, 1)
    dab(layer, 5, 25, 2)
    layer.undo()  # An undo that nobody has told of yet.

    desk.reviewing.accept_tile()
    dab(layer, 40, 5, 7)  # Goes on at once.

    assert desk.annotating.save()
    found = desk.session.annotations.load(item, OPEN_TILE)
    assert desk.session.annotations.tile(item, OPEN_TILE).state == "training"
    assert found.instances[5, 5] == 1
    assert found.instances[5, 25] == 0
    assert found.instances[30, 40] > 0
    assert found.instances[40, 5] == 7
    qtbot.waitUntil(lambda: not desk.background.busy)
    np.testing.assert_array_equal(layer.data, found.instances)
    assert object_in(desk, LOWER) > 0


@pytest.mark.slow
def test_a_tile_accepted_beside_the_one_in_hand_is_drawn(
    rig: Rig, qtbot: QtBot
) -> None:
    desk, run = watched(rig, qtbot)
    item = desk.session.item
    refresh(desk, run, qtbot, [SQUARE, LOWER])
    desk.session.take(None)

    with qtbot.waitSignal(desk.session.tiles_changed):
        desk.teacher.accept_tile(OPEN_TILE)

    assert len(desk.tiles.layer.data) == 2
    desk.session.take(OPEN_TILE)
    assert desk.viewer.layers["annotation"].data[30, 40] > 0
    assert desk.session.annotations.load(item, OPEN_TILE).n_objects == 1


@pytest.mark.slow
def test_giving_all_back_keeps_the_strokes_of_the_tile_in_hand(
    rig: Rig, qtbot: QtBot
) -> None:
    desk, _ = watched(rig, qtbot)
    item = desk.session.item
    desk.tiles.add(item, [OPEN_TILE])
    desk.session.take(OPEN_TILE)
    dab(desk.viewer.layers["instances"], 20, 90, 30)
    dab(desk.viewer.layers["annotation"], 5, 5, 1)

    desk.reviewing.give_back_image()

    qtbot.waitUntil(lambda: not desk.background.busy)
    assert not saved(desk, item).claimed.any()
    assert desk.session.annotations.load(item, OPEN_TILE).instances[5, 5] == 1
    assert desk.viewer.layers["annotation"].data[5, 5] == 1
