"""Small projects and fake processes for tests of the dock."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot
    from rig import Rig

    from napari_semiseg.viewer.desk import Desk

HERE = Path(__file__).parent
# Helpers of the tests: those of this folder, and the projects and processes of runs.
sys.path[:0] = [str(HERE), str(HERE.parent / "runs")]


@pytest.fixture
def bench(make_napari_viewer: Any, tmp_path: Path) -> Iterator[Desk]:
    """The annotate step's desk with a project of two images; the first is in view."""
    from bench import close_bench, make_bench, make_project

    desk = make_bench(make_napari_viewer())
    desk.session.open(make_project(tmp_path))
    desk.images.show(desk.session.opened.images[0])
    yield desk
    close_bench(desk)


@pytest.fixture
def rig(
    make_napari_viewer: Any,
    tmp_path: Path,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Rig]:
    """Makes whole docks on a project of three images, one tile of which is labelled."""
    from rig import Rig

    made = Rig(make_napari_viewer, tmp_path, qtbot)
    made.take_over(monkeypatch)
    yield made
    made.end()
