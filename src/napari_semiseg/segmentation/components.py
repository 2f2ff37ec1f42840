"""Connected components, and their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import scipy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Labels: TypeAlias = NDArray[np.int32]
    Mask: TypeAlias = NDArray[np.bool_]


def label(mask: Mask) -> tuple[Labels, int]:
    """Connected components of a mask by faces, in raster order.

    Returns
    -------
    tuple of NDArray[np.int32] and int
        ``(*S)`` with 0 outside and 1, ..., n inside the mask; and n.
    """
    numbered = np.empty(mask.shape, np.int32)
    return numbered, int(scipy.ndimage.label(mask, output=numbered))


def largest_piece(mask: Mask) -> Mask:
    """The largest connected piece of a mask, the first of equal ones.

    Pieces that touch by a corner are one (8 neighbours in 2-D, 26 in 3-D).
    """
    pieces, n = scipy.ndimage.label(mask, np.ones((3,) * mask.ndim))
    if n < 2:
        return mask
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    largest: Mask = pieces == sizes.argmax()
    return largest


def drop_small(instances: Labels, min_size: int) -> Labels:
    """Remove objects of fewer than ``min_size`` pixels; number the rest 1 to n.

    Parameters
    ----------
    instances
        ``(*S)``, 0 background, ids >= 1.
    min_size
        Smallest number of pixels to keep.

    Returns
    -------
    NDArray[np.int32]
        ``(*S)``; the order of the ids stays.
    """
    sizes = np.bincount(instances.ravel())
    kept = np.flatnonzero(sizes[1:] >= max(min_size, 1)) + 1
    return instances if len(kept) == len(sizes) - 1 else renumber(instances, kept)


def renumber(labels: Labels, kept: NDArray[np.intp]) -> Labels:
    """Number the ids in ``kept`` 1, 2, ... in their order, all others 0.

    Parameters
    ----------
    labels
        ``(*S)``, 0 and ids >= 1.
    kept
        The ids to keep, each once, none above the largest of ``labels``.

    Returns
    -------
    NDArray[np.int32]
        ``(*S)``, a new array.
    """
    numbers = np.zeros(int(labels.max(initial=0)) + 1, np.int32)
    numbers[kept] = np.arange(1, len(kept) + 1)
    return numbers[labels]
