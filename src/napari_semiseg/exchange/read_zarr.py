"""OME-Zarr images (versions 0.1 to 0.5, zarr formats 2 and 3): read in pieces."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.errors import SemisegError
from napari_semiseg.exchange.axes import KNOWN, UNKNOWN
from napari_semiseg.exchange.pixel_size import in_micrometres
from napari_semiseg.exchange.stored import OpenedArray, StoredImage, reading

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import zarr

_FIRST_AXES = "TCZYX"  # What OME-Zarr 0.1 and 0.2 take for granted.
_OF_TYPE = {"time": "T", "channel": "C"}


def is_zarr(path: Path) -> bool:
    """Whether a folder is a zarr array or group."""
    return any((path / name).is_file() for name in ("zarr.json", ".zgroup", ".zarray"))


def stored_zarr(path: Path) -> StoredImage:
    """Describe the full-resolution image of an OME-Zarr folder, or a bare zarr array.

    Raises
    ------
    SemisegError
        When the folder is damaged or holds no image (e.g. a plate: open one of its
        fields).
    """
    import zarr

    with reading(path):
        node = zarr.open(str(path), mode="r")
        if isinstance(node, zarr.Array):
            return _stored(node, _named_axes(node), {})
        return _multiscale(path, node)


def _multiscale(path: Path, group: zarr.Group) -> StoredImage:
    multiscales = _ome(group).get("multiscales")
    if not multiscales and "0" in group:
        # The layout of bioformats2raw: the images lie in numbered groups.
        inner = group["0"]
        multiscales = _ome(inner).get("multiscales")
        group = inner  # type: ignore[assignment]
    if not multiscales:
        raise SemisegError(
            f"{path.name} holds no OME-Zarr image: choose the folder of one image "
            "(of a plate, the folder of one field)."
        )
    image = multiscales[0]
    array = group[image["datasets"][0]["path"]]
    axes, units = _ome_axes(image, array.ndim)  # type: ignore[union-attr]
    scales = _scales(image, len(axes))
    sizes = {
        letter: in_micrometres(scale, unit)
        for letter, scale, unit in zip(axes, scales, units, strict=True)
        if letter in "ZYX"
    }
    known = {letter: size for letter, size in sizes.items() if size}
    others = [group[level["path"]] for level in image["datasets"][1:]]
    smaller = [level for level in others if level.ndim == array.ndim]  # type: ignore[union-attr]
    return _stored(array, axes, known, smaller)  # type: ignore[arg-type]


def _stored(
    array: zarr.Array[Any],
    axes: str,
    sizes: dict[str, float],
    smaller: Sequence[zarr.Array[Any]] = (),
) -> StoredImage:
    dtype = np.dtype(array.dtype)
    levels = tuple(functools.partial(OpenedArray, level) for level in smaller)
    opener = functools.partial(OpenedArray, array)
    return StoredImage(array.shape, dtype, axes, opener, sizes, levels=levels)


def _ome(group: Any) -> dict[str, Any]:
    attributes = dict(group.attrs)
    nested: dict[str, Any] = attributes.get("ome", attributes)
    return nested


def _ome_axes(image: dict[str, Any], n_axes: int) -> tuple[str, list[str | None]]:
    stated = image.get("axes")
    if stated is None:
        return (_FIRST_AXES if n_axes == 5 else _bare_axes(n_axes)), [None] * n_axes
    letters, units = [], []
    for axis in stated:
        named = axis if isinstance(axis, dict) else {"name": axis}
        letter = str(named["name"]).upper()
        letter = _OF_TYPE.get(named.get("type", ""), letter)
        letters.append(letter if letter in KNOWN else UNKNOWN)
        units.append(named.get("unit"))
    return "".join(letters), units


def _scales(image: dict[str, Any], n_axes: int) -> list[float]:
    """Size of a pixel of the first level along each axis, in the axes' units."""
    scales = [1.0] * n_axes
    for place in (image["datasets"][0], image):
        for transform in place.get("coordinateTransformations") or ():
            if transform.get("type") == "scale" and "scale" in transform:
                scales = [
                    a * float(b)
                    for a, b in zip(scales, transform["scale"], strict=True)
                ]
    return scales


def _named_axes(array: zarr.Array[Any]) -> str:
    names = getattr(array.metadata, "dimension_names", None)
    if not names:
        return _bare_axes(array.ndim)
    letters = [str(name or "").upper() for name in names]
    return "".join(a if len(a) == 1 and a in KNOWN else UNKNOWN for a in letters)


def _bare_axes(n_axes: int) -> str:
    return (UNKNOWN * n_axes + "YX")[-n_axes:] if n_axes > 1 else UNKNOWN * n_axes
