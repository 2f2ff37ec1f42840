from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_semiseg.geometry import Box
from napari_semiseg.project.annotation import Annotation
from napari_semiseg.viewer.tiles.tile_drawing import NEW, NUMBER
from napari_semiseg.viewer.tiles.tile_shapes import (
    SMALLEST_SIDE,
    corners_of,
    differ,
    snapped,
)
from napari_semiseg.viewer.tiles.tiles_layer import STATE_COLOURS

if TYPE_CHECKING:
    from napari.layers import Shapes
    from pytestqt.qtbot import QtBot

    from napari_semiseg.project.records import ImageItem
    from napari_semiseg.viewer.desk import Desk

FIRST = Box((16, 16), (64, 64))
SECOND = Box((100, 120), (64, 64))


def shapes(desk: Desk) -> Shapes:
    assert desk.tiles.layer is not None
    return desk.tiles.layer


def current(desk: Desk) -> ImageItem:
    assert desk.session.item is not None
    return desk.session.item


def boxes(desk: Desk) -> list[Box]:
    return [record.box for record in desk.session.annotations.tiles(current(desk))]


def paint_into(desk: Desk, box: Box, state: Any = "to do") -> None:
    labels = np.zeros(box.size, np.int32)
    labels[5:20, 5:20] = 1
    annotation = Annotation(labels, labels > 0)
    desk.session.annotations.save(current(desk), box, annotation, state)
    desk.session.tiles_changed.emit(current(desk).id)


@pytest.fixture
def said(bench: Desk) -> list[str]:
    lines: list[str] = []
    bench.session.said.connect(lambda text, problem: lines.append(text))
    return lines


@given(
    first=st.tuples(st.floats(-50, 250), st.floats(-50, 250)),
    second=st.tuples(st.floats(-50, 250), st.floats(-50, 250)),
)
def test_any_rectangle_becomes_a_box_inside_the_image(
    first: tuple[float, float], second: tuple[float, float]
) -> None:
    box = snapped(np.array([first, second]), (200, 20))

    assert Box.whole((200, 20)).contains(box)
    assert box.size[0] >= SMALLEST_SIDE
    assert box.size[1] == 20


def test_the_outline_of_a_box_is_its_box_again() -> None:
    box = Box((3, 40), (50, 33))

    assert snapped(corners_of(box), (200, 200)) == box
    assert snapped(corners_of(box) + 0.4, (200, 200)) == box
    assert not differ(corners_of(box), box)
    assert differ(corners_of(box) + 0.4, box)


def test_tiles_lie_where_their_pixels_are(bench: Desk) -> None:
    bench.tiles.add(current(bench), [FIRST, SECOND])
    layer = shapes(bench)

    assert len(layer.data) == 2
    # Pixel 0 lies at (3, 7) and is half a unit wide: its edge is a quarter before.
    corner = layer.data_to_world(layer.data[0].min(axis=0))
    assert corner == pytest.approx((3 + 16 * 0.5 - 0.25, 7 + 16 * 0.5 - 0.25))
    found = bench.tiles.at((3 + 30 * 0.5, 7 + 30 * 0.5))
    assert found is not None
    assert found.record.box == FIRST
    assert bench.tiles.at((3, 7)) is None


def test_the_colour_of_an_edge_is_the_state(bench: Desk, qtbot: QtBot) -> None:
    item, store = current(bench), bench.session.annotations
    third, fourth = Box((100, 16), (64, 64)), Box((16, 120), (64, 64))
    bench.tiles.add(item, [FIRST])
    paint_into(bench, SECOND, "training")
    paint_into(bench, third, "validation")
    store.add_tile(item, fourth, "training")
    bench.session.tiles_changed.emit(item.id)

    qtbot.waitUntil(lambda: not bench.tiles.book.uncounted())

    by_box = {tile.record.box: tile for tile in bench.tiles.in_view}
    assert by_box[FIRST].state == "to do"
    assert by_box[SECOND].state == "training"
    assert by_box[third].state == "validation"
    assert by_box[fourth].state == "no objects"
    expected = [STATE_COLOURS[tile.state] for tile in bench.tiles.in_view]
    found = [
        "#" + "".join(f"{round(255 * c):02x}" for c in rgb[:3])
        for rgb in shapes(bench).edge_color
    ]
    assert found == expected


