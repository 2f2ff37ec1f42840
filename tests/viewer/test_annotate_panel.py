from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from napari_semiseg.geometry import Box
from napari_semiseg.project.object_size import ObjectSize
from napari_semiseg.project.project import Project
from napari_semiseg.viewer.panels.annotate import AnnotatePanel
from napari_semiseg.viewer.tiles.importing import LabelSource

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot
    from qtpy.QtWidgets import QPushButton

    from napari_semiseg.project.records import ImageItem
    from napari_semiseg.viewer.desk import Desk

FIRST = Box((16, 16), (64, 64))
SECOND = Box((100, 120), (64, 80))


@pytest.fixture
def panel(bench: Desk, qtbot: QtBot) -> Iterator[AnnotatePanel]:
    made = AnnotatePanel(bench)
    qtbot.addWidget(made)
    yield made
    made.close_panel()
    qtbot.waitUntil(lambda: not bench.background.busy)


@pytest.fixture
def said(bench: Desk) -> list[str]:
    lines: list[str] = []
    bench.session.said.connect(lambda text, problem: lines.append(text))
    return lines


def item_of(bench: Desk) -> ImageItem:
    assert bench.session.item is not None
    return bench.session.item


def find(panel: AnnotatePanel, text: str) -> QPushButton:
    from qtpy.QtWidgets import QPushButton

    buttons = panel.findChildren(QPushButton)
    return next(one for one in buttons if one.text().startswith(text))


def test_the_fact_counts_tiles(bench: Desk, panel: AnnotatePanel) -> None:
    assert panel.fact() == "no tile yet"
    bench.tiles.add(item_of(bench), [FIRST, SECOND])
    assert panel.fact() == "no tile done, 2 to do"

    bench.session.annotations.set_state(item_of(bench), FIRST, "validation")
    bench.session.tiles_changed.emit(item_of(bench).id)

    assert panel.fact() == "1 tile done, 1 for validation, 1 to do"


def test_buttons_say_why_they_are_off(bench: Desk, panel: AnnotatePanel) -> None:
    bench.tiles.add(item_of(bench), [FIRST])
    done = find(panel, "Done")
    assert not done.isEnabled()
    assert "tile" in done.toolTip()

    bench.session.take(FIRST)
    assert done.isEnabled()
    assert "outlined" in done.toolTip()

    bench.session.close()
    assert not find(panel, "Suggest").isEnabled()
    assert "project" in find(panel, "Suggest").toolTip()


def test_a_read_only_project_says_so(bench: Desk, panel: AnnotatePanel) -> None:
    bench.session.read_only = "Somebody else has it."
    panel.refresh()

    for text in ("Suggest", "Draw", "Import", "Done", "Remove", "Split"):
        assert not find(panel, text).isEnabled()
        assert find(panel, text).toolTip() == "Somebody else has it."


def test_every_control_has_a_tooltip_and_the_panel_is_narrow(
    bench: Desk, panel: AnnotatePanel
) -> None:
    from qtpy.QtWidgets import QPushButton, QSpinBox

    bench.tiles.add(item_of(bench), [FIRST])
    controls = [*panel.findChildren(QPushButton), *panel.findChildren(QSpinBox)]
    assert len(controls) > 12
    assert all(control.toolTip() for control in controls)
    assert panel.minimumSizeHint().width() <= 340


def test_the_strip_shows_all_tiles_and_takes_them(
    bench: Desk, panel: AnnotatePanel, qtbot: QtBot
) -> None:
    other = bench.session.opened.images[1]
    bench.tiles.add(item_of(bench), [FIRST])
    bench.tiles.add(other, [SECOND])
    keys = [entry.key for entry in panel.strip.entries]
    assert keys == [(item_of(bench).id, FIRST), (other.id, SECOND)]
    qtbot.waitUntil(lambda: all(panel.thumbnails.get(k) is not None for k in keys))

    panel.strip.chosen.emit(keys[1])

    assert (bench.session.item, bench.session.tile) == (other, SECOND)
    assert panel.strip.current_key() == keys[1]


def test_suggested_tiles_are_tiles_to_do(
    bench: Desk, panel: AnnotatePanel, qtbot: QtBot
) -> None:
    panel._count.setValue(3)
    panel._side.setValue(64)

    with qtbot.waitSignal(panel.suggesting.finished) as caught:
        find(panel, "Suggest").click()
        assert not find(panel, "Suggest").isEnabled()

    assert caught.args == [3]
    tiles = bench.tiles.book.all()
    assert [tile.record.state for tile in tiles] == ["to do"] * 3
    assert {tile.record.box.size for tile in tiles} == {(64, 64)}
    assert bench.annotating.place == tiles[0].place


def test_a_cancelled_search_adds_nothing(
    bench: Desk, panel: AnnotatePanel, qtbot: QtBot
) -> None:
    find(panel, "Suggest").click()
    find(panel, "Cancel").click()

    assert not panel.suggesting.busy
    qtbot.waitUntil(lambda: not bench.background.busy)
    assert bench.tiles.book.all() == []


