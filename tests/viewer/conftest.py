"""Small projects and fake processes for tests of the dock."""

from __future__ import annotations

import contextlib
import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from napari_semiseg.viewer.canvas import camera_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot
    from rig import Rig

    from napari_semiseg.viewer.desk import Desk

HERE = Path(__file__).parent
# Helpers of the tests: those of this folder, and the projects and processes of runs.
sys.path[:0] = [str(HERE), str(HERE.parent / "runs")]


@pytest.fixture(scope="session", autouse=True)
def quick_garbage() -> None:
    """Keep what imports made out of the many collections of napari and its tests."""
    import napari.layers
    import napari.qt  # noqa: F401

    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def own_preferences(tmp_path: Path) -> None:
    """Keep what the dock remembers of a person out of the home of whoever tests."""
    from qtpy.QtCore import QSettings

    form, scope = QSettings.Format.IniFormat, QSettings.Scope.UserScope
    QSettings.setPath(form, scope, str(tmp_path / "preferences"))


@pytest.fixture(scope="module")
def shared_viewer(qapp: Any) -> Iterator[Any]:
    """One viewer for the tests of a module, as making one takes a second.

    Beside it `make_napari_viewer` cannot be used.
    """
    import napari
    from napari._qt.qt_viewer import QtViewer
    from napari._qt.threads.status_checker import StatusChecker
    from napari.settings import get_settings

    get_settings().reset()
    with own_application(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(StatusChecker, "start", lambda *_: None)
        viewer = napari.Viewer(show=False, show_welcome_screen=False)
        window = viewer.window._qt_window
        patch.setattr(window, "_save_current_window_settings", lambda: None)
        gc.collect()
        gc.freeze()
        yield viewer
        gc.unfreeze()
        viewer.close()
    del viewer, window
    gc.collect()
    gc.freeze()
    left = len(QtViewer._instances)
    QtViewer._instances.clear()
    assert left == 0, "a viewer was not forgotten"


@contextlib.contextmanager
def own_application() -> Iterator[None]:
    """Let napari register its actions in an application that is gone afterwards."""
    from napari._app_model._app import NapariApplication, _napari_names
    from napari._qt._qapp_model.qactions import init_qactions
    from napari.plugins import _initialize_plugins

    caches = (init_qactions, _initialize_plugins)
    application = NapariApplication("shared")
    application.injection_store.namespace = _napari_names
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NapariApplication, "get_app_model", lambda: application)
        for cache in caches:
            cache.cache_clear()
        try:
            yield
        finally:
            NapariApplication.destroy("shared")
            for cache in caches:
                cache.cache_clear()


@pytest.fixture
def viewer(shared_viewer: Any) -> Iterator[Any]:
    """The module's viewer without a layer, key or callback of an earlier test."""
    camera = camera_of(shared_viewer)
    keys, callbacks = dict(shared_viewer.keymap), _callbacks(shared_viewer)
    camera.center, camera.zoom = (0.0, 0.0, 0.0), 1.0
    yield shared_viewer
    shared_viewer.layers.clear()
    assert dict(shared_viewer.keymap) == keys
    assert _callbacks(shared_viewer) == callbacks


def _callbacks(viewer: Any) -> list[list[Any]]:
    kinds = ("move", "drag", "wheel", "double_click")
    return [list(getattr(viewer, f"mouse_{kind}_callbacks")) for kind in kinds]


@pytest.fixture
def bench(viewer: Any, tmp_path: Path) -> Iterator[Desk]:
    """The annotate step's desk with a project of two images; the first is in view."""
    from bench import close_bench, make_bench, make_project

    desk = make_bench(viewer)
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
