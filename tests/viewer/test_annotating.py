from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_semiseg.geometry import Box
from napari_semiseg.project.accepting import accept_objects
from napari_semiseg.project.annotation import Annotation
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.project import Project
from napari_semiseg.viewer.keys import KEYS
from napari_semiseg.viewer.tiles.annotation_layer import ANNOTATION, IGNORE

if TYPE_CHECKING:
    from napari.layers import Labels
    from pytestqt.qtbot import QtBot

    from napari_semiseg.project.records import ImageItem
    from napari_semiseg.viewer.desk import Desk

FIRST = Box((16, 16), (64, 64))
SECOND = Box((100, 120), (64, 80))


@pytest.fixture
def item(bench: Desk) -> ImageItem:
    """The image in view, with two tiles to do; the first is in hand."""
    assert bench.session.item is not None
    bench.tiles.add(bench.session.item, [FIRST, SECOND])
    bench.session.take(FIRST)
    return bench.session.item


@pytest.fixture
def said(bench: Desk) -> list[str]:
    lines: list[str] = []
    bench.session.said.connect(lambda text, problem: lines.append(text))
    return lines


def layer_of(bench: Desk) -> Labels:
    assert bench.annotating.annotation.layer is not None
    return bench.annotating.annotation.layer


def stored(bench: Desk, item: ImageItem, box: Box = FIRST) -> Any:
    """What another program reads."""
    project = Project.open(bench.session.opened.folder)
    return AnnotationStore(project).load(item, box)


def press(bench: Desk, name: str) -> None:
    handler = bench.viewer.window._qt_viewer._key_map_handler
    assert handler.press_key(KEYS[name].sequence)


def square(bench: Desk, number: int, y: int, x: int, side: int = 8) -> None:
    labels = layer_of(bench).data.copy()
    labels[y : y + side, x : x + side] = number
    bench.annotating.annotation.replace(labels)


def test_the_layer_has_the_size_and_place_of_the_tile(
    bench: Desk, item: ImageItem
) -> None:
    layer = layer_of(bench)

    assert layer.name == ANNOTATION
    assert layer.data.shape == FIRST.size
    assert layer.data.dtype == np.int32
    assert tuple(layer.translate) == (3 + 16 * 0.5, 7 + 16 * 0.5)

    bench.session.take(SECOND)
    assert layer_of(bench) is layer
    assert layer.data.shape == SECOND.size


def test_the_first_tile_puts_a_brush_into_the_hand_and_later_ones_nothing(
    bench: Desk, item: ImageItem
) -> None:
    layer = layer_of(bench)
    assert bench.viewer.layers.selection.active is layer
    assert layer.mode == "paint"

    layer.mode = "erase"
    layer.brush_size = 3
    bench.viewer.layers.selection.active = bench.tiles.layer
    bench.session.take(SECOND)

    assert layer.mode == "erase"
    assert layer.brush_size == 3
    assert bench.viewer.layers.selection.active is bench.tiles.layer


def test_the_tool_survives_a_change_of_image(bench: Desk, item: ImageItem) -> None:
    other = bench.session.opened.images[1]
    layer_of(bench).mode = "fill"
    bench.tiles.add(other, [FIRST])

    bench.annotating.take((other.id, FIRST))

    assert bench.session.item == other
    assert layer_of(bench).mode == "fill"


def test_taking_a_tile_fills_most_of_the_canvas(bench: Desk, item: ImageItem) -> None:
    camera, canvas = bench.viewer.scene.camera, bench.viewer.canvas.size

    middle = (3 + (16 + 32 - 0.5) * 0.5, 7 + (16 + 32 - 0.5) * 0.5)
    assert camera.center[-2:] == pytest.approx(middle)
    assert camera.zoom * 64 * 0.5 == pytest.approx(0.7 * min(canvas))


