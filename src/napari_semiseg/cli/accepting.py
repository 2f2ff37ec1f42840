"""Commands that take over what a model finds, or give it back: accept, give-back."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from napari_semiseg.cli.application import (
    app,
    calm_threads,
    example,
    say,
    say_json,
    warn,
)
from napari_semiseg.cli.options import (
    DeviceOption,
    FrameOption,
    ImageArgument,
    JsonOption,
    ProjectArgument,
    TileRole,
    tile,
)
from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.project.annotation import box_words

if TYPE_CHECKING:
    from napari_semiseg.api import GivenBack


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


@app.command(
    name="give-back",
    epilog=example(
        "napari-semiseg give-back my-project cells_07.tif",
        "napari-semiseg give-back my-project cells_07.tif --tile 0,0,128,128",
        "napari-semiseg give-back my-project cells_07.tif --object 12 --object 15",
    ),
)
def give_back(
    project: ProjectArgument,
    image: ImageArgument,
    tiles: Annotated[
        list[Box] | None,
        typer.Option(
            "--tile",
            parser=tile,
            metavar="Y,X,H,W",
            help="Only in this box; exactly that of a tile: the tile with its labels.",
        ),
    ] = None,
    objects: Annotated[
        list[int] | None,
        typer.Option(
            "--object", metavar="ID", help="Only this object of yours. May be repeated."
        ),
    ] = None,
    frame: FrameOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forget your corrections of an image, so that the model decides there again.

    It cannot be undone. Without tile and object all corrections of the image go, and
    its tiles keep their labels.
    """
    from napari_semiseg import api

    if tiles and objects:
        raise SemisegError("Give back either a tile or objects, not both at once.")
    places: list[Box | None] = [*tiles] if tiles else [None]
    reports = [
        api.give_back(project, image, tile=box, objects=objects or None, frame=frame)
        for box in places
    ]
    if as_json:
        say_json([asdict(one) for one in reports])
        return
    for one in reports:
        say(f"{image}: {_words(one)}.")


def _words(report: GivenBack) -> str:
    """What was given back, as a part of a sentence."""
    parts = [f"gave back {report.n_pixels} pixel(s)"]
    if report.objects:
        some = ", ".join(map(str, report.objects[:10]))
        more = ", ..." if len(report.objects) > 10 else ""
        parts.append(f"{len(report.objects)} object(s) ({some}{more})")
    if report.tile is not None:
        parts.append(f"the tile {box_words(report.tile)} with its labels")
    text = " and ".join([", ".join(parts[:-1]), parts[-1]] if parts[1:] else parts)
    if report.n_tiles:
        text += f"; {report.n_tiles} tile(s) keep their labels"
    return text
