"""The whole loop with real clicks and strokes, and a real training process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from hands import Hands
from projects import nuclei
from qtpy.QtWidgets import QApplication

from napari_semiseg.geometry import Box
from napari_semiseg.learning.methods import METHODS
from napari_semiseg.project.owners import Owner
from napari_semiseg.project.project import Project
from napari_semiseg.segmentation.trust import Trust
from napari_semiseg.viewer.canvas import camera_of
from napari_semiseg.viewer.opening import add_dock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

MINUTE = 60_000
# Enough to tell bright squares from noise; some seconds on one core.
SMALL: dict[str, Any] = {
    "steps": 60,
    "tile_size": 64,
    "network": {"architecture": "unet", "encoder": "resnet18", "weights": "none"},
}
BATCHES: dict[str, dict[str, Any]] = {
    "actis": {
        "supervised_fraction": 0.7,
        "supervised": {"batch": 4},
        "consistency": {"labelled_batch": 2, "unlabelled_batch": 2, "fresh": 1},
    },
}


def make_project(folder: Path, method: str) -> Project:
    """Four images of bright squares; nothing is labelled."""
    pictures = folder / "images"
    pictures.mkdir(parents=True)
    for number in range(4):
        tifffile.imwrite(pictures / f"cells{number}.tif", nuclei(number)[0])
    project = Project.create(folder / "project")
    project.add_images([pictures], axes="YX")
    training = {
        "method": method,
        "changes": {**SMALL, **BATCHES.get(method, {})},
        "minutes": None,
        "device": "cpu",
    }
    project.update_settings(training=training)
    return project


def paint_truth(hands: Hands, tile: Box) -> int:
    """Outline every object of a tile with the brush, as a user would."""
    number = int(hands.desk.session.item.name.removeprefix("cells")[:-4])
    truth = nuclei(number)[1][tile.slices]
    ids = [n for n in np.unique(truth) if n]
    for object_id in ids:
        hands.press("Annotate", "New object")
        ys, xs = np.nonzero(truth == object_id)
        origin = (int(ys.min()) + tile.origin[0], int(xs.min()) + tile.origin[1])
        size = (int(np.ptp(ys)) + 1, int(np.ptp(xs)) + 1)
        hands.fill_box(Box(origin, size))
    return len(ids)


def layer(hands: Hands, name: str) -> Any:
    return hands.viewer.layers[name]


def seen(viewer: Any) -> tuple[Any, float]:
    camera = camera_of(viewer)
    return camera.center, camera.zoom


def select(hands: Hands, name: str, mode: str = "paint") -> Any:
    found = layer(hands, name)
    hands.viewer.layers.selection.active = found
    found.visible = True  # napari gives no brush for a layer that is hidden.
    found.mode = mode
    found.brush_size = 6
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "method", [name for name in ("actis", "fixmatch-st") if name in METHODS]
)
def test_label_train_correct_retrain_export(
    make_napari_viewer: Callable[..., Any], tmp_path: Path, qtbot: QtBot, method: str
) -> None:
    project = make_project(tmp_path, method)
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1400, 900)
    dock = add_dock(viewer)
    hands, desk = Hands(dock), dock.desk
    with qtbot.waitSignal(desk.images.shown, timeout=MINUTE):
        dock.open_project(project.folder)

    # Suggest tiles, paint what is in the first two, and mark them as done.
    panel: Any = dock.panel("Annotate")
    dock.open_step("Annotate")
    panel._count.setValue(2)
    panel._side.setValue(64)
    hands.press("Annotate", "Suggest tiles")
    qtbot.waitUntil(lambda: desk.session.tile is not None, timeout=MINUTE)
    for _ in range(2):
        tile = desk.session.tile
        assert tile is not None
        select(hands, "annotation")
        n_objects = paint_truth(hands, tile)
        drawn = np.asarray(layer(hands, "annotation").data)
        assert len(np.unique(drawn[drawn > 0])) == n_objects
        hands.press("Annotate", "Done")
        hands.press("Annotate", "Next")
        qtbot.waitUntil(lambda before=tile: desk.session.tile != before, timeout=9000)
    qtbot.waitUntil(lambda: not desk.autosave.unsaved)
    assert desk.annotating.n_training_tiles == 2

    # Train: a real process, watched.
    assert next(s.panel.title for s in dock.steps if s.property("next")) == "Train"
    hands.press("Train", "Train")
    qtbot.waitUntil(lambda: desk.training.active is not None, timeout=MINUTE)
    with qtbot.waitSignal(desk.training.ended, timeout=5 * MINUTE):
        pass
    assert desk.training.view.state == "finished", desk.training.view.sentence
    first_run = desk.training.view.run_id
    qtbot.waitUntil(lambda: desk.training.has_model)

    # The teacher's three layers fill on an image that nobody labelled.
    labelled = {i.id for i in project.images if desk.session.annotations.tiles(i)}
    item = next(i for i in project.images if i.id not in labelled)
    with qtbot.waitSignal(desk.images.shown, timeout=MINUTE):
        desk.images.show(item)
    whole = Box.whole(item.shape)
    qtbot.waitUntil(lambda: desk.teacher.known_in(whole), timeout=2 * MINUTE)
    qtbot.waitUntil(lambda: not desk.teacher.busy, timeout=MINUTE)
    instances = layer(hands, "instances")
    assert len(np.unique(instances.data)) > 3
    assert np.asarray(layer(hands, "pseudo-labels").data).any()
    select(hands, "instances")  # napari's own controls now have their width.
    QApplication.processEvents()
    camera = seen(viewer)

    # Correct on each of them. A new object where the teacher sees none:
    ys, xs = np.nonzero(np.asarray(instances.data)[6:-6, 6:-6] == 0)
    y, x = int(ys[0]) + 6, int(xs[0]) + 6
    mine = int(instances.data.max()) + 1
    instances.selected_label = mine
    hands.stroke([(y, x), (y, x + 2)])
    assert instances.data[y, x] == mine
    # a class, where the brush paints it, and pixels not to be trusted:
    classes = select(hands, "pseudo-labels")
    classes.selected_label = 2
    hands.stroke([(40, 50), (40, 52)])
    trust = select(hands, "confidence mask")
    trust.selected_label = 2
    hands.stroke([(60, 20), (60, 24)])
    # and an object to accept with the key, under the cursor.
    theirs = next(
        n
        for n in np.unique(instances.data)
        if n > 0 and n != mine and (np.asarray(instances.data) == n).sum() > 20
    )
    ys, xs = np.nonzero(np.asarray(instances.data) == theirs)
    middle = len(ys) // 2
    hands.hover((int(ys[middle]), int(xs[middle])))
    hands.key("K")
    qtbot.waitUntil(lambda: not desk.autosave.unsaved, timeout=MINUTE)
    assert seen(viewer) == camera

    kept = desk.session.corrections.read(item, whole)
    assert kept.instances[y, x] == mine
    assert kept.owners[y, x] == Owner.HUMAN
    assert kept.owners[ys[middle], xs[middle]] == Owner.ACCEPTED
    assert kept.classes[40, 51] == 2
    assert kept.trust[60, 22] == Trust.NOT_TRUSTED

    # Train again from this model; the panel says what came of it.
    hands.press("Review", "Train again")
    qtbot.waitUntil(lambda: desk.training.active is not None, timeout=MINUTE)
    with qtbot.waitSignal(desk.training.ended, timeout=5 * MINUTE):
        pass
    assert desk.training.view.state == "finished", desk.training.view.sentence
    assert desk.training.view.run_id != first_run
    assert desk.training.view.verdict
    assert instances.data[y, x] == mine

    # Export the image in view, and read the mask back.
    hands.press("Export", "Export")
    qtbot.waitUntil(lambda: desk.exporting.view.folder is not None, timeout=2 * MINUTE)
    mask = tifffile.imread(project.folder / "results" / f"{item.path[-10:-4]}.tif")
    assert mask.shape == item.shape
    assert mask[y, x] > 0
    assert (mask == mask[y, x]).sum() == (kept.instances == mine).sum()
    shown = "".join(str(text) for text in dock.lines.texts)
    assert "unexpected" not in shown
