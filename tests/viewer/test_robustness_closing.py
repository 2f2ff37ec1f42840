"""The viewer or the dock is closed at every stage: nothing is lost, nothing is left."""

from __future__ import annotations

import gc
import os
import signal
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from desk_fakes import finished_run
from rig import OPEN_TILE, WHOLE, dab, our_threads

from napari_semiseg.learning.methods import make_settings
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.corrections import CorrectionStore
from napari_semiseg.project.owners import Owner
from napari_semiseg.runs.status import status
from napari_semiseg.viewer.exporting import ExportWish
from napari_semiseg.viewer.opening import add_dock

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot
    from rig import Rig

    from napari_semiseg.viewer.dock import SemisegDock

PAINTED = (80, 20)


def paint(dock: SemisegDock, qtbot: QtBot) -> None:
    """Strokes on the tile in hand and beside it, a moment before all is closed."""
    desk = dock.desk
    qtbot.waitUntil(lambda: desk.teacher.ready)
    if desk.tiles.book.find(desk.session.item.id, OPEN_TILE) is None:
        desk.tiles.add(desk.session.item, [OPEN_TILE])
    desk.session.take(OPEN_TILE)
    dab(desk.viewer.layers["annotation"], 20, 20, 4)
    dab(desk.viewer.layers["instances"], *PAINTED, 60)


def in_hand(dock: SemisegDock, rig: Rig, qtbot: QtBot) -> None:
    """Nothing but a tile in hand."""


def suggesting(dock: SemisegDock, rig: Rig, qtbot: QtBot) -> None:
    panel: Any = dock.panel("Annotate")
    panel.suggesting.start(3, 32)
    assert panel.suggesting.busy


def starting(dock: SemisegDock, rig: Rig, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: dock.desk.training.why_not() is None)
    assert dock.desk.training.start(make_settings("actis"), device="cpu")
    assert dock.desk.training.view.state == "starting"


def training(dock: SemisegDock, rig: Rig, qtbot: QtBot) -> None:
    starting(dock, rig, qtbot)
    view = dock.desk.training
    qtbot.waitUntil(lambda: (view.view.step or 0) > 2, timeout=30_000)


def pausing(dock: SemisegDock, rig: Rig, qtbot: QtBot) -> None:
    training(dock, rig, qtbot)
    dock.desk.training.pause()
    assert dock.desk.training.view.state == "pausing"


def finishing(dock: SemisegDock, rig: Rig, qtbot: QtBot) -> None:
    training(dock, rig, qtbot)
    dock.desk.training.stop()
    view = dock.desk.training
    qtbot.waitUntil(lambda: view.view.state == "finishing", timeout=30_000)


def ranking(dock: SemisegDock, rig: Rig, qtbot: QtBot) -> None:
    finished_run(rig.project)
    dock.desk.session.model_changed.emit()
    dock.desk.reviewing.ranking.rank()
    assert dock.desk.reviewing.ranking.busy


def exporting(dock: SemisegDock, rig: Rig, qtbot: QtBot) -> None:
    finished_run(rig.project)
    dock.desk.session.model_changed.emit()
    assert dock.desk.exporting.start(ExportWish(rig.project.folder / "results"))
    view = dock.desk.exporting
    qtbot.waitUntil(lambda: view.view.fraction is not None, timeout=30_000)


STAGES = (
    in_hand,
    suggesting,
    starting,
    training,
    pausing,
    finishing,
    ranking,
    exporting,
)


@pytest.fixture(autouse=True)
def slow_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_FINISH", "1.5")


def check_nothing_is_lost(rig: Rig) -> None:
    item = rig.items[0]
    found = AnnotationStore(rig.project).load(item, OPEN_TILE)
    assert found.instances[20, 20] == 4
    kept = CorrectionStore(rig.project).read(item, WHOLE)
    assert kept.owners[PAINTED] == Owner.HUMAN
    assert kept.instances[PAINTED] == 60