def test_the_tile_in_hand_has_a_thicker_edge(bench: Desk) -> None:
    bench.tiles.add(current(bench), [FIRST, SECOND])

    bench.session.take(SECOND)

    thin, thick = shapes(bench).edge_width
    assert thick > 2 * thin


def test_a_drawn_rectangle_becomes_a_tile_to_do(bench: Desk, qtbot: QtBot) -> None:
    layer = shapes(bench)

    with qtbot.waitSignal(bench.tiles.drawing.drawn):
        layer.add_rectangles(corners_of(FIRST) + 0.3)

    (record,) = bench.session.annotations.tiles(current(bench))
    assert (record.box, record.state) == (FIRST, "to do")
    assert bench.session.tile == FIRST
    qtbot.waitUntil(lambda: not differ(layer.data[0], FIRST))
    assert layer.features[NUMBER].tolist() == [0]


def test_a_tile_that_overlaps_another_is_refused(
    bench: Desk, qtbot: QtBot, said: list[str]
) -> None:
    bench.tiles.add(current(bench), [FIRST])
    layer = shapes(bench)

    with qtbot.waitSignal(bench.tiles.drawing.drawn):
        layer.add_rectangles(corners_of(Box((40, 40), (64, 64))))

    qtbot.waitUntil(lambda: len(layer.data) == 1)
    assert boxes(bench) == [FIRST]
    assert "overlaps" in said[-1]


def test_a_slip_of_the_mouse_makes_no_tile(bench: Desk, qtbot: QtBot) -> None:
    layer = shapes(bench)

    with qtbot.waitSignal(bench.tiles.drawing.drawn):
        layer.add_rectangles(np.array([(5, 5), (5, 6), (6, 6), (6, 5)]))

    qtbot.waitUntil(lambda: len(layer.data) == 0)
    assert boxes(bench) == []


def drag(desk: Desk, number: int, corners: Any) -> None:
    """What napari does at the end of a drag."""
    layer = shapes(desk)
    layer.selected_data = {number}
    layer._data_view.edit(number, np.asarray(corners))
    layer.events.data(
        value=layer.data, action="changed", data_indices=(number,), vertex_indices=((),)
    )


def test_an_empty_tile_moves_with_its_rectangle(bench: Desk, qtbot: QtBot) -> None:
    bench.tiles.add(current(bench), [FIRST, SECOND])
    bench.session.take(FIRST)
    target = Box((20, 24), (70, 48))

    drag(bench, 0, corners_of(target) + 0.2)

    qtbot.waitUntil(lambda: target in boxes(bench))
    assert sorted(boxes(bench)) == [target, SECOND]
    assert bench.session.tile == target
    assert bench.annotating.place == (current(bench).id, target)


def test_a_labelled_tile_stays_and_says_why(
    bench: Desk, qtbot: QtBot, said: list[str]
) -> None:
    paint_into(bench, FIRST)

    drag(bench, 0, corners_of(SECOND))

    qtbot.waitUntil(lambda: bool(said))
    assert "labelled already" in said[-1]
    qtbot.waitUntil(lambda: not differ(shapes(bench).data[0], FIRST))
    assert boxes(bench) == [FIRST]


def test_strokes_that_are_not_saved_yet_hold_a_tile_too(
    bench: Desk, qtbot: QtBot, said: list[str]
) -> None:
    bench.tiles.add(current(bench), [FIRST])
    bench.session.take(FIRST)
    layer = bench.annotating.annotation.layer
    assert layer is not None
    layer.paint((10, 10), 1)

    drag(bench, 0, corners_of(SECOND))

    qtbot.waitUntil(lambda: bool(said))
    assert boxes(bench) == [FIRST]