def test_strokes_are_saved_soon(bench: Desk, item: ImageItem, qtbot: QtBot) -> None:
    with qtbot.waitSignal(bench.autosave.saved):
        layer_of(bench).paint((10, 12), 4)

    found = stored(bench, item)
    assert np.array_equal(found.instances, layer_of(bench).data)
    assert found.n_objects == 1
    # Nobody has said anything about the rest.
    assert np.array_equal(found.annotated, found.instances > 0)


def test_undo_and_redo_are_saved_too(
    bench: Desk, item: ImageItem, qtbot: QtBot
) -> None:
    layer = layer_of(bench)
    layer.paint((10, 12), 4)
    qtbot.waitUntil(lambda: stored(bench, item).n_objects == 1)

    layer.undo()
    qtbot.waitUntil(lambda: stored(bench, item).n_objects == 0)

    layer.redo()
    qtbot.waitUntil(lambda: stored(bench, item).n_objects == 1)


def test_what_a_script_paints_is_saved(
    bench: Desk, item: ImageItem, qtbot: QtBot
) -> None:
    layer = layer_of(bench)
    layer.data[3:9, 3:9] = 2
    layer.refresh()

    qtbot.waitUntil(lambda: stored(bench, item).n_objects == 1)


def test_pixels_of_another_size_are_not_taken_for_labels(
    bench: Desk, item: ImageItem, qtbot: QtBot, said: list[str]
) -> None:
    square(bench, 1, 10, 10)
    qtbot.waitUntil(lambda: not bench.autosave.unsaved)

    layer_of(bench).data = np.full((5, 5), 7, np.int32)

    qtbot.waitUntil(lambda: bool(said))
    assert layer_of(bench).data.shape == FIRST.size
    assert stored(bench, item).n_objects == 1


def test_going_on_at_once_loses_no_stroke(bench: Desk, item: ImageItem) -> None:
    layer = layer_of(bench)
    layer.paint((10, 12), 4)
    painted = layer.data.copy()

    bench.session.take(SECOND)
    layer.paint((20, 20), 2)
    # The disk may not have the strokes yet.
    bench.session.take(FIRST)

    assert np.array_equal(layer.data, painted)
    assert bench.autosave.flush()
    assert np.array_equal(stored(bench, item).instances, painted)
    assert stored(bench, item, SECOND).n_objects == 1


