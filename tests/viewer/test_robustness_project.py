"""Projects that others hold, move or delete; runs that die; themes."""

from __future__ import annotations

import os
import shutil
import signal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from desk_fakes import finished_run
from qtpy.QtWidgets import QLabel, QPushButton
from rig import (
    OPEN_TILE,
    OURS,
    TILE,
    WHOLE,
    WatchedRun,
    dab,
    files_of,
    refresh,
    saved,
)

from napari_semiseg.geometry import Box
from napari_semiseg.learning.methods import make_settings
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.corrections import CorrectionStore
from napari_semiseg.project.owners import Owner
from napari_semiseg.project.project import Project
from napari_semiseg.viewer.keys import KEYS

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot
    from qtpy.QtGui import QImage
    from rig import Rig

    from napari_semiseg.viewer.dock import SemisegDock

SQUARE = Box((60, 60), (16, 16))
# What a viewer that only looks may write: questions, locks, answers of its server.
PASSING = ("predictions", "annotations.lock", ".")


def texts(dock: SemisegDock) -> str:
    return " ".join(dock.lines.texts)


def button(dock: SemisegDock, step: str, text: str) -> QPushButton:
    found = dock.panel(step).findChildren(QPushButton)
    return next(
        b
        for b in found
        if b.text().startswith(text) and b.isVisibleTo(dock.panel(step))
    )


# -- two viewers ----------------------------------------------------------------------


