"""The command that takes over what a model finds: accept."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_semiseg.cli.application import app, calm_threads, example, say, warn
from napari_semiseg.cli.options import (
    DeviceOption,
    FrameOption,
    ImageArgument,
    ProjectArgument,
    TileRole,
    tile,
)
from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box


@app.command(
    epilog=example(
        "napari-semiseg accept my-project cells_07.tif --tile 0,0,128,128",
        "napari-semiseg accept my-project cells_07.tif --object 12 --object 15",
    )
)
def accept(
    project: ProjectArgument,
    image: ImageArgument,
    tiles: Annotated[
        list[Box] | None,
        typer.Option(
            "--tile",
            parser=tile,
            metavar="Y,X,H,W",
            help="Accept all in this box, also that there is nothing else.",
        ),
    ] = None,
    objects: Annotated[
        list[int] | None,
        typer.Option(
            "--object",
            metavar="ID",
            help="Accept one object; its id in the predicted or exported file. May be "
            "repeated. Without tile and object: all objects of the image.",
        ),
    ] = None,
    frame: FrameOption = None,
    role: Annotated[
        TileRole, typer.Option("--role", help="Of an accepted tile.")
    ] = TileRole.TRAINING,
    device: DeviceOption = "auto",
) -> None:
    """Take over what the model in use finds in an image: it trains the next model."""
    calm_threads()
    from napari_semiseg import api

    if tiles and objects:
        raise SemisegError("Accept either a tile or single objects, not both at once.")
    for box in tiles or ():
        done = api.accept(
            project, image, tile=box, frame=frame, role=role.value, device=device
        )
        if isinstance(done, api.AcceptedTile):
            say(f"{image}: accepted a {role.value} tile of {done.n_objects} object(s).")
    if tiles:
        return
    report = api.accept(project, image, objects=objects, frame=frame, device=device)
    if isinstance(report, api.AcceptedTile):
        return
    for reason in report.skipped.values():
        warn(reason)
    say(f"{image}: accepted {len(report.accepted)} object(s).")
    if report.skipped and not report.accepted:
        raise SemisegError("No object was accepted.")
