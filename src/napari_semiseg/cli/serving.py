"""The command of the viewer's server, which nobody needs to type."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_semiseg.cli.application import app, calm_threads
from napari_semiseg.cli.options import DeviceOption, ProjectArgument


@app.command(hidden=True)
def serve(
    project: ProjectArgument,
    session: Annotated[str, typer.Option("--session", help="Name of its folder.")],
    parent: Annotated[
        int | None,
        typer.Option("--parent", help="Process to work for; it ends with that."),
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Predict for a viewer: answer the requests in a folder."""
    calm_threads()
    from napari_semiseg.api.serving import serve as serve_project

    serve_project(project, session, parent=parent, device=device)
