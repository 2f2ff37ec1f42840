"""Which objects of a mask are exported, and under which numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from napari_semiseg.errors import SemisegError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FEW_IDS = 1_000_000


def select_objects(
    instances: NDArray[np.integer[Any]],
    axes: str = "YX",
    *,
    consecutive: bool = False,
    drop_border: bool = False,
    min_area: int = 0,
    max_area: int | None = None,
    fill_holes: bool = False,
) -> tuple[NDArray[np.int64], dict[str, int]]:
    """Fill holes, leave out objects, renumber: in this order.

    Parameters
    ----------
    instances
        Integers ``(*S)``: 0 none, negative ignore, ids >= 1.
    axes
        Meaning of the axes; only ``Y`` and ``X`` have a border that cuts objects.
    consecutive, drop_border, min_area, max_area, fill_holes
        See `napari_semiseg.exchange.tiff.write_instances`.

    Returns
    -------
    kept : int64 ``(*S)``
        0 where there is no object.
    dropped : dict
        Number of objects left out by reason; an object counts under the first that
        applies.
    """
    if min_area < 0 or (max_area is not None and max_area < min_area):
        raise SemisegError(
            f"No object can be at least {min_area} and at most {max_area} pixels large."
        )
    objects = np.maximum(instances.astype(np.int64), 0)
    if fill_holes:
        objects = fill_object_holes(objects)
    ids, position, areas = _tabulate(objects)
    at_border = np.zeros(ids.size, bool)
    if drop_border:
        at_border[_border(position, axes)] = True
    too_small = areas < min_area
    too_large = areas > (np.inf if max_area is None else max_area)
    real = (ids > 0) & (areas > 0)
    keep = real & ~at_border & ~too_small & ~too_large
    numbers = np.where(keep, np.cumsum(keep) if consecutive else ids, 0)
    dropped = {
        "at the border": int((real & at_border).sum()),
        "too small": int((real & ~at_border & too_small).sum()),
        "too large": int((real & ~at_border & ~too_small & too_large).sum()),
    }
    return numbers[position], dropped


def _tabulate(
    objects: NDArray[np.integer[Any]],
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Ids, the place of each pixel's id among them, and the pixels of each id."""
    largest = int(objects.max(initial=0))
    if largest <= objects.size + _FEW_IDS:
        # Counting is many times faster than sorting, and the ids are their own places.
        return np.arange(largest + 1), objects, np.bincount(objects.ravel())
    ids, position, areas = np.unique(objects, return_inverse=True, return_counts=True)
    return ids, position.reshape(objects.shape), areas


def fill_object_holes(objects: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give background that is enclosed by one object alone to that object.

    Parameters
    ----------
    objects
        int64 ``(*S)``, 0 background. A hole is connected by faces (objects, by
        corners too) and does not reach the border of the array.
    """
    regions, n_regions = scipy.ndimage.label(objects == 0)
    if n_regions == 0:
        return objects
    largest = np.iinfo(np.int64).max
    lowest = np.full(n_regions + 1, largest)
    highest = np.zeros(n_regions + 1, np.int64)
    for here, there in _neighbours(objects.ndim):
        for a, b in ((here, there), (there, here)):
            beside = (regions[a] > 0) & (objects[b] > 0)
            np.minimum.at(lowest, regions[a][beside], objects[b][beside])
            np.maximum.at(highest, regions[a][beside], objects[b][beside])
    enclosed = (lowest == highest) & (highest > 0)
    enclosed[_border(regions, "ZYX"[-objects.ndim :])] = False
    enclosed[0] = False
    return np.where(enclosed[regions], highest[regions], objects)


def _neighbours(
    n_axes: int,
) -> list[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """Pairs of slices that lay each pixel beside the next one along each axis."""
    pairs = []
    for axis in range(n_axes):
        cuts = [[slice(None)] * n_axes for _ in range(2)]
        cuts[0][axis], cuts[1][axis] = slice(None, -1), slice(1, None)
        pairs.append((tuple(cuts[0]), tuple(cuts[1])))
    return pairs


def _border(numbers: NDArray[Any], axes: str) -> NDArray[Any]:
    """The numbers on the first and last pixels of the spatial axes."""
    faces = [
        np.unique(numbers.take(place, axis=axis))
        for axis, letter in enumerate(axes)
        if letter in "YX"
        for place in (0, -1)
    ]
    return np.unique(np.concatenate(faces))