def test_deleting_removes_empty_tiles_only(
    bench: Desk, qtbot: QtBot, said: list[str]
) -> None:
    bench.tiles.add(current(bench), [FIRST])
    paint_into(bench, SECOND)
    bench.session.take(FIRST)
    layer = shapes(bench)
    layer.selected_data = {0, 1}

    layer.remove_selected()

    qtbot.waitUntil(lambda: boxes(bench) == [SECOND])
    qtbot.waitUntil(lambda: len(layer.data) == 1)
    assert "Remove" in said[-1]
    assert bench.session.tile is None


def test_a_copied_rectangle_is_a_new_tile(bench: Desk, qtbot: QtBot) -> None:
    bench.tiles.add(current(bench), [FIRST])
    layer = shapes(bench)
    layer.add_rectangles(corners_of(SECOND))
    layer.features = {NUMBER: [0, 0]}

    bench.tiles.drawing.reconcile()

    assert sorted(boxes(bench)) == [FIRST, SECOND]


def test_nothing_is_replaced_while_the_user_drags(bench: Desk) -> None:
    layer = shapes(bench)

    class Event:
        type = "mouse_press"

    event = Event()
    drag_ = bench.tiles.drawing.on_press(layer, event)
    next(drag_)
    layer.add_rectangles(corners_of(SECOND))
    bench.tiles.add(current(bench), [FIRST])
    assert not differ(layer.data[0], SECOND)
    assert layer.features[NUMBER].tolist() == [NEW]

    event.type = "mouse_release"
    with pytest.raises(StopIteration):
        next(drag_)
    bench.tiles.drawing.reconcile()
    assert sorted(boxes(bench)) == [FIRST, SECOND]


def test_images_held_out_for_testing_get_no_tile(
    bench: Desk, qtbot: QtBot, said: list[str]
) -> None:
    project = bench.session.opened
    bench.images.show(project.set_role(current(bench), "test"))

    with qtbot.waitSignal(bench.tiles.drawing.drawn):
        shapes(bench).add_rectangles(corners_of(FIRST))

    assert "held out for testing" in said[-1]
    assert boxes(bench) == []


def test_the_layer_is_made_once_and_goes_with_the_project(bench: Desk) -> None:
    layer = shapes(bench)
    other = bench.session.opened.images[1]

    bench.images.show(other)
    bench.tiles.add(other, [FIRST])
    assert shapes(bench) is layer
    assert len(layer.data) == 1

    bench.session.close()
    assert layer not in bench.viewer.layers
    assert bench.tiles.layer is None


def test_a_layer_that_the_user_deletes_comes_back_on_demand(bench: Desk) -> None:
    bench.tiles.add(current(bench), [FIRST])
    bench.viewer.layers.remove(shapes(bench))

    bench.session.tiles_changed.emit(current(bench).id)
    assert "tiles" not in bench.viewer.layers

    bench.tiles.start_drawing()
    assert bench.viewer.layers.selection.active is shapes(bench)
    assert shapes(bench).mode == "add_rectangle"
    assert len(shapes(bench).data) == 1


def test_edges_keep_their_width_on_the_screen(bench: Desk, qtbot: QtBot) -> None:
    bench.tiles.add(current(bench), [FIRST])
    camera = bench.viewer.scene.camera
    camera.zoom = 1.0
    qtbot.waitUntil(lambda: shapes(bench).edge_width[0] > 2.9)
    before = shapes(bench).edge_width[0]

    camera.zoom = 4.0

    qtbot.waitUntil(lambda: shapes(bench).edge_width[0] < before)
    assert shapes(bench).edge_width[0] == pytest.approx(before / 4)
