"""What a person decided with real strokes, after a refresh, a restart, a training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hands import Hands
from projects import nuclei
from test_loop import BATCHES, MINUTE, SMALL, layer, make_project, select

from napari_semiseg.geometry import Box
from napari_semiseg.project.annotation import Annotation
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.owners import OVERLAP, Owner
from napari_semiseg.runs.folder import find_run
from napari_semiseg.runs.snapshot import load_inputs
from napari_semiseg.segmentation.trust import Trust
from napari_semiseg.viewer.opening import add_dock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from napari_semiseg.project.correction_planes import Corrections
    from napari_semiseg.project.records import ImageItem
    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.dock import SemisegDock

TILE = Box((0, 0), (64, 64))


def open_dock(viewer: Any, folder: Path, qtbot: QtBot) -> SemisegDock:
    viewer.window._qt_window.resize(1400, 900)
    dock = add_dock(viewer)
    with qtbot.waitSignal(dock.desk.images.shown, timeout=MINUTE):
        dock.open_project(folder)
    return dock


def look_at(desk: Desk, item: ImageItem, qtbot: QtBot) -> Any:
    """Put an image in view, and wait until the model has looked at all of it."""
    if desk.session.item != item:
        with qtbot.waitSignal(desk.images.shown, timeout=MINUTE):
            desk.images.show(item)
    whole = Box.whole(item.shape)
    qtbot.waitUntil(lambda: desk.teacher.known_in(whole), timeout=2 * MINUTE)
    qtbot.waitUntil(lambda: not desk.teacher.busy, timeout=MINUTE)
    return desk.viewer.layers["instances"]


def train(hands: Hands, step: str, text: str, qtbot: QtBot) -> str:
    """Train with the button, to the end; the id of the run."""
    desk = hands.desk
    hands.press(step, text)
    qtbot.waitUntil(lambda: desk.training.active is not None, timeout=MINUTE)
    with qtbot.waitSignal(desk.training.ended, timeout=8 * MINUTE):
        pass
    assert desk.training.view.state == "finished", desk.training.view.sentence
    qtbot.waitUntil(lambda: desk.training.has_model)
    run: str = desk.training.view.run_id
    return run


def stored(desk: Desk, item: ImageItem) -> Corrections:
    assert desk.autosave.flush()
    return desk.session.corrections.read(item, Box.whole(item.shape))


def check(desk: Desk, item: ImageItem, kept: Corrections, gone: np.ndarray) -> None:
    """Nothing that the person decided is otherwise, stored or shown."""
    assert stored(desk, item).same(kept)
    shown = np.asarray(desk.viewer.layers["instances"].data)
    np.testing.assert_array_equal(shown[kept.claimed], kept.instances[kept.claimed])
    assert not shown[gone].any()
    for number in np.unique(shown[shown > 0]):
        theirs = shown == number
        around = (theirs & gone).sum()
        assert around <= OVERLAP * theirs.sum()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_real_strokes_outlive_a_refresh_a_restart_and_a_training(
    make_napari_viewer: Callable[..., Any], tmp_path: Path, qtbot: QtBot
) -> None:
    project = make_project(tmp_path, "actis")
    few = {"labelled_batch": 2, "unlabelled_batch": 2, "fresh": 1, "teacher_views": 2}
    changes = {
        **SMALL,
        **BATCHES["actis"],
        "steps": 30,
        "consistency": few,
        "accepted_weight": 0.5,
    }
    project.update_settings(
        training={**project.settings["training"], "changes": changes}
    )
    for number, item in enumerate(project.images[:2]):
        drawn = nuclei(number)[1][TILE.slices].astype(np.int32)
        tiles = AnnotationStore(project)
        tiles.save(item, TILE, Annotation.complete(drawn), "training")
    first = make_napari_viewer(show=True)
    dock = open_dock(first, project.folder, qtbot)
    hands, desk = Hands(dock), dock.desk
    train(hands, "Train", "Train", qtbot)
    item = project.images[3]
    instances = look_at(desk, item, qtbot)

    # A stroke on each layer, an object erased in part, one rejected, one accepted.
    shown = np.asarray(instances.data).copy()
    ids, sizes = np.unique(shown[shown > 0], return_counts=True)
    large = ids[np.argsort(-sizes)][:3]
    assert len(large) == 3, "the model sees too little"
    centres = [np.argwhere(shown == n)[(shown == n).sum() // 2] for n in large]
    select(hands, "instances").selected_label = int(shown.max()) + 1
    ys, xs = np.nonzero(shown[6:-6, 6:-6] == 0)
    hands.stroke([(ys[0] + 6, xs[0] + 6), (ys[0] + 6, xs[0] + 8)])
    select(hands, "instances", "erase").brush_size = 3
    hands.stroke([centres[0], centres[0] + 1])
    select(hands, "instances", "pan_zoom")
    hands.hover(centres[1])
    hands.key("Shift+X")
    hands.hover(centres[2])
    hands.key("K")
    select(hands, "pseudo-labels").selected_label = 2
    hands.stroke([(40, 50), (40, 52)])
    select(hands, "confidence mask").selected_label = 2
    hands.stroke([(60, 20), (60, 24)])
    kept = stored(desk, item)
    gone = kept.background
    assert {*np.unique(kept.owners)} >= {Owner.NOBODY, Owner.ACCEPTED, Owner.HUMAN}
    assert gone[tuple(centres[0])]
    assert gone[shown == large[1]].all()
    assert (kept.classes != 255).any()
    assert (kept.trust == Trust.NOT_TRUSTED).any()

    # A refresh, and another image in between.
    desk.looking.look_again()
    look_at(desk, project.images[2], qtbot)
    look_at(desk, item, qtbot)
    check(desk, item, kept, gone)

    # A restart.
    first.close()
    second = make_napari_viewer(show=True)
    dock = open_dock(second, project.folder, qtbot)
    hands, desk = Hands(dock), dock.desk
    look_at(desk, item, qtbot)
    check(desk, item, kept, gone)

    # A short training that learns it, and whose model looks at the image.
    again = {**project.settings["training"], "changes": {**changes, "steps": 8}}
    desk.session.opened.update_settings(training=again)
    qtbot.waitUntil(lambda: desk.training.why_not() is None, timeout=MINUTE)
    run = train(hands, "Review", "Train again", qtbot)
    look_at(desk, item, qtbot)
    desk.looking.look_again()
    qtbot.waitUntil(lambda: not desk.looking.waiting, timeout=2 * MINUTE)
    qtbot.waitUntil(lambda: not desk.teacher.busy, timeout=MINUTE)
    check(desk, item, kept, gone)
    learned = load_inputs(find_run(project.folder, run), desk.session.opened)
    told = learned.told(item.id, Box.whole(item.shape))
    np.testing.assert_array_equal(told.instances > 0, kept.instances > 0)
    np.testing.assert_array_equal(told.accepted, kept.owners == Owner.ACCEPTED)
    np.testing.assert_array_equal(told.class_overrides, kept.classes)
    assert told.annotated[gone].all()
    assert layer(hands, "instances").data[tuple(centres[2])] > 0