@pytest.mark.slow
def test_a_second_viewer_shows_all_and_writes_nothing(
    rig: Rig, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = WatchedRun(rig.project)
    first, second = rig.new_dock(), rig.new_dock()
    one, two = first.desk, second.desk
    qtbot.waitUntil(lambda: two.training.view.state == "training")
    refresh(two, run, qtbot, [SQUARE])

    assert "look only" in texts(second)
    assert second.header.words == "read-only"
    assert one.session.writable
    two.session.take(TILE)
    layers = {name: two.viewer.layers[name] for name in OURS}
    assert not any(layer.editable for layer in layers.values())
    assert layers["instances"].data[68, 68] > 0
    assert layers["annotation"].data.any()

    def nothing_that_was_made() -> dict[str, str]:
        return files_of(rig.project.folder, leave=[*PASSING, "runs"])

    before = nothing_that_was_made()
    objects = one.session.placement.to_world((68, 68))
    for name in ("instances", "pseudo-labels", "confidence mask", "annotation"):
        dab(layers[name], 10, 10, 2)  # A script does not ask whether it may.
        layers[name].undo()
    handler = two.viewer.window._qt_viewer._key_map_handler
    for key in KEYS.values():
        handler.press_key(key.sequence)
    two.reviewing.accept_object(objects)
    two.reviewing.reject_object(objects)
    two.reviewing.accept_tile()
    two.reviewing.give_back_image()
    two.teacher.accept_tile(OPEN_TILE)
    two.reviewing.cutting.put(0.3, 0.4, 5)
    two.tiles.add(rig.items[1], [OPEN_TILE])
    two.annotating.states.done()
    two.annotating.states.remove()
    assert not two.training.start(make_settings("actis"))
    assert not two.training.start_again()
    assert not two.training.resume_ended()
    panel: Any = second.panel("Annotate")
    panel.suggesting.start(2, 32)
    panel.suggesting.cancel()
    qtbot.waitUntil(lambda: not two.background.busy)
    two.autosave.flush()
    two.session.close()

    assert nothing_that_was_made() == before
    assert not rig.processes
    dab(one.viewer.layers["instances"], 80, 90, 30)
    assert saved(one, rig.items[0]).owners[80, 90] == Owner.HUMAN


# -- images and folders ---------------------------------------------------------------


@pytest.mark.slow
def test_images_that_move_away_while_a_run_trains(
    rig: Rig, tmp_path: Path, qtbot: QtBot
) -> None:
    run = WatchedRun(rig.project)
    dock = rig.new_dock()
    desk = dock.desk
    refresh(desk, run, qtbot, [SQUARE])
    images, moved = tmp_path / "p-images", tmp_path / "elsewhere"
    images.rename(moved)

    desk.images.show(rig.items[1])

    qtbot.waitUntil(lambda: rig.items[1].name in texts(dock))
    assert desk.session.item == rig.items[0]
    dab(desk.viewer.layers["instances"], 80, 90, 30)
    assert saved(desk, rig.items[0]).owners[80, 90] == Owner.HUMAN
    panel: Any = dock.panel("Images")
    with qtbot.waitSignal(desk.session.images_changed, timeout=20_000):
        panel.missing.search(moved)
    rig.show(desk, desk.session.opened.images[1])
    rig.show(desk, desk.session.opened.images[0])
    assert desk.viewer.layers["instances"].data[80, 90] == 30
    refresh(desk, run, qtbot, [SQUARE])


@pytest.mark.slow
def test_a_project_folder_deleted_while_open_is_said_and_no_end(
    rig: Rig, qtbot: QtBot
) -> None:
    finished_run(rig.project)
    dock = rig.new_dock()
    desk = dock.desk
    shutil.rmtree(rig.project.folder)

    desk.session.take(TILE)
    dab(desk.viewer.layers["instances"], 80, 90, 30)
    with qtbot.waitSignal(desk.autosave.failed, timeout=20_000):
        desk.autosave.take()
    assert dock.header.words == "NOT SAVED"
    assert "Put its folder back" in texts(dock)
    assert "unexpected" not in texts(dock)
    desk.images.show(rig.items[1])
    assert not desk.training.start(make_settings("actis"))
    desk.reviewing.ranking.rank()
    desk.annotating.states.done()
    desk.tiles.add(rig.items[0], [OPEN_TILE])
    desk.session.close()

    assert desk.session.project is None
    # Half a project would hide that the rest is gone.
    assert not (rig.project.folder / "corrections").exists()
    assert not (rig.project.folder / "annotations").exists()
    other = Project.create(rig.project.folder.parent / "other")
    desk.session.open(other)
    assert desk.session.writable


@pytest.mark.slow
def test_strokes_survive_a_folder_that_cannot_be_written_for_a_while(
    rig: Rig, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = rig.new_dock()
    desk = dock.desk
    desk.tiles.add(rig.items[0], [OPEN_TILE])
    desk.session.take(OPEN_TILE)

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as broken:
        broken.setattr("napari_semiseg.project.annotations.write_layers", refuse)
        broken.setattr(CorrectionStore, "write", refuse)
        dab(desk.viewer.layers["annotation"], 20, 20, 4)
        dab(desk.viewer.layers["instances"], 20, 90, 30)
        dab(desk.viewer.layers["confidence mask"], 30, 100, 2)
        with qtbot.waitSignal(desk.autosave.failed, timeout=20_000):
            desk.autosave.take()
        qtbot.waitUntil(lambda: dock.header.words == "NOT SAVED")
        rig.show(desk, rig.items[1])
        dab(desk.viewer.layers["instances"], 20, 90, 40)
        rig.show(desk, rig.items[0])
        assert desk.viewer.layers["instances"].data[20, 90] == 30
        dab(desk.viewer.layers["instances"], 20, 70, 31)
        dab(desk.viewer.layers["instances"], 40, 90, 32)
        assert not desk.training.start(make_settings("actis"))

    qtbot.waitUntil(desk.autosave.flush, timeout=20_000)
    qtbot.waitUntil(lambda: dock.header.words.startswith("saved"), timeout=20_000)
    kept = CorrectionStore(rig.project).read(rig.items[0], WHOLE)
    places = {(20, 90): 30, (20, 70): 31, (40, 90): 32}
    assert {place: kept.instances[place] for place in places} == places
    assert kept.trust[30, 100] == 2
    other = CorrectionStore(rig.project).read(rig.items[1], WHOLE)
    assert other.instances[20, 90] == 40
    found = AnnotationStore(rig.project).load(rig.items[0], OPEN_TILE)
    assert found.instances[20, 20] == 4


# -- runs -----------------------------------------------------------------------------


@pytest.mark.slow
def test_a_reopened_project_shows_a_living_run_from_its_first_step(
    rig: Rig, qtbot: QtBot
) -> None:
    first = rig.new_dock()
    qtbot.waitUntil(lambda: first.desk.training.why_not() is None)
    assert first.desk.training.start(make_settings("actis"), device="cpu")
    qtbot.waitUntil(lambda: (first.desk.training.view.step or 0) > 20, timeout=30_000)
    run = first.desk.training.view.run_id
    first.desk.viewer.close()

    dock = rig.new_dock(show=True)
    desk = dock.desk
    dock.open_step("Train")
    qtbot.waitUntil(lambda: desk.training.view.state == "training", timeout=20_000)

    assert desk.training.view.run_id == run
    assert desk.training.active is not None
    qtbot.waitUntil(lambda: (desk.training.view.step or 0) > 20, timeout=20_000)
    steps = desk.training.view.curves.loss.steps
    assert steps[0] == 1
    assert steps.size > 20
    assert (np.diff(steps) == 1).all()
    panel: Any = dock.panel("Train")
    qtbot.waitUntil(lambda: panel.progress.curves.isVisible())
    assert panel.progress.stop.isVisible()
    # What it sees is shown, too.
    desk.looking.look_again()
    qtbot.waitUntil(lambda: desk.teacher.known_in(WHOLE), timeout=30_000)
    with qtbot.waitSignal(desk.training.ended, timeout=30_000):
        panel.progress.stop.click()
    assert desk.training.view.state == "stopped"


@pytest.mark.slow
def test_a_killed_run_is_a_sentence_and_a_button_that_goes_on(
    rig: Rig, qtbot: QtBot
) -> None:
    dock = rig.new_dock(show=True)
    desk = dock.desk
    dock.open_step("Train")
    qtbot.waitUntil(lambda: desk.training.why_not() is None)
    button(dock, "Train", "Train").click()
    qtbot.waitUntil(lambda: (desk.training.view.step or 0) > 20, timeout=30_000)

    with qtbot.waitSignal(desk.training.ended, timeout=30_000):
        os.killpg(rig.processes[0].popen.pid, signal.SIGKILL)

    died_at = desk.training.view.step
    panel: Any = dock.panel("Train")
    assert "killed" in panel.progress.why.text()
    go_on = panel.progress.go_on
    assert go_on.isVisible()
    assert go_on.isEnabled()
    dab(desk.viewer.layers["instances"], 80, 90, 30)  # The viewer lives.
    assert saved(desk, rig.items[0]).owners[80, 90] == Owner.HUMAN

    go_on.click()

    qtbot.waitUntil(lambda: (desk.training.view.step or 0) > died_at, timeout=30_000)
    assert desk.training.view.state == "training"
    assert len(rig.processes) == 2
    assert not go_on.isVisible()


# -- themes ---------------------------------------------------------------------------


def contrast(image: QImage) -> float:
    """Ratio of the brightest to the darkest pixel, as WCAG counts it."""
    width, height = image.width(), image.height()
    grey = image.convertToFormat(image.Format.Format_Grayscale8)
    bits = grey.constBits()
    bits.setsize(grey.sizeInBytes())
    rows = np.frombuffer(bits, np.uint8).reshape(height, grey.bytesPerLine())
    values = (rows[:, :width] / 255.0) ** 2.2
    return float((values.max() + 0.05) / (values.min() + 0.05))


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_all_words_can_be_read_in_each_theme(
    rig: Rig, qtbot: QtBot, theme: str
) -> None:
    run = WatchedRun(rig.project)
    finished_run(rig.project)
    dock = rig.new_dock(show=True)
    desk = dock.desk
    desk.viewer.window._qt_window.resize(1300, 950)
    desk.viewer.theme = theme
    qtbot.waitUntil(lambda: desk.training.view.state == "training")
    refresh(desk, run, qtbot, [SQUARE])
    desk.session.say("Something to read.", problem=True)

    pale = {}
    for step in dock.steps:
        for other in dock.steps:
            other.set_open(other is step)
        qtbot.wait(50)
        for kind in (QLabel, QPushButton):
            for widget in dock.findChildren(kind):
                text = widget.text().strip()
                if text and widget.isVisible() and widget.isEnabled():
                    pixels = dock.grab(
                        widget.geometry().translated(
                            widget.parentWidget().mapTo(
                                dock, widget.parentWidget().rect().topLeft()
                            )
                        )
                    ).toImage()
                    if pixels.width() > 8 and pixels.height() > 8:
                        pale[text] = max(pale.get(text, 0), contrast(pixels))
    assert len(pale) > 20
    assert {text: ratio for text, ratio in pale.items() if ratio < 3} == {}