def test_a_failing_disk_loses_no_stroke(
    bench: Desk, item: ImageItem, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    layer = layer_of(bench)
    with monkeypatch.context() as broken:

        def refuse(*_: Any) -> None:
            raise OSError("No space left on device")

        broken.setattr("napari_semiseg.project.annotations.write_layers", refuse)
        layer.paint((10, 12), 4)
        painted = layer.data.copy()
        with qtbot.waitSignal(bench.autosave.failed):
            bench.session.take(SECOND)
        bench.session.take(FIRST)
        assert np.array_equal(layer.data, painted)

    qtbot.waitUntil(bench.autosave.flush)
    bench.annotating.states.done()
    assert np.array_equal(stored(bench, item).instances, painted)


def test_another_tile_cannot_be_undone_into(bench: Desk, item: ImageItem) -> None:
    layer = layer_of(bench)
    layer.paint((10, 12), 4)

    bench.session.take(SECOND)
    layer.undo()

    assert not layer.data.any()


def test_the_selected_number_is_free(bench: Desk, item: ImageItem) -> None:
    layer = layer_of(bench)
    assert layer.selected_label == 1
    square(bench, 5, 10, 10)

    press(bench, "new id")
    assert layer.selected_label == 6
    bench.session.take(SECOND)
    assert layer.selected_label == 1


def test_the_ignore_brush_paints_minus_one(bench: Desk, item: ImageItem) -> None:
    layer = layer_of(bench)
    layer.mode = "pan_zoom"

    press(bench, "ignore")
    assert (layer.selected_label, str(layer.mode)) == (IGNORE, "paint")
    layer.paint((10, 10), layer.selected_label)
    bench.annotating.states.to_do()
    found = stored(bench, item)
    assert (found.instances == IGNORE).any()
    assert not found.annotated[found.instances == IGNORE].any()

    press(bench, "ignore")
    assert layer.selected_label == 1


def test_the_background_brush_paints_nothing(bench: Desk, item: ImageItem) -> None:
    layer = layer_of(bench)
    square(bench, 1, 10, 10)

    press(bench, "background brush")
    assert (layer.selected_label, str(layer.mode)) == (0, "paint")
    layer.paint((10, 10), layer.selected_label)
    assert layer.data[10, 10] == 0
    press(bench, "background brush")
    assert layer.selected_label == 2


def test_done_finishes_a_painted_tile_only(
    bench: Desk, item: ImageItem, said: list[str]
) -> None:
    press(bench, "done")
    assert "Nothing is painted" in said[-1]
    assert bench.annotating.n_training_tiles == 0

    square(bench, 1, 10, 10)
    press(bench, "done")

    record = bench.session.annotations.tile(item, FIRST)
    assert record.state == "training"
    assert stored(bench, item).annotated.all()
    assert bench.annotating.n_training_tiles == 1

    press(bench, "validation")
    assert bench.session.annotations.tile(item, FIRST).state == "validation"
    press(bench, "to do")
    assert bench.session.annotations.tile(item, FIRST).state == "to do"


def test_no_objects_is_said_of_bare_tiles_only(
    bench: Desk, item: ImageItem, said: list[str]
) -> None:
    square(bench, 1, 10, 10)
    press(bench, "no objects")
    assert "holds 1 object" in said[-1]
    assert bench.session.annotations.tile(item, FIRST).state == "to do"

    layer_of(bench).undo()
    press(bench, "no objects")

    assert bench.session.annotations.tile(item, FIRST).state == "training"
    assert stored(bench, item).annotated.all()
    tile = bench.annotating.tile
    assert tile is not None
    assert tile.state == "no objects"


def test_numbers_in_pieces_are_offered_numbers_of_their_own(
    bench: Desk, item: ImageItem
) -> None:
    square(bench, 1, 5, 5)
    square(bench, 1, 30, 30)

    bench.annotating.states.done()

    offer = bench.annotating.offer
    assert offer is not None
    assert "separate pieces" in offer.text
    offer.accept()
    assert bench.annotating.n_objects == 2
    assert bench.annotating.offer is None
    assert bench.annotating.save()
    assert stored(bench, item).n_objects == 2
    layer_of(bench).undo()
    assert bench.annotating.n_objects == 1


def test_filling_takes_the_teachers_objects_in_one_step(
    bench: Desk, item: ImageItem
) -> None:
    layer = layer_of(bench)
    square(bench, 3, 5, 5)
    before = layer.data.copy()
    proposal = np.zeros(FIRST.size, np.int32)
    proposal[4:14, 4:14], proposal[30:40, 30:40] = 7, 9
    bench.teacher.instances = proposal

    press(bench, "fill")

    assert layer.data[35, 35] == 4
    assert layer.data[8, 8] == 3
    assert layer.data[13, 13] == 0  # Another opinion about an object that is there.
    layer.undo()
    assert np.array_equal(layer.data, before)


def test_filling_without_a_model_changes_nothing(bench: Desk, item: ImageItem) -> None:
    press(bench, "fill")

    assert not layer_of(bench).data.any()


def test_a_tile_shows_what_was_accepted_before_and_erasing_it_lasts(
    bench: Desk, item: ImageItem
) -> None:
    bench.session.take(None)
    proposal = np.zeros(item.shape, np.int32)
    proposal[105:115, 125:135] = 1
    accept_objects(bench.session.opened, item, proposal)

    bench.session.take(SECOND)
    layer = layer_of(bench)
    assert bench.annotating.n_objects == 1
    bench.annotating.annotation.replace(np.zeros_like(layer.data))
    bench.session.take(FIRST)
    assert bench.autosave.flush()
    bench.session.take(SECOND)

    assert not layer.data.any()


def test_a_removed_tile_can_be_put_back(bench: Desk, item: ImageItem) -> None:
    square(bench, 1, 10, 10)
    bench.annotating.states.done()
    painted = layer_of(bench).data.copy()

    bench.annotating.states.remove()
    assert bench.session.tile is None
    assert [t.box for t in bench.session.annotations.tiles(item)] == [SECOND]
    offer = bench.annotating.offer
    assert offer is not None
    offer.accept()

    assert bench.session.tile == FIRST
    assert np.array_equal(layer_of(bench).data, painted)
    assert bench.session.annotations.tile(item, FIRST).state == "training"


def test_next_and_previous_go_through_all_images(bench: Desk, item: ImageItem) -> None:
    other = bench.session.opened.images[1]
    bench.tiles.add(other, [SECOND])

    visited = []
    for _ in range(3):
        press(bench, "next tile")
        assert bench.session.item is not None
        visited.append((bench.session.item.id, bench.session.tile))
    assert visited == [(item.id, SECOND), (other.id, SECOND), (item.id, FIRST)]

    press(bench, "previous tile")
    assert (bench.session.item, bench.session.tile) == (other, SECOND)


def test_a_click_takes_a_tile_and_the_own_tile_keeps_the_brush(
    bench: Desk, item: ImageItem, said: list[str]
) -> None:
    clicks = bench.annotating.clicks
    world = bench.session.placement.to_world

    clicks.click(world((20, 20)))
    assert bench.session.tile == FIRST
    clicks.click(world((110, 130)))
    assert bench.session.tile == SECOND
    clicks.click(world((190, 10)))
    assert bench.session.tile == SECOND
    assert "tile in hand" in said[-1]


def test_a_change_by_others_is_shown_and_can_be_undone(
    bench: Desk, item: ImageItem
) -> None:
    labels = np.zeros(FIRST.size, np.int32)
    labels[40:50, 40:50] = 2
    bench.session.annotations.save(item, FIRST, Annotation.complete(labels), "training")

    bench.session.tiles_changed.emit(item.id)

    assert np.array_equal(layer_of(bench).data, labels)
    tile = bench.annotating.tile
    assert tile is not None
    assert tile.record.finished
    layer_of(bench).undo()
    assert not layer_of(bench).data.any()


def test_a_project_to_look_at_only_is_not_painted_in(
    bench: Desk, item: ImageItem, said: list[str]
) -> None:
    square(bench, 1, 10, 10)
    bench.annotating.states.done()
    project = bench.session.opened
    bench.session.open(project)
    bench.session.read_only = "Somebody else has it."
    bench.images.show(item)
    bench.session.take(FIRST)

    assert not layer_of(bench).editable
    assert bench.tiles.layer is not None
    assert not bench.tiles.layer.editable
    press(bench, "to do")
    assert said[-1] == "Somebody else has it."
    assert bench.session.annotations.tile(item, FIRST).state == "training"


def test_closing_the_project_saves_and_removes_the_layer(
    bench: Desk, item: ImageItem
) -> None:
    layer = layer_of(bench)
    layer.paint((10, 12), 4)
    folder = bench.session.opened.folder

    bench.session.close()

    assert layer not in bench.viewer.layers
    assert bench.autosave.flush()
    assert AnnotationStore(Project.open(folder)).load(item, FIRST).n_objects == 1


def test_a_deleted_layer_comes_back_with_a_tile(bench: Desk, item: ImageItem) -> None:
    layer_of(bench).paint((10, 12), 4)
    bench.viewer.layers.remove(layer_of(bench))
    assert bench.session.tile is None

    bench.session.take(FIRST)

    assert layer_of(bench) in bench.viewer.layers
    assert bench.annotating.n_objects == 1
