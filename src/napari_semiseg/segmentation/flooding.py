"""A watershed that floods only where several seeds share a component.

A component with one seed is that seed's object as it stands; only components that
several seeds share are flooded, each within its own bounding box. The result is that of
``skimage.segmentation.watershed`` with a mask when no two pixels are of equal height;
where heights are equal this module lets the first pixel in raster order go first, which
the plain watershed leaves to its queue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import scipy
import skimage

from napari_semiseg.segmentation.components import renumber

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Labels: TypeAlias = NDArray[np.int32]
    Mask: TypeAlias = NDArray[np.bool_]
    Floats: TypeAlias = NDArray[np.floating[Any]]


def flood(relief: Floats, seeds: Labels, components: Labels) -> Labels:
    """Watershed inside each component, from the lowest pixels up, in one strict order.

    Parameters
    ----------
    relief
        ``(*S)``, finite heights. Of equal heights the first in raster order goes first.
    seeds
        ``(*S)``, 0 or the id of a seed; seeds lie inside components, each in one only.
    components
        ``(*S)``, the connected components of the ground to flood (see `label`).

    Returns
    -------
    NDArray[np.int32]
        ``(*S)``: the id of the seed that reached the pixel; 0 outside the components,
        and inside those without a seed.
    """
    home = _component_of_seed(seeds, components)
    n_seeds = np.bincount(home[home > 0], minlength=int(components.max(initial=0)) + 1)
    alone = n_seeds[home] == 1
    alone[0] = False
    owner = np.zeros(len(n_seeds), np.int32)
    owner[home[alone]] = np.flatnonzero(alone)
    instances: Labels = owner[components]
    shared = np.flatnonzero(n_seeds > 1)
    if len(shared):
        _flood_shared(instances, relief, seeds, renumber(components, shared))
    return instances


def strict_ranks(heights: Floats) -> NDArray[np.intp]:
    """Rank of each value, from 0; of equal values the earlier one comes first.

    Parameters
    ----------
    heights
        ``(n,)``, not negative beyond rounding; float32 is sorted fastest.

    Returns
    -------
    NDArray[np.intp]
        ``(n,)``, a permutation of 0, ..., n - 1.
    """
    n = len(heights)
    if heights.dtype == np.float32 and n < 2**32 and heights.min(initial=0) >= 0:
        # Bits of floats >= 0 sort like the floats; with the position below them every
        # key is unique, and NumPy's vectorised sort is 5-10 times its stable argsort.
        bits = (heights + np.float32(0)).view(np.uint32).astype(np.uint64)
        keys = (bits << np.uint64(32)) | np.arange(n, dtype=np.uint64)
        keys.sort()
        order = (keys & np.uint64(2**32 - 1)).astype(np.intp)
    else:
        order = np.argsort(heights, kind="stable")
    ranks = np.empty(n, np.intp)
    ranks[order] = np.arange(n)
    return ranks


def _component_of_seed(seeds: Labels, components: Labels) -> NDArray[np.intp]:
    """``home[seed id]``: the component that holds the seed, 0 for unused ids."""
    pixels = np.flatnonzero(seeds)
    ids = seeds.ravel()[pixels]
    home = np.zeros(int(ids.max(initial=0)) + 1, np.intp)
    home[ids] = components.ravel()[pixels]
    return home


def _flood_shared(
    instances: Labels, relief: Floats, seeds: Labels, shared: Labels
) -> None:
    """Flood the components numbered in ``shared``; writes into ``instances``."""
    np.copyto(instances, seeds, where=shared > 0)
    # A pixel whose neighbours all are seeds hands nothing on: keep it off the queue.
    open_ground = np.where(_surrounded(seeds > 0), 0, shared)
    wanted = open_ground > 0
    ranks = np.zeros(relief.shape)
    ranks[wanted] = strict_ranks(relief[wanted])
    for number, box in enumerate(scipy.ndimage.find_objects(open_ground), start=1):
        inside = open_ground[box] == number
        basins = skimage.segmentation.watershed(
            ranks[box], seeds[box] * inside, mask=inside
        )
        instances[box][inside] = basins[inside]


def _surrounded(mask: Mask) -> Mask:
    """Pixels of a mask whose neighbours by faces all exist and are in the mask."""
    inner = mask.copy()
    for axis in range(mask.ndim):
        along, source = np.moveaxis(inner, axis, 0), np.moveaxis(mask, axis, 0)
        along[:-1] &= source[1:]
        along[1:] &= source[:-1]
        along[:1] = along[-1:] = False
    return inner
