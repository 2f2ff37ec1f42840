"""TIFF in ImageJ's own form, with the size of a pixel, and how to check it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.errors import SemisegError
from napari_semiseg.exchange.pixel_size import in_micrometres

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_IMAGEJ_NAMES = {"C": "channels", "Z": "slices", "T": "frames"}
_SHOWN = ("hyperstack", "mode", "unit", "spacing", "min", "max")
_LARGEST_CLASSIC = 2**32 - 2**20  # Bytes; ImageJ's own form ends at 4 GB.


def save_imagej(
    path: Path, array: NDArray[Any], spacing: dict[str, float], axes: str
) -> None:
    """Write an array as ImageJ would.

    Parameters
    ----------
    path
        File to write.
    array
        uint8, uint16, uint32 or float32.
    spacing
        Micrometres per pixel of each spatial axis; empty where not known.
    axes
        Meaning of the axes, in the order of ``TZCYX``.
    """
    large = array.nbytes > _LARGEST_CLASSIC
    content = _imagej_content(array, spacing, axes)
    options: dict[str, Any] = {"photometric": "minisblack"}
    if spacing:
        # A dimensionless unit: ImageJ's own text says which.
        options["resolution"] = (1 / spacing["X"], 1 / spacing["Y"])
        options["resolutionunit"] = "NONE"
    if large or array.dtype == np.uint32:
        # Not ImageJ's own form for tifffile, yet ImageJ reads it with ImageJ's text.
        lines = [
            "ImageJ=1.54f",
            *(f"{name}={value}" for name, value in content.items()),
        ]
        options |= {"description": "\n".join([*lines, ""]), "metadata": None}
        options |= {"bigtiff": large}
    else:
        shown = {name: content[name] for name in _SHOWN if name in content}
        options |= {"imagej": True, "metadata": {"axes": axes, **shown}}
    import tifffile  # Slow to import.

    tifffile.imwrite(path, array, **options)


def _imagej_content(
    array: NDArray[Any], spacing: dict[str, float], axes: str
) -> dict[str, Any]:
    """Say what ImageJ itself would say in the description of the file."""
    content: dict[str, Any] = {}
    counts = {
        _IMAGEJ_NAMES[letter]: size
        for letter, size in zip(axes, array.shape, strict=True)
        if letter in _IMAGEJ_NAMES
    }
    if counts:
        content = {"images": int(np.prod(list(counts.values()))), **counts}
        content |= {"hyperstack": "true", "mode": "grayscale"}
    if spacing:
        content["unit"] = "um"
    if "Z" in spacing:
        content["spacing"] = spacing["Z"]
    # Without a range, ImageJ shows a mask of few objects as black.
    low, high = min(0.0, float(array.min())), float(array.max())
    return content | {"min": low, "max": high if high > low else low + 1}


def micrometre_spacing(
    axes: str, pixel_size: tuple[float, ...] | None, unit: str | None
) -> dict[str, float]:
    """Micrometres per pixel of each spatial axis of ``axes``; empty where not known.

    Raises
    ------
    SemisegError
        When there are more or fewer numbers than spatial axes.
    """
    spatial = [letter for letter in axes if letter in "ZYX"]
    if pixel_size is None:
        return {}
    if len(pixel_size) != len(spatial):
        raise SemisegError(
            f"The pixel size {pixel_size} does not fit the axes {axes!r}: state one "
            f"number for each of {', '.join(spatial)}."
        )
    lengths = [in_micrometres(length, unit) for length in pixel_size]
    known = [length for length in lengths if length is not None]
    return dict(zip(spatial, known, strict=True)) if len(known) == len(lengths) else {}


def check_written(
    path: Path, array: NDArray[Any], spacing: dict[str, float], name: str
) -> None:
    """Read the file as others will, and compare.

    Raises
    ------
    SemisegError
        When its pixels or their size differ; the sentence calls the file ``name``.
    """
    from napari_semiseg.exchange.read_tiff import stored_tiff

    stored = stored_tiff(path)
    opened = stored.open()
    try:
        written = np.asarray(opened.pixels[...]).reshape(array.shape)
        same = stored.dtype == array.dtype and np.array_equal(
            written, array, equal_nan=array.dtype.kind == "f"
        )
    finally:
        opened.close()
    same_size = all(
        math.isclose(stored.pixel_size.get(letter, 0), length, rel_tol=1e-3)
        for letter, length in spacing.items()
    )
    if not (same and same_size):
        raise SemisegError(
            f"{name} differs from what was written when read back: the disk may "
            "be faulty. Write it to another one."
        )
