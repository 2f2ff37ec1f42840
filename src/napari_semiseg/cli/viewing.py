"""The command that opens napari."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_semiseg.cli.application import app, example
from napari_semiseg.errors import SemisegError


@app.command(
    name="open", epilog=example("napari-semiseg open my-project", "napari-semiseg open")
)
def open_project(
    project: Annotated[
        Path | None,
        typer.Argument(metavar="[PROJECT]", help="Folder of a project; else none."),
    ] = None,
) -> None:
    """Open napari with the dock, and a project in it."""
    from napari_semiseg.demo import viewer_missing
    from napari_semiseg.project.project import Project

    if project is not None:
        Project.open(project)  # Whatever is wrong with it is said here.
    if reason := viewer_missing():
        raise SemisegError(f"The viewer cannot be opened: {reason}")
    from napari_semiseg.viewer.opening import open_viewer

    open_viewer(project)
