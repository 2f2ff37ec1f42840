"""Tiles of label pixels as TIFF: one file a tile, written completely or not at all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import replace_file
from napari_semiseg.geometry import Box

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_AXES = "zyx"
_NAME = re.compile(r"[a-z]+_(?P<place>(?:[zyx]\d+_?)+)_(?P<size>\d+(?:x\d+)*)")


def tile_name(kind: str, box: Box) -> str:
    """Name of a tile's file, e.g. ``tile_y128_x0_256x256.tif``."""
    axes = _AXES[-len(box.origin) :]
    place = "_".join(
        f"{axis}{first}" for axis, first in zip(axes, box.origin, strict=True)
    )
    return f"{kind}_{place}_{'x'.join(map(str, box.size))}.tif"


def box_of(path: Path) -> Box | None:
    """The box that a file's name says it covers; None for any other name."""
    found = _NAME.fullmatch(path.stem)
    if found is None:
        return None
    origin = tuple(int(part[1:]) for part in found["place"].split("_"))
    size = tuple(map(int, found["size"].split("x")))
    return Box(origin, size) if len(origin) == len(size) else None


def write_layers(path: Path, layers: Sequence[NDArray[np.generic]]) -> None:
    """Write arrays of one shape as the layers of a TIFF file, atomically."""
    replace_file(path, lambda temporary: _write(temporary, layers))


def read_layers(path: Path, shape: tuple[int, ...]) -> list[NDArray[np.generic]]:
    """Read the layers of a TIFF file.

    Raises
    ------
    SemisegError
        When the file is damaged, or its layers have another shape.
    """
    import tifffile  # Slow to import.

    try:
        with tifffile.TiffFile(path) as tiff:
            layers = [np.asarray(series.asarray()) for series in tiff.series]
        return [layer.reshape(shape) for layer in layers]
    except FileNotFoundError:
        raise
    # A torn file makes tifffile raise errors of many kinds.
    except Exception as error:
        raise SemisegError(
            f"{path} is damaged. Restore it from a copy of the project, or remove the "
            "tile and label it again."
        ) from error


def _write(path: Path, layers: Sequence[NDArray[np.generic]]) -> None:
    import tifffile

    with tifffile.TiffWriter(path) as tiff:
        for layer in layers:
            # Ids are no colours, even where a side is 3 or 4 pixels long.
            tiff.write(layer, photometric="minisblack", compression="zlib")
