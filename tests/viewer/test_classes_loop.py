"""A semantic project from the first stroke to the table, with a real training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import skimage
import tifffile
from class_scenes import NAMES, cells, make_class_project
from hands import Hands

from napari_semiseg.geometry import Box
from napari_semiseg.viewer.opening import add_dock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

MINUTE = 60_000


def paint_truth(hands: Hands, tile: Box) -> None:
    """Paint boxes around what is of each class, the nuclei last."""
    number = int(hands.desk.session.item.name.removeprefix("cells")[:-4])
    truth = cells(number)[1][tile.slices]
    for kind in (1, 2):
        hands.key(f"Ctrl+{kind}")
        for region in skimage.measure.regionprops(skimage.measure.label(truth >= kind)):
            y0, x0, y1, x1 = region.bbox
            origin = (y0 + tile.origin[0], x0 + tile.origin[1])
            hands.fill_box(Box(origin, (y1 - y0, x1 - x0)))


def train(hands: Hands, qtbot: QtBot, step: str, text: str) -> None:
    training = hands.desk.training
    qtbot.waitUntil(lambda: training.why_not() is None, timeout=MINUTE)
    hands.press(step, text)
    qtbot.waitUntil(lambda: training.active is not None, timeout=MINUTE)
    with qtbot.waitSignal(training.ended, timeout=8 * MINUTE):
        pass
    assert training.view.state == "finished", training.view.sentence


def look(hands: Hands, qtbot: QtBot, item: Any) -> Box:
    """Wait until the model has looked at the image in view."""
    teacher, whole = hands.desk.teacher, Box.whole(item.shape)
    qtbot.waitUntil(lambda: teacher.known_in(whole), timeout=3 * MINUTE)
    qtbot.waitUntil(lambda: not teacher.busy, timeout=MINUTE)
    return whole


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_paint_train_correct_retrain_export(
    make_napari_viewer: Callable[..., Any], tmp_path: Path, qtbot: QtBot
) -> None:
    project = make_class_project(tmp_path)
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1400, 900)
    dock = add_dock(viewer)
    hands, desk = Hands(dock), dock.desk
    with qtbot.waitSignal(desk.images.shown, timeout=MINUTE):
        dock.open_project(project.folder)

    # One tile, painted with the keys of the classes and the brush.
    panel: Any = dock.panel("Annotate")
    dock.open_step("Annotate")
    panel._count.setValue(1)
    panel._side.setValue(64)
    hands.press("Annotate", "Suggest tiles")
    qtbot.waitUntil(lambda: desk.session.tile is not None, timeout=MINUTE)
    labelled, tile = desk.session.item, desk.session.tile
    assert labelled is not None and tile is not None
    paint_truth(hands, tile)
    assert set(np.unique(viewer.layers["annotation"].data)) == {0, 1, 2}
    hands.press("Annotate", "Done")
    qtbot.waitUntil(lambda: not desk.autosave.unsaved, timeout=MINUTE)
    train(hands, qtbot, "Train", "Train")
    assert "mean IoU" in dock.panel("Train").fact()

    # Classes on an image without labels; instances are hidden, and not painted on.
    item = next(i for i in project.images if i.id != labelled.id)
    with qtbot.waitSignal(desk.images.shown, timeout=MINUTE):
        desk.images.show(item)
    dock.open_step("Review")
    whole = look(hands, qtbot, item)
    kinds, pieces = viewer.layers["pseudo-labels"], viewer.layers["instances"]
    truth = cells(int(item.name[5]))[1]
    assert (np.asarray(kinds.data) == truth).mean() > 0.6
    assert kinds.visible and not pieces.visible and not pieces.editable
    review: Any = dock.panel("Review")
    qtbot.waitUntil(lambda: review.classes.isVisible(), timeout=MINUTE)
    assert not review.cutting.isVisible()

    # A stroke of a class on the model's layer, kept and taken back as others are.
    hands.press("Review", "cytoplasm")
    assert (viewer.layers.selection.active, kinds.mode) == (kinds, "paint")
    assert kinds.selected_label == 1
    hands.key("Ctrl+2")
    assert kinds.selected_label == 2
    assert viewer.layers.selection.active is kinds
    kinds.brush_size = 5
    y, x = map(int, np.argwhere(truth[8:-8, 8:-8] == 0)[0] + 8)
    hands.stroke([(y, x), (y, x + 2)])
    hands.stroke([(y + 12, x), (y + 12, x + 2)])
    kinds.undo()
    qtbot.waitUntil(lambda: not desk.autosave.unsaved, timeout=MINUTE)
    kept = desk.session.corrections.read(item, whole)
    assert kept.classes[y, x] == 2
    assert (kept.classes != 255).sum() < 60

    train(hands, qtbot, "Review", "Train again")
    assert kinds.data[y, x] == 2
    assert desk.training.view.accepted

    # After a restart it is there, too, and in the results.
    desk.session.close()
    with qtbot.waitSignal(desk.images.shown, timeout=MINUTE):
        dock.open_project(project.folder)
    desk.images.show(item)
    qtbot.waitUntil(lambda: desk.session.item == item, timeout=MINUTE)
    look(hands, qtbot, item)
    assert viewer.layers["pseudo-labels"].data[y, x] == 2
    hands.press("Export", "Export")
    qtbot.waitUntil(lambda: desk.exporting.view.folder is not None, timeout=4 * MINUTE)
    results = project.folder / "results"
    mask = tifffile.imread(results / f"{item.name[:-4]}.tif")
    assert mask[y, x] == 2
    lines = (results / f"{item.name[:-4]}.csv").read_text().splitlines()
    assert lines[3].startswith(f"2,{NAMES[1]},{(mask == 2).sum()},")
    assert "unexpected" not in "".join(map(str, dock.lines.texts))
