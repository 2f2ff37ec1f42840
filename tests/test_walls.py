"""The walls between the rooms: who may import whom, and what an import may load."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "napari_semiseg"

WINDOWS = {
    "napari",
    "qtpy",
    "PyQt5",
    "PyQt6",
    "PySide6",
    "magicgui",
    "superqt",
    "pyqtgraph",
    "vispy",
}
TORCH = {"torch", "torchvision", "timm", "kornia", "lightning_fabric"}
# Slow to import; the dock opens without them, and loads them when it needs them.
SLOW = {"PIL", "mahotas", "matplotlib", "pyqtgraph", "tifffile", "zarr"}

# Imports run downhill only. Modules at the root (errors, files, geometry) are for all.
BELOW = {
    "segmentation": set(),
    "samples": {"segmentation", "exchange"},
    "exchange": {"segmentation", "samples"},
    "project": {"segmentation", "exchange"},
    "learning": {"segmentation", "prediction"},
    "prediction": {"segmentation", "learning"},
    "runs": {"segmentation", "exchange", "project", "learning", "prediction"},
}
# The verbs for Python and for a terminal: above all rooms but the viewer.
SURFACES = ("api", "cli")
# The only room with windows: above all, so that everything runs without it.
BELOW_VIEWER = {*BELOW, "api"}
# These rooms do not import torch even inside a function.
WITHOUT_TORCH = ("segmentation", "samples", "exchange", "project", "viewer")


def modules(room: str) -> list[Path]:
    return sorted((PACKAGE / room).rglob("*.py"))


def imported(path: Path, *, only_at_once: bool = False) -> set[str]:
    """Every module that a file names in an import, wherever the import stands.

    With ``only_at_once``, those inside functions are left out.
    """
    names: set[str] = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    lazy = {
        node
        for function in ast.walk(tree)
        if only_at_once and isinstance(function, functions)
        for node in ast.walk(function)
    }
    for node in set(ast.walk(tree)) - lazy:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def loaded_by(*names: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after importing ``names``."""
    return {name.partition(".")[0] for name in modules_loaded_by(*names)}


def modules_loaded_by(*names: str) -> set[str]:
    """All modules that a fresh interpreter holds after importing ``names``."""
    code = f"import sys, {', '.join(names)}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def names_of(room: str) -> list[str]:
    parts = [
        path.relative_to(PACKAGE.parent).with_suffix("").parts for path in modules(room)
    ]
    return [".".join(part).removesuffix(".__init__") for part in parts]


def test_every_room_has_its_rules() -> None:
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}

    assert rooms - {"viewer", *SURFACES} == set(BELOW)


@pytest.mark.parametrize("room", [*BELOW, "viewer"])
def test_imports_run_downhill(room: str) -> None:
    below = BELOW_VIEWER if room == "viewer" else BELOW[room]
    allowed = {f"napari_semiseg.{name}." for name in (*below, room)}
    known = {f"napari_semiseg.{name}." for name in (*BELOW, "viewer", "cli", "api")}

    uphill = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in modules(room)
        for name in imported(path)
        if f"{name}.".startswith(tuple(known - allowed))
    }

    assert not uphill


def test_nobody_but_the_command_line_knows_the_viewer_and_only_in_functions() -> None:
    at_import = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in PACKAGE.rglob("*.py")
        if not path.is_relative_to(PACKAGE / "viewer")
        for name in imported(path, only_at_once=path.parent.name == "cli")
        if f"{name}.".startswith("napari_semiseg.viewer.")
    }

    assert not at_import


@pytest.mark.parametrize("room", WITHOUT_TORCH)
def test_no_torch_even_inside_functions(room: str) -> None:
    heavy = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in modules(room)
        for name in imported(path)
        if name.partition(".")[0] in TORCH
    }

    assert not heavy


@pytest.mark.parametrize("room", [*BELOW, *SURFACES, "."])
def test_only_the_viewer_names_windows(room: str) -> None:
    paths = modules(room) if room != "." else sorted(PACKAGE.glob("*.py"))
    windows = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in paths
        for name in imported(path)
        if name.partition(".")[0] in WINDOWS
    }

    assert not windows


def test_importing_the_package_loads_nothing() -> None:
    assert not loaded_by("napari_semiseg") & (WINDOWS | TORCH | {"numpy"})


@pytest.mark.parametrize(
    "room", ["segmentation", "samples", "exchange", "project", "runs"]
)
def test_importing_a_room_loads_neither_qt_nor_torch(room: str) -> None:
    assert not loaded_by(*names_of(room)) & (WINDOWS | TORCH)


def test_importing_the_command_line_loads_neither_qt_nor_torch() -> None:
    names = [
        f"napari_semiseg.{path.stem}"
        for path in PACKAGE.glob("*.py")
        if not path.stem.startswith("__")
    ]
    names += [name for surface in SURFACES for name in names_of(surface)]

    assert not loaded_by(*names) & (WINDOWS | TORCH)


def test_importing_the_dock_loads_nothing_slow() -> None:
    napari_alone = modules_loaded_by("napari.layers", "napari.viewer")
    loaded = modules_loaded_by("napari_semiseg.viewer.dock") - napari_alone

    assert not {name.partition(".")[0] for name in loaded} & (TORCH | SLOW)
    assert not {"scipy.ndimage", "scipy.optimize", "skimage.segmentation"} & loaded


def test_settings_are_read_without_torch() -> None:
    assert not loaded_by("napari_semiseg.learning.settings") & TORCH


@pytest.mark.slow
def test_importing_the_viewer_loads_no_torch() -> None:
    assert not loaded_by(*names_of("viewer")) & TORCH


@pytest.mark.slow
@pytest.mark.parametrize("room", ["learning", "prediction"])
def test_learning_and_prediction_know_no_qt(room: str) -> None:
    assert not loaded_by(*names_of(room)) & WINDOWS
