"""The wheel in an environment of its own: napari finds the dock and opens it."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# torch is not needed here, and triton beside Mesa's OpenGL ends the process.
BEFORE = """
import sys
sys.modules["triton"] = None
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication
import napari_semiseg
assert napari_semiseg.__file__.startswith(sys.prefix), napari_semiseg.__file__

def docks():
    return [
        widget
        for widget in QApplication.allWidgets()
        if type(widget).__name__ == "SemisegDock" and widget.isVisible()
    ]
"""
MENU = """
import napari
viewer = napari.Viewer()
bar = viewer.window._qt_window.menuBar()

def entry(menu, words):
    menu.aboutToShow.emit()  # napari fills its menus when they are opened.
    texts = {action.text().replace("&", ""): action for action in menu.actions()}
    found = next(text for text in texts if text.startswith(words[0]))
    action = texts[found]
    return action if len(words) == 1 else entry(action.menu(), words[1:])

layers = next(a.menu() for a in bar.actions() if a.text().replace("&", "") == "Layers")
action = entry(layers, ["Segment", "Semi-supervised segmentation"])
assert action.isEnabled()
action.trigger()
QApplication.processEvents()
(dock,) = docks()
assert dock.desk.viewer.window is viewer.window
assert [step.panel.title for step in dock.steps] == [
    "Images", "Annotate", "Train", "Review", "Export"
]
viewer.close()
print("opened")
"""
OPTION = """
from napari.qt import get_qapp
application = get_qapp()
looks = []

def look():
    looks.append(1)
    if docks() or len(looks) > 600:
        timer.stop()
        print("opened" if docks() else "not opened")
        for widget in QApplication.topLevelWidgets():
            widget.close()
        application.quit()

timer = QTimer()
timer.timeout.connect(look)
timer.start(100)
sys.argv = ["napari", "-w", "napari-semiseg"]
from napari.__main__ import main
main()
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the wheel, before all that is here."""
    pytest.importorskip("build")
    pytest.importorskip("hatchling")
    pytest.importorskip("pip")
    folder = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o"]
    run([*build, str(folder), str(ROOT)])
    (wheel,) = folder.glob("*.whl")
    run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")])
    python = folder / "venv" / "bin" / "python"
    if os.name == "nt":
        python = folder / "venv" / "Scripts" / "python.exe"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install"]
    run([*pip, "--no-deps", "--no-index", str(wheel)])
    place = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(run([str(python), "-c", place]).strip())
    # Behind the wheel; an editable installation's own .pth there is not read.
    (site / "present.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def run(command: list[str], folder: Path | None = None) -> str:
    surroundings = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        command,
        cwd=folder,
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def test_the_dock_opens_by_its_name_in_the_menu(python: Path, tmp_path: Path) -> None:
    assert "opened" in run([str(python), "-c", BEFORE + MENU], tmp_path).split("\n")


def test_the_dock_opens_by_an_option_of_napari(python: Path, tmp_path: Path) -> None:
    assert "opened" in run([str(python), "-c", BEFORE + OPTION], tmp_path).split("\n")


def test_the_installed_manifest_is_valid(python: Path, tmp_path: Path) -> None:
    said = run([str(python), "-m", "npe2", "validate", "napari-semiseg"], tmp_path)

    assert "Manifest for 'Semi-supervised segmentation' valid" in said
