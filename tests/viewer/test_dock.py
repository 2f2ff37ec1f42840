"""The dock as a whole: opens, tells what to do next, closes without a trace."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from projects import make_project
from qtpy.QtWidgets import QWidget

from napari_semiseg.geometry import Box
from napari_semiseg.project.project import Project
from napari_semiseg.viewer.opening import TITLE, add_dock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from napari_semiseg.viewer.dock import SemisegDock

TILES = {0: [(Box((0, 0), (64, 64)), "training")]}


@pytest.fixture
def new_dock(make_napari_viewer: Callable[..., Any]) -> Callable[[], SemisegDock]:
    """Makes docks; a fixture that held one itself would keep its viewer alive."""
    return lambda: add_dock(make_napari_viewer())


def next_step(dock: SemisegDock) -> str:
    (lit,) = [step.panel.title for step in dock.steps if step.property("next")]
    return lit


def test_the_next_step_is_lit(
    new_dock: Callable[[], SemisegDock], tmp_path: Path, qtbot: QtBot
) -> None:
    dock = new_dock()
    assert next_step(dock) == "Images"

    project = make_project(tmp_path / "p", TILES)
    with qtbot.waitSignal(dock.desk.images.shown):
        dock.open_project(project.folder)
    qtbot.waitUntil(lambda: next_step(dock) == "Train")

    dock.desk.session.annotations.set_state(project.images[0], TILES[0][0][0], "to do")
    dock.desk.session.tiles_changed.emit(project.images[0].id)
    qtbot.waitUntil(lambda: next_step(dock) == "Annotate")


def test_each_closed_step_says_a_fact(
    new_dock: Callable[[], SemisegDock], tmp_path: Path, qtbot: QtBot
) -> None:
    dock = new_dock()
    assert dock.steps[0].panel.fact() == "no project yet"
    project = make_project(tmp_path / "p", TILES)
    with qtbot.waitSignal(dock.desk.images.shown):
        dock.open_project(project.folder)

    facts = {step.panel.title: step.panel.fact() for step in dock.steps}

    assert facts["Images"] == "3 images, 1 channel"
    assert all(facts.values())
    assert "1" in facts["Annotate"]


def test_what_is_no_project_is_a_line_and_no_dialog(
    new_dock: Callable[[], SemisegDock], tmp_path: Path
) -> None:
    dock = new_dock()
    dock.open_project(tmp_path)

    assert "is not a project" in dock.lines.texts[0]
    assert dock.desk.session.project is None


def test_a_new_project_takes_the_open_images(
    new_dock: Callable[[], SemisegDock], tmp_path: Path, qtbot: QtBot
) -> None:
    dock = new_dock()
    make_project(tmp_path / "other", {})
    image = tmp_path / "other-images" / "cells1.tif"
    dock.desk.viewer.open(str(image), plugin="napari")

    with qtbot.waitSignal(dock.desk.session.image_changed):
        dock.menu.create(tmp_path / "mine")

    (item,) = Project.open(tmp_path / "mine").images
    assert item.name == "cells1.tif"
    assert dock.header.isVisibleTo(dock)


def test_sample_images_make_a_project(
    new_dock: Callable[[], SemisegDock], tmp_path: Path, qtbot: QtBot
) -> None:
    dock = new_dock()
    with qtbot.waitSignal(dock.desk.images.shown, timeout=30_000):
        dock.menu.open_samples(tmp_path / "try")

    assert len(dock.desk.session.opened.images) == 8
    assert dock.desk.session.item is not None


def test_an_image_that_moved_is_found_again(
    new_dock: Callable[[], SemisegDock], tmp_path: Path, qtbot: QtBot
) -> None:
    dock = new_dock()
    project = make_project(tmp_path / "p", TILES)
    (tmp_path / "p-images").rename(tmp_path / "moved")

    dock.open_project(project.folder)
    assert dock.desk.session.item is None
    panel: Any = dock.panel("Images")
    with qtbot.waitSignal(dock.desk.session.images_changed):
        panel.missing.search(tmp_path / "moved")
    with qtbot.waitSignal(dock.desk.images.shown):
        dock.desk.images.show(dock.desk.session.opened.images[0])

    assert "Found 3 images." in dock.lines.texts


def test_a_second_viewer_may_only_look(
    new_dock: Callable[[], SemisegDock], tmp_path: Path, qtbot: QtBot
) -> None:
    project = make_project(tmp_path / "p", TILES)
    one, two = new_dock(), new_dock()
    for dock in (one, two):
        with qtbot.waitSignal(dock.desk.images.shown):
            dock.open_project(project.folder)
        qtbot.waitUntil(lambda desk=dock.desk: desk.teacher.ready)

    assert one.desk.session.writable
    assert not two.desk.session.writable
    assert "look only" in two.lines.texts[0]
    assert two.header.words == "read-only"
    labels = [
        layer for layer in two.desk.viewer.layers if layer._type_string == "labels"
    ]
    assert labels
    assert not any(layer.editable for layer in labels)


def test_closing_the_dock_leaves_the_viewer_as_it_was(
    make_napari_viewer: Callable[..., Any], tmp_path: Path, qtbot: QtBot
) -> None:
    viewer = make_napari_viewer()
    mine = viewer.add_points([[1, 2]], name="mine")
    keys = set(viewer.keymap)
    dock = add_dock(viewer)
    project = make_project(tmp_path / "p", TILES)
    with qtbot.waitSignal(dock.desk.images.shown):
        dock.open_project(project.folder)
    assert len(viewer.layers) > 1
    session = dock.desk.session

    viewer.window.remove_dock_widget(dock)

    assert list(viewer.layers) == [mine]
    assert set(viewer.keymap) == keys
    assert session.project is None
    dock.deleteLater()


def test_a_closed_dock_can_be_forgotten(
    make_napari_viewer: Callable[..., Any], tmp_path: Path, qtbot: QtBot
) -> None:
    viewer = make_napari_viewer()
    dock = add_dock(viewer)
    project = make_project(tmp_path / "p", TILES)
    with qtbot.waitSignal(dock.desk.images.shown):
        dock.open_project(project.folder)
    desk = weakref.ref(dock.desk)
    viewer.window.remove_dock_widget(dock)
    dock.setParent(None)
    dock.deleteLater()
    del dock

    def forgotten() -> bool:
        gc.collect()
        return desk() is None

    qtbot.waitUntil(forgotten)


def test_nothing_is_wider_than_a_narrow_dock(
    new_dock: Callable[[], SemisegDock], tmp_path: Path, qtbot: QtBot
) -> None:
    dock = new_dock()
    project = make_project(tmp_path / "p", TILES)
    with qtbot.waitSignal(dock.desk.images.shown):
        dock.open_project(project.folder)

    for step in dock.steps:
        step.set_open(True)
        assert step.minimumSizeHint().width() <= 340, step.panel.title


def test_every_control_says_what_it_does(new_dock: Callable[[], SemisegDock]) -> None:
    dock = new_dock()
    silent = [
        f"{step.panel.title}: {type(child).__name__} {child.objectName()}"
        for step in dock.steps
        for child in step.findChildren(QWidget)
        if child.metaObject().className()
        in {"QPushButton", "QComboBox", "QCheckBox", "QSpinBox", "QDoubleSpinBox"}
        and not child.toolTip()
    ]

    assert silent == []


@pytest.mark.slow
def test_the_dock_loads_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys, napari\n"
        "viewer = napari.Viewer(show=False)\n"
        f"_, dock = viewer.window.add_plugin_dock_widget('napari-semiseg', {TITLE!r})\n"
        "assert type(dock).__name__ == 'SemisegDock'\n"
        "print(*{'torch', 'torchvision', 'timm', 'kornia'} & set(sys.modules))\n"
        "viewer.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
