"""Opening napari with the dock: ``napari-semiseg open PROJECT``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_semiseg.viewer.dock import SemisegDock

if TYPE_CHECKING:
    from pathlib import Path

    from napari.viewer import Viewer

TITLE = "Semi-supervised segmentation"


def add_dock(viewer: Viewer) -> SemisegDock:
    """Put the dock on the right side of a viewer's window."""
    dock = SemisegDock(viewer)
    viewer.window.add_dock_widget(dock, name=TITLE, area="right")
    return dock


def open_viewer(project: Path | None = None, *, block: bool = True) -> SemisegDock:
    """Open napari with the dock, and a project in it.

    Parameters
    ----------
    project
        Its folder; None: the dock is empty.
    block
        Wait until the window is closed.
    """
    import napari

    viewer = napari.Viewer(title="napari-semiseg")
    dock = add_dock(viewer)
    if project is not None:
        dock.open_project(project)
    if block:
        napari.run()
    return dock
