"""Masks and maps as TIFF that Fiji reads; every file is read back before it counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.errors import SemisegError
from napari_semiseg.exchange.axes import sizes
from napari_semiseg.exchange.imagej import (
    check_written,
    micrometre_spacing,
    save_imagej,
)
from napari_semiseg.exchange.object_classes import CLASSES_ENTRY
from napari_semiseg.exchange.selection import select_objects
from napari_semiseg.files import make_folder, replace_file, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_LARGEST_UINT16 = 65535


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
    classes
        Name of the class of each object of which one is known.
    """

    path: Path
    sidecar: Path
    n_objects: int
    dtype: str
    dropped: dict[str, int]
    classes: dict[int, str] = field(default_factory=dict)


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
    classes: Mapping[int, str] | None = None,
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
    classes
        Name of the class of each object; stands beside the mask as ``object_classes``.

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
    named = None if classes is None else _renumbered(classes, instances, kept)
    exported = ExportedMask(
        path,
        path.with_suffix(".json"),
        n_objects,
        mask.dtype.name,
        dropped,
        named or {},
    )
    options = {
        "consecutive": consecutive,
        "drop_border": drop_border,
        "min_area": min_area,
        "max_area": max_area,
        "fill_holes": fill_holes,
    }
    said = {} if named is None else {CLASSES_ENTRY: named}
    _write_sidecar(exported, axes, mask.shape, size, unit, options, said)
    return exported


def _renumbered(
    classes: Mapping[int, str],
    before: NDArray[np.integer[Any]],
    kept: NDArray[np.integer[Any]],
) -> dict[int, str]:
    """Classes by the numbers that the objects have in the file."""
    numbers, first = np.unique(kept, return_index=True)
    # An object's first pixel is no filled hole: those lie inside.
    old = before.ravel()[first]
    pairs = zip(numbers.tolist(), old.tolist(), strict=True)
    return {new: classes[number] for new, number in pairs if new and number in classes}


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
    spacing = micrometre_spacing(axes, pixel_size, unit)

    def write_and_check(temporary: Path) -> None:
        save_imagej(temporary, array, spacing, axes)
        check_written(temporary, array, spacing, path.name)

    replace_file(path, write_and_check)


def _write_sidecar(
    exported: ExportedMask,
    axes: str,
    shape: tuple[int, ...],
    pixel_size: tuple[float, ...] | None,
    unit: str | None,
    options: dict[str, Any],
    said: dict[str, Any],
) -> None:
    statement = {
        "file": exported.path.name,
        "axes": axes,
        "shape": list(shape),
        "dtype": exported.dtype,
        "pixel_size": None if pixel_size is None else list(pixel_size),
        "pixel_unit": None if pixel_size is None else unit,
        "n_objects": exported.n_objects,
        "dropped": exported.dropped,
        "options": options,
        **said,
    }
    write_json(exported.sidecar, statement)