def check_nothing_is_left(rig: Rig, qtbot: QtBot) -> None:
    """Servers end; runs go on until the test ends them; no thread remains."""
    assert all(p.poll() is None or status(p.run).ended for p in rig.processes)
    qtbot.waitUntil(
        lambda: all(server.poll() is not None for server in rig.servers),
        timeout=20_000,
    )
    for process in rig.processes:
        if process.poll() is None:
            os.killpg(process.popen.pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: not our_threads(), timeout=20_000)


def check_forgotten(desk: weakref.ref[Any], qtbot: QtBot) -> None:
    def forgotten() -> bool:
        gc.collect()
        return desk() is None

    qtbot.waitUntil(forgotten, timeout=20_000)


def prepared(
    dock: SemisegDock, stage: Callable[[Any, Rig, QtBot], None], rig: Rig, qtbot: QtBot
) -> weakref.ref[Any]:
    """Bring a dock to a stage; only a weak reference to its desk remains."""
    with qtbot.waitSignal(dock.desk.images.shown, timeout=20_000):
        dock.open_project(rig.project.folder)
    qtbot.waitUntil(lambda: dock.desk.teacher.ready)
    stage(dock, rig, qtbot)
    paint(dock, qtbot)
    return weakref.ref(dock.desk)


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)
def test_the_viewer_is_closed(
    rig: Rig, qtbot: QtBot, stage: Callable[[Any, Rig, QtBot], None]
) -> None:
    dock = rig.new_dock(opened=False)
    desk = prepared(dock, stage, rig, qtbot)

    dock.desk.viewer.close()
    del dock

    check_nothing_is_lost(rig)
    check_nothing_is_left(rig, qtbot)
    check_forgotten(desk, qtbot)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_dock_is_closed_at_each_stage_and_opened_again(
    rig: Rig, qtbot: QtBot
) -> None:
    dock = rig.new_dock(opened=False)
    viewer = dock.desk.viewer
    for number, stage in enumerate(STAGES):
        if number:
            dock = add_dock(viewer)
            rig.project.update_settings()
        desk = prepared(dock, stage, rig, qtbot)

        viewer.window.remove_dock_widget(dock)
        dock.setParent(None)
        dock.deleteLater()
        del dock

        assert not viewer.layers, stage.__name__
        check_nothing_is_lost(rig)
        check_nothing_is_left(rig, qtbot)
        check_forgotten(desk, qtbot)


def test_an_empty_dock_is_closed_with_the_viewer(rig: Rig, qtbot: QtBot) -> None:
    dock = rig.new_dock(opened=False)
    desk = weakref.ref(dock.desk)
    dock.desk.viewer.close()
    del dock

    check_nothing_is_left(rig, qtbot)
    check_forgotten(desk, qtbot)


def test_a_project_without_strokes_is_closed_unchanged(rig: Rig, qtbot: QtBot) -> None:
    from rig import files_of

    before = files_of(rig.project.folder)
    dock = rig.new_dock()
    dock.desk.viewer.close()
    del dock

    check_nothing_is_left(rig, qtbot)
    after = files_of(rig.project.folder, leave=["predictions", ".", "annotations.lock"])
    assert {name: before.get(name) for name in after} == after


@pytest.mark.slow
def test_the_window_stays_open_when_the_user_says_so(
    rig: Rig, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["cancel", "keep"])
    monkeypatch.setattr(
        "napari_semiseg.viewer.training.closing.ask_in_dialog", lambda *_: next(answers)
    )
    dock = rig.new_dock(show=True)
    training(dock, rig, qtbot)
    window = dock.desk.viewer.window._qt_window

    window.close()

    assert window.isVisible()
    paint(dock, qtbot)  # All of it still works.
    step = dock.desk.training.view.step
    qtbot.waitUntil(lambda: dock.desk.training.view.step > step, timeout=20_000)
    del window
    dock.desk.viewer.close()
    check_nothing_is_lost(rig)
    assert status(rig.processes[0].run).alive
