"""Masks and maps as TIFF that Fiji reads; every file is read back before it counts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from napari_semiseg.errors import SemisegError
from napari_semiseg.exchange.axes import sizes
from napari_semiseg.exchange.pixel_size import in_micrometres
from napari_semiseg.exchange.read_tiff import stored_tiff
from napari_semiseg.exchange.selection import select_objects
from napari_semiseg.files import make_folder, replace_file, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_LARGEST_UINT16 = 65535
_IMAGEJ_NAMES = {"C": "channels", "Z": "slices", "T": "frames"}
_SHOWN = ("hyperstack", "mode", "unit", "spacing", "min", "max")
_LARGEST_CLASSIC = 2**32 - 2**20  # Bytes; ImageJ's own form ends at 4 GB.


@dataclass(frozen=True)
class ExportedMask:
    """What was written: the file, its objects, and what the options left out.

    Attributes
    ----------
    path, sidecar
        The mask, and the JSON file beside it that states the options.
    n_objects
        Objects in the mask.
    dtype
        ``uint16``, or ``uint32`` where an id is above 65535.
    dropped
        Number of objects left out, by reason: at the border, too small, too large.
    """

    path: Path
    sidecar: Path
    n_objects: int
    dtype: str
    dropped: dict[str, int]


def write_instances(
    path: Path | str,
    instances: NDArray[np.integer[Any]],
    *,
    pixel_size: Sequence[float] | None = None,
    unit: str | None = None,
    axes: str = "YX",
    consecutive: bool = False,
    drop_border: bool = False,
    min_area: int = 0,
    max_area: int | None = None,
    fill_holes: bool = False,
) -> ExportedMask:
    """Write an instance mask, and beside it ``<stem>.json`` with the options.

    Parameters
    ----------
    path
        File to make or replace; its folder is made.
    instances
        Integers ``(*S)``; 0 and negative numbers (ignore) are written as 0.
    pixel_size, unit
        Size of a pixel along each spatial axis of ``axes``, and its unit, e.g. ``µm``.
    axes
        Meaning of the axes: ``YX``, ``ZYX``, ``TYX``, ``TZYX``.
    consecutive
        Renumber the objects 1, 2, ... in the order of their ids.
    drop_border
        Leave out objects that touch the image's border (``Y``, ``X``).
    min_area, max_area
        Leave out smaller and larger objects; pixels, after filling.
    fill_holes
        Fill background that is enclosed by one object alone.

    Raises
    ------
    SemisegError
        When the array does not fit the axes, or the file read back differs.
    DiskFullError, ReadOnlyError
        When it cannot be written; an older file is untouched.
    """
    path = Path(path)
    if instances.dtype.kind not in "iub":
        raise SemisegError(f"Object numbers are whole numbers, not {instances.dtype}.")
    _check_axes(instances, axes)
    kept, dropped = select_objects(
        instances,
        axes,
        consecutive=consecutive,
        drop_border=drop_border,
        min_area=min_area,
        max_area=max_area,
        fill_holes=fill_holes,
    )
    largest = int(np.max(kept))
    mask = kept.astype(np.uint16 if largest <= _LARGEST_UINT16 else np.uint32)
    size = None if pixel_size is None else tuple(map(float, pixel_size))
    _write(path, mask, size, unit, axes)
    n_objects = int(np.unique(kept[kept > 0]).size)
    sidecar = path.with_suffix(".json")
    exported = ExportedMask(path, sidecar, n_objects, mask.dtype.name, dropped)
    write_json(
        sidecar,
        {
            "file": path.name,
            "axes": axes,
            "shape": list(mask.shape),
            "dtype": exported.dtype,
            "pixel_size": None if size is None else list(size),
            "pixel_unit": None if size is None else unit,
            "n_objects": n_objects,
            "dropped": dropped,
            "options": {
                "consecutive": consecutive,
                "drop_border": drop_border,
                "min_area": min_area,
                "max_area": max_area,
                "fill_holes": fill_holes,
            },
        },
    )
    return exported


def write_classes(
    path: Path | str,
    classes: NDArray[np.uint8],
    *,
    pixel_size: Sequence[float] | None = None,
    unit: str | None = None,
    axes: str = "YX",
) -> Path:
    """Write a class map, uint8 ``(*S)``: 0 background, then the classes."""
    return _write_map(path, classes.astype(np.uint8), pixel_size, unit, axes)


def write_probability(
    path: Path | str,
    probability: NDArray[np.floating[Any]],
    *,
    pixel_size: Sequence[float] | None = None,
    unit: str | None = None,
    axes: str = "CYX",
) -> Path:
    """Write class probabilities, float32 ``(K, *S)``, a channel for each class."""
    values = probability.astype(np.float32)
    if axes == "CZYX":  # ImageJ keeps the channels behind the planes.
        values, axes = np.ascontiguousarray(values.swapaxes(0, 1)), "ZCYX"
    return _write_map(path, values, pixel_size, unit, axes)


def write_confidence(
    path: Path | str,
    confidence: NDArray[np.floating[Any]],
    *,
    pixel_size: Sequence[float] | None = None,
    unit: str | None = None,
    axes: str = "YX",
) -> Path:
    """Write the largest class probability of each pixel, float32 ``(*S)``."""
    values = confidence.astype(np.float32)
    return _write_map(path, values, pixel_size, unit, axes)


def _write_map(
    path: Path | str,
    values: NDArray[Any],
    pixel_size: Sequence[float] | None,
    unit: str | None,
    axes: str,
) -> Path:
    path = Path(path)
    _check_axes(values, axes)
    size = None if pixel_size is None else tuple(map(float, pixel_size))
    _write(path, values, size, unit, axes)
    return path


def _check_axes(array: NDArray[Any], axes: str) -> None:
    fits = array.ndim == len(axes) and axes in (
        "YX",
        "ZYX",
        "TYX",
        "CYX",
        "TZYX",
        "ZCYX",
    )
    if not fits or array.size == 0:
        raise SemisegError(
            f"An array of {sizes(array.shape)} cannot be written with the axes "
            f"{axes!r}."
        )


def _write(
    path: Path,
    array: NDArray[Any],
    pixel_size: tuple[float, ...] | None,
    unit: str | None,
    axes: str,
) -> None:
    make_folder(path.parent)
    spacing = _spacing(axes, pixel_size, unit)

    def write_and_check(temporary: Path) -> None:
        _save(temporary, array, spacing, axes)
        _check_written(temporary, path, array, spacing)

    replace_file(path, write_and_check)


def _save(
    path: Path, array: NDArray[Any], spacing: dict[str, float], axes: str
) -> None:
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


def _spacing(
    axes: str, pixel_size: tuple[float, ...] | None, unit: str | None
) -> dict[str, float]:
    """Micrometres per pixel of each spatial axis; empty where not known."""
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


def _check_written(
    temporary: Path, path: Path, array: NDArray[Any], spacing: dict[str, float]
) -> None:
    """Read the file as others will, and compare."""
    stored = stored_tiff(temporary)
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
            f"{path.name} differs from what was written when read back: the disk may "
            "be faulty. Write it to another one."
        )
