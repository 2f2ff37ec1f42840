"""Size, shape, place and brightness of objects, and the area of classes, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import skimage

from napari_semiseg.segmentation.overlap import numbered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Columns: TypeAlias = dict[str, NDArray[Any]]

_SHAPE = ("perimeter", "eccentricity", "solidity")
_MICROMETRE = {"µm", "μm", "um", "micron", "microns", "micrometer", "micrometre"}


def measure(
    instances: NDArray[np.integer[Any]],
    image: NDArray[Any] | None = None,
    pixel_size: tuple[float, ...] | None = None,
    unit: str = "pixel",
) -> Columns:
    """Measure every object.

    Parameters
    ----------
    instances
        ``(*S)``, (Y, X) or (Z, Y, X): ids >= 1, everything else is background.
    image
        ``(C, *S)``, the pixels to take mean intensities from; None: no intensities.
    pixel_size
        Length of a pixel along each axis, in ``unit``; None: unknown.
    unit
        Unit of ``pixel_size``, such as "µm".

    Returns
    -------
    dict of str to NDArray
        One column each, one row per object, by id: ``label``; ``area`` (in pixels; of
        volumes in voxels); ``centroid_y``, ``centroid_x`` (pixels, the centre of the
        first pixel is 0); ``bbox_y_start`` ... ``bbox_x_stop`` (stop is one beyond);
        ``equivalent_diameter`` of the disc or ball of equal area; in 2-D ``perimeter``,
        ``eccentricity`` (0 circle, 1 line; of the shape in pixels) and ``solidity``
        (area / area of the convex hull); ``mean_intensity_0``, ... per channel. With a
        pixel size, lengths and areas once more, such as ``area_um2`` (``volume_um3``),
        ``centroid_y_um``; the perimeter only when pixels are square.

    Raises
    ------
    ValueError
        When the image's shape or the number of pixel sizes does not fit.
    """
    ids, place = numbered(np.maximum(instances.ravel(), 0))
    numbers = place.reshape(instances.shape)
    axes = "zyx"[-instances.ndim :]
    columns: Columns = {"label": ids}
    columns |= _geometry(numbers, axes)
    if image is not None:
        columns |= _intensities(place, len(ids), instances.shape, image)
    if pixel_size is not None and unit != "pixel":
        columns |= _physical(columns, axes, pixel_size, unit)
    return columns


def measure_classes(
    classes: NDArray[np.integer[Any]],
    names: Sequence[str],
    pixel_size: tuple[float, ...] | None = None,
    unit: str = "pixel",
) -> Columns:
    """Measure how much of an image each class covers.

    Parameters
    ----------
    classes
        ``(*S)``, (Y, X) or (Z, Y, X): 0 background, then the classes.
    names
        Of the classes without the background; one that does not occur has area 0.
    pixel_size, unit
        As of `measure`.

    Returns
    -------
    dict of str to NDArray
        One row per class, the background first: ``class``, its ``name``, its ``area``
        (in pixels; of volumes in voxels) and ``fraction`` of the image; with a pixel
        size the area once more, such as ``area_um2`` (``volume_um3``).

    Raises
    ------
    ValueError
        When the number of pixel sizes does not fit.
    """
    numbers = np.arange(len(names) + 1)
    area = np.bincount(classes.ravel(), minlength=len(numbers))[: len(numbers)]
    columns: Columns = {
        "class": numbers,
        "name": np.array(["background", *names]),
        "area": area,
        "fraction": area / max(classes.size, 1),
    }
    if pixel_size is not None and unit != "pixel":
        axes = "zyx"[-classes.ndim :]
        columns[_area_name(axes, unit)] = area * _pixel_area(axes, pixel_size)
    return columns


def _area_name(axes: str, unit: str) -> str:
    name = "um" if unit in _MICROMETRE else unit
    return f"area_{name}2" if len(axes) == 2 else f"volume_{name}3"


def _pixel_area(axes: str, pixel_size: tuple[float, ...]) -> float:
    if len(pixel_size) != len(axes):
        raise ValueError(
            f"Expected {len(axes)} pixel sizes, one per axis; got {pixel_size}."
        )
    return float(np.prod(pixel_size))


def _geometry(numbers: NDArray[np.intp], axes: str) -> Columns:
    shape_names = _SHAPE if len(axes) == 2 else ()
    wanted = ("area", "centroid", "bbox", "equivalent_diameter_area", *shape_names)
    found = skimage.measure.regionprops_table(numbers, properties=wanted)
    n = len(axes)
    return {
        "area": found["area"].astype(np.int64),
        **{f"centroid_{axis}": found[f"centroid-{i}"] for i, axis in enumerate(axes)},
        **{f"bbox_{axis}_start": found[f"bbox-{i}"] for i, axis in enumerate(axes)},
        **{f"bbox_{axis}_stop": found[f"bbox-{i + n}"] for i, axis in enumerate(axes)},
        "equivalent_diameter": found["equivalent_diameter_area"],
        **{name: found[name] for name in shape_names},
    }


def _intensities(
    place: NDArray[np.intp], n: int, shape: tuple[int, ...], image: NDArray[Any]
) -> Columns:
    if image.shape[1:] != shape:
        raise ValueError(
            f"The image's shape is {image.shape}; expected channels, then {shape}."
        )
    inside = place > 0
    objects = place[inside] - 1
    size = np.bincount(objects, minlength=n)
    return {
        f"mean_intensity_{i}": np.bincount(
            objects, channel.ravel()[inside].astype(np.float64), minlength=n
        )
        / size
        for i, channel in enumerate(image)
    }


def _physical(
    columns: Columns, axes: str, pixel_size: tuple[float, ...], unit: str
) -> Columns:
    name = "um" if unit in _MICROMETRE else unit
    pixel = _pixel_area(axes, pixel_size)
    lengths = {
        f"centroid_{axis}_{name}": columns[f"centroid_{axis}"] * size
        for axis, size in zip(axes, pixel_size, strict=True)
    }
    # The disc of equal area scales with the root of a pixel's area.
    diameter = columns["equivalent_diameter"] * pixel ** (1 / len(axes))
    physical: Columns = {
        _area_name(axes, unit): columns["area"] * pixel,
        **lengths,
        f"equivalent_diameter_{name}": diameter,
    }
    if "perimeter" in columns and len(set(pixel_size)) == 1:
        physical[f"perimeter_{name}"] = columns["perimeter"] * pixel_size[0]
    return physical
