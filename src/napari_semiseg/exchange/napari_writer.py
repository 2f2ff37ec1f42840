"""The writer behind napari's *File > Save Selected Layers* for Labels layers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.errors import SemisegError
from napari_semiseg.exchange.pixel_size import MICROMETRE, in_micrometres
from napari_semiseg.exchange.tiff import write_instances

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_AXES = "TZYX"


def write_labels(
    path: str, layer_data: Any, attributes: Mapping[str, Any]
) -> list[str]:
    """Write a Labels layer as TIFF that Fiji reads.

    Parameters
    ----------
    path
        File to write; ``.tif`` is added when it has no such ending.
    layer_data
        Integers ``(*S)``, 2 to 4 axes, or the levels of a pyramid, the finest first.
    attributes
        The layer's attributes; ``scale`` becomes the pixel size when ``units`` names a
        length.

    Returns
    -------
    list of str
        The file that was written.

    Raises
    ------
    SemisegError
        When the layer has other than 2 to 4 axes.
    """
    target = Path(path)
    if target.suffix.lower() not in {".tif", ".tiff"}:
        target = target.with_name(target.name + ".tif")
    instances = _finest(layer_data)
    size = _pixel_size(attributes, instances.ndim)
    write_instances(
        target,
        instances,
        pixel_size=size,
        unit="pixel" if size is None else MICROMETRE,
        axes=_AXES[-instances.ndim :],
    )
    return [str(target)]


def _finest(layer_data: Any) -> np.ndarray[Any, np.dtype[Any]]:
    pyramid = not hasattr(layer_data, "dtype")
    instances = np.asarray(layer_data[0] if pyramid else layer_data)
    if not 2 <= instances.ndim <= len(_AXES):
        raise SemisegError(
            f"The layer has {instances.ndim} axes; a TIFF of labels takes 2 to 4. "
            "Save one plane or time point of it."
        )
    return instances


def _pixel_size(attributes: Mapping[str, Any], n_axes: int) -> tuple[float, ...] | None:
    """Micrometres per pixel of the spatial axes; None when no length is known."""
    scale = _spatial(attributes.get("scale", ()), n_axes)
    units = _spatial(attributes.get("units") or (), n_axes)
    sizes = [in_micrometres(s, str(u)) for s, u in zip(scale, units, strict=False)]
    known = tuple(size for size in sizes if size is not None)
    return known if len(known) == min(n_axes, 3) else None


def _spatial(values: Sequence[Any], n_axes: int) -> Sequence[Any]:
    """Keep the entries of Y, X and, where there is one, Z; not those of time."""
    return list(values)[-min(n_axes, 3) :]
