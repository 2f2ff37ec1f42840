"""Options that several commands share, and how their values are read."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from napari_semiseg.geometry import Box


def tile(text: str) -> Box:
    """Read ``Y,X,H,W``."""
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 4 or min(numbers[:2]) < 0 or min(numbers[2:]) < 1:
        raise typer.BadParameter(
            f"{text!r} is not a tile: give Y,X,H,W in pixels, such as 0,128,256,256."
        )
    return Box(tuple(numbers[:2]), tuple(numbers[2:]))


def channel_numbers(text: str | None) -> tuple[int, ...] | None:
    """Read ``0,2``; None stays None."""
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} does not name channels: give numbers from 0, such as 0,2."
        ) from None


def names(text: str | None) -> list[str] | None:
    """Read ``a,b,c``; None stays None."""
    return None if text is None else [part.strip() for part in text.split(",")]


class TileRole(StrEnum):
    """What a labelled tile is for."""

    TRAINING = "training"
    VALIDATION = "validation"


ProjectArgument = Annotated[
    Path, typer.Argument(metavar="PROJECT", help="Folder of the project.")
]
ImageArgument = Annotated[
    str,
    typer.Argument(metavar="IMAGE", help="File name, stem, path or id of an image."),
]
RunArgument = Annotated[
    str | None, typer.Argument(metavar="[RUN]", help="Name of a run.")
]
FrameOption = Annotated[
    int | None, typer.Option("--frame", help="Frame of a stack, counted from 0.")
]
AxesOption = Annotated[
    str | None,
    typer.Option(
        "--axes",
        help="Meaning of the axes where the file does not say it: T frames, "
        "C channels, Y, X, S colours. For example CYX.",
    ),
]
ChannelsOption = Annotated[
    str | None,
    typer.Option(
        "--channels",
        metavar="N,N",
        help="Channels to use, counted from 0; else all.",
    ),
]
DeviceOption = Annotated[
    str,
    typer.Option(
        "--device", help="auto, cpu, cuda, cuda:N or mps; see napari-semiseg doctor."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
OutputOption = Annotated[
    Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the results.")
]
SaveOption = Annotated[
    list[str] | None,
    typer.Option(
        "--save",
        metavar="KINDS",
        help="Among instances (the default), classes (that of task semantic), "
        "probability, confidence, and for export owners; with commas between them.",
    ),
]


def kinds(values: list[str] | None) -> tuple[str, ...] | None:
    """Kinds to save, given at once or one after the other; None: not given."""
    if not values:
        return None
    return tuple(part for value in values for part in value.split(","))