def test_objects_too_large_for_tiles_bring_the_offer_of_another_scale(
    bench: Desk, panel: AnnotatePanel, qtbot: QtBot
) -> None:
    qtbot.waitUntil(lambda: not bench.background.busy)
    panel.suggesting.size = ObjectSize(60.0, "estimated")

    panel.suggesting.start(2, 64)

    assert not panel.suggesting.busy
    offer = bench.annotating.offer
    assert offer is not None
    assert "60 px" in offer.text
    offer.accept()
    assert bench.session.opened.reduction > 1
    assert item_of(bench).shape[0] < 200

    panel.suggesting.start(2, 64)
    qtbot.waitUntil(lambda: len(bench.tiles.book.all()) > 0)


def labels_of(item: ImageItem) -> np.ndarray:
    labels = np.zeros(item.full_shape, np.uint16)
    labels[20:30, 20:30], labels[40:60, 40:60] = 7, 300
    labels[150:160, 10:20] = 7
    return labels


def test_labels_of_a_layer_go_into_the_tile_where_nothing_is_painted(
    bench: Desk, panel: AnnotatePanel, qtbot: QtBot
) -> None:
    bench.tiles.add(item_of(bench), [FIRST])
    bench.session.take(FIRST)
    annotation = bench.annotating.annotation
    mine = np.zeros(FIRST.size, np.int32)
    mine[0:16, 0:16] = 1
    annotation.replace(mine)
    other = bench.viewer.add_labels(labels_of(item_of(bench)))
    assert panel.importing.layers() == [other]

    panel.importing.into_tile(LabelSource.of_layer(other))

    qtbot.waitUntil(lambda: bench.annotating.n_objects == 2)
    assert annotation.labels[5, 5] == 1
    assert annotation.labels[30, 30] == 2
    assert annotation.layer is not None
    annotation.layer.undo()
    assert np.array_equal(annotation.labels, mine)


def test_labels_of_another_size_are_refused(
    bench: Desk, panel: AnnotatePanel, qtbot: QtBot, said: list[str]
) -> None:
    bench.tiles.add(item_of(bench), [FIRST])
    bench.session.take(FIRST)

    panel.importing.into_tile(LabelSource(pixels=np.ones((10, 10), np.uint8)))

    qtbot.waitUntil(lambda: bool(said))
    assert "10 x 10" in said[-1]
    assert bench.annotating.n_objects == 0


def test_a_file_becomes_the_labels_of_the_whole_image(
    bench: Desk, panel: AnnotatePanel, qtbot: QtBot, tmp_path: Path, said: list[str]
) -> None:
    path = tmp_path / "labels.tif"
    tifffile.imwrite(path, labels_of(item_of(bench)))

    panel.importing.whole_image(LabelSource(path))

    qtbot.waitUntil(lambda: bench.annotating.offer is not None)
    (record,) = bench.session.annotations.tiles(item_of(bench))
    assert record.box == Box.whole(item_of(bench).shape)
    assert "2 object(s)" in said[-1]
    # Number 7 lies in two pieces.
    find(panel, "Separate").click()
    qtbot.waitUntil(lambda: "3 object(s)" in said[-1])


def test_labels_join_images_at_a_reduced_scale(
    bench: Desk, panel: AnnotatePanel, qtbot: QtBot
) -> None:
    bench.session.opened.set_reduction(2)
    reduced = bench.session.opened.images[0]
    bench.session.show(None)
    bench.session.images_changed.emit()
    bench.images.show(reduced)
    box = Box((8, 8), (32, 32))
    bench.tiles.add(reduced, [box])
    bench.session.take(box)

    panel.importing.into_tile(LabelSource(pixels=labels_of(reduced)))

    qtbot.waitUntil(lambda: bench.annotating.n_objects == 2)
    labels = bench.annotating.annotation.labels
    assert (labels[2:7, 2:7] > 0).all()
    assert np.count_nonzero(labels) == 5 * 5 + 10 * 10


def test_the_import_menu_lists_what_is_open(bench: Desk, panel: AnnotatePanel) -> None:
    bench.viewer.add_labels(labels_of(item_of(bench)), name="mine")
    chooser: Any = find(panel, "Import")
    chooser.fill()
    texts = [action.text() for action in chooser.menu().actions()]
    assert texts == ["Layer mine as the whole image", "File as the whole image ..."]

    bench.tiles.add(item_of(bench), [FIRST])
    bench.session.take(FIRST)
    chooser.fill()
    assert "Layer mine into this tile" in [a.text() for a in chooser.menu().actions()]


def test_an_offer_stays_until_it_is_answered(bench: Desk, panel: AnnotatePanel) -> None:
    bench.tiles.add(item_of(bench), [FIRST])
    bench.session.take(FIRST)
    bench.annotating.states.remove()
    panel.show()
    assert find(panel, "Put it back").isVisible()

    find(panel, "Leave it").click()

    assert not find(panel, "Put it back").isVisible()
    assert Project.open(bench.session.opened.folder).images
    assert bench.tiles.book.all() == []


def test_drawing_a_tile_ends_with_a_brush(
    bench: Desk, panel: AnnotatePanel, qtbot: QtBot
) -> None:
    from napari_semiseg.viewer.tiles.tile_shapes import corners_of

    find(panel, "Draw").click()
    assert bench.tiles.layer is not None
    assert bench.viewer.layers.selection.active is bench.tiles.layer
    assert bench.tiles.layer.mode == "add_rectangle"

    bench.tiles.layer.add_rectangles(corners_of(FIRST))

    layer = bench.annotating.annotation.layer
    qtbot.waitUntil(lambda: bench.annotating.place is not None)
    layer = bench.annotating.annotation.layer
    assert bench.viewer.layers.selection.active is layer
