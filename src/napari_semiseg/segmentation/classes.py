"""Classes to learn from object ids: background, interior, boundary, ignore."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import scipy
import skimage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box

    Labels: TypeAlias = NDArray[np.int32]
    Mask: TypeAlias = NDArray[np.bool_]

BACKGROUND = 0
INTERIOR = 1
BOUNDARY = 2
IGNORE = 255
"""Class of a pixel whose class is not known; it enters no loss."""

SMALLEST_DIAMETER = 5.0
"""Objects of a smaller equivalent diameter, in pixels, keep their interior whole."""

BoundaryMode: TypeAlias = Literal["inner", "outer"]


def class_targets(
    instances: Labels,
    annotated: Mask,
    *,
    mode: BoundaryMode = "inner",
    valid: Mask | None = None,
) -> NDArray[np.uint8]:
    """Class of every pixel, from the ids of the objects.

    Warp ids, then call this: a boundary made after the warp is one pixel wide whatever
    the scale, while a warped class map would smear.

    Parameters
    ----------
    instances
        int32 ``(*S)``: 0 no object, -1 ignore, ids >= 1.
    annotated
        bool ``(*S)``: where the class is known. Ids of pixels that are not annotated
        still count when boundaries are sought, so that the edge a tile cuts through an
        object is no boundary (see `mark_cut_edges`).
    mode
        ``inner``: the outermost pixels of an object are its boundary, so that an object
        is its interior and its boundary together. An object smaller than
        `SMALLEST_DIAMETER`, or one that would have no interior left, is treated as in
        ``outer``. ``outer``: the background pixels around an object are boundary, and
        so are the pixels of objects where they touch (the paper's form).
    valid
        bool ``(*S)``, False on padding: there the target is `IGNORE`, and such a pixel
        is nobody's neighbour. None: everything is valid.

    Returns
    -------
    NDArray[np.uint8]
        ``(*S)``: `BACKGROUND`, `INTERIOR`, `BOUNDARY` or `IGNORE`.

    Notes
    -----
    An outline beside ground that nobody annotated is a boundary: the object's own
    annotation says that it ends there. So boundary pixels outside of objects are known
    whether annotated or not. The array's edge makes no boundary.

    References
    ----------
    Rumberger et al., ACTIS (2023), section 3.2; Buchholz et al., DenoiSeg (2020).
    """
    if mode not in ("inner", "outer"):
        raise ValueError(f"No boundary mode {mode!r}; choose 'inner' or 'outer'.")
    if valid is None:
        valid = np.ones(instances.shape, bool)
    ids = np.maximum(instances, 0)
    if mode == "outer":
        boundary = _outer_boundary(ids, valid)
    else:
        boundary = _inner_boundary(ids, valid)
        small = _too_small_for_inner(ids, boundary)
        if small.any():
            boundary &= ~small
            boundary |= _outer_boundary(ids, valid, around=small)

    target = np.where(ids > 0, np.uint8(INTERIOR), np.uint8(BACKGROUND))
    target[boundary] = BOUNDARY
    # An outline is known also where nobody annotated the ground beyond the object.
    known = annotated | (boundary & (ids == 0))
    target[~known | (instances < 0) | ~valid] = IGNORE
    return target


def mark_cut_edges(
    instances: Labels, annotated: Mask, box: Box, image_shape: tuple[int, ...]
) -> Mask:
    """Where the class is known, without the object pixels a tile's border cuts.

    Such a pixel is interior or boundary, depending on what lies outside the tile; it
    keeps its id, so that nothing beside it becomes a false boundary.

    Parameters
    ----------
    instances
        int32 ``(*S)``, the ids inside the tile.
    annotated
        bool ``(*S)``, where the tile is annotated.
    box
        Where the tile lies in its image.
    image_shape
        Shape of the whole image; an edge of the tile on the image's own is not cut.

    Returns
    -------
    NDArray[np.bool_]
        ``(*S)``, a copy of ``annotated``, False on the cut edges.
    """
    known = annotated.copy()
    for axis, length in enumerate(image_shape):
        for edge, cut in ((0, box.origin[axis] > 0), (-1, box.end[axis] < length)):
            if cut and known.size:
                plane = (slice(None),) * axis + (edge,)
                known[plane] &= instances[plane] <= 0
    return known


@dataclass(frozen=True)
class ComponentReport:
    """What `split_components` found.

    Attributes
    ----------
    split
        For each id that lay in several pieces: the ids of its pieces, the largest
        first, which keeps the old id.
    n_objects
        Number of objects after the split.
    """

    split: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    n_objects: int = 0


def split_components(instances: Labels) -> tuple[Labels, ComponentReport]:
    """Give each separate piece an id of its own.

    Pieces that touch by a corner are one piece (8 neighbours in 2-D, 26 in 3-D).

    Parameters
    ----------
    instances
        int32 ``(*S)``: 0 no object, -1 ignore, ids >= 1.

    Returns
    -------
    tuple of NDArray[np.int32] and ComponentReport
        The ids, of which the largest piece of each keeps its own and the others get new
        ones above the largest id; and which ids were split. -1 stays.
    """
    ids = np.maximum(instances, 0)
    pieces = skimage.measure.label(ids, connectivity=ids.ndim, background=0)
    n_pieces = int(pieces.max(initial=0))
    owner = np.zeros(n_pieces + 1, np.int64)
    owner[pieces] = ids  # Every pixel of a piece writes the same id.
    size = np.bincount(pieces.ravel(), minlength=n_pieces + 1)

    # By id, the largest piece first, equal ones in raster order.
    order = np.lexsort((-size[1:], owner[1:])) + 1
    follows = np.zeros(n_pieces, bool)
    follows[1:] = owner[order[1:]] == owner[order[:-1]]
    later = order[follows]
    new_ids = owner.copy()
    new_ids[later] = int(ids.max(initial=0)) + 1 + np.arange(len(later))

    parts: dict[int, list[int]] = {}
    for piece in later:
        old = int(owner[piece])
        parts.setdefault(old, [old]).append(int(new_ids[piece]))
    result = np.where(instances < 0, instances, new_ids[pieces]).astype(np.int32)
    split = {old: tuple(ids_of_parts) for old, ids_of_parts in parts.items()}
    return result, ComponentReport(split, n_pieces)


def _neighbours(ndim: int) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """Pairs of views of an array: pixels, and their next neighbours along an axis."""
    for axis in range(ndim):
        before = (slice(None),) * axis
        yield (*before, slice(None, -1)), (*before, slice(1, None))


def _inner_boundary(ids: Labels, valid: Mask) -> Mask:
    """Object pixels with a valid neighbour, by a face, of another id or none."""
    differs = np.zeros(ids.shape, bool)
    for here, there in _neighbours(ids.ndim):
        edge = (ids[here] != ids[there]) & valid[here] & valid[there]
        differs[here] |= edge
        differs[there] |= edge
    return differs & (ids > 0)


def _outer_boundary(ids: Labels, valid: Mask, around: Mask | None = None) -> Mask:
    """Background around objects, and object pixels on both sides of a contact.

    With ``around`` only what borders on a pixel of that mask counts. Everywhere valid
    and without ``around`` this is scikit-image's ``find_boundaries(mode="outer")``.
    """
    differs = np.zeros(ids.shape, bool)
    for here, there in _neighbours(ids.ndim):
        edge = (ids[here] != ids[there]) & valid[here] & valid[there]
        if around is not None:
            edge &= around[here] | around[there]
        differs[here] |= edge
        differs[there] |= edge
    # In a contact another object is near, be it by a corner; a free flank has none.
    seen = np.where(valid, ids, 0)
    largest = np.iinfo(np.int32).max
    cube = (3,) * ids.ndim
    highest = scipy.ndimage.maximum_filter(seen, size=cube, mode="nearest")
    lowest = scipy.ndimage.minimum_filter(
        np.where(seen > 0, seen, largest), size=cube, mode="nearest"
    )
    in_contact = (ids > 0) & ((highest > ids) | (lowest < ids))
    boundary: Mask = differs & ((ids == 0) | in_contact)
    return boundary


def _too_small_for_inner(ids: Labels, boundary: Mask) -> Mask:
    """Pixels of objects that an inner boundary would eat up."""
    if not ids.any():
        return np.zeros(ids.shape, bool)
    numbers: NDArray[np.integer[Any]] = ids
    if int(ids.max()) > ids.size:  # Do not count up to an id of a thousand million.
        numbers = np.unique(ids, return_inverse=True)[1].reshape(ids.shape)
    size = np.bincount(numbers.ravel())
    small = size < _ball(SMALLEST_DIAMETER, ids.ndim)
    interior = np.bincount(numbers[~boundary], minlength=len(size))
    small |= interior == 0
    small[numbers[ids == 0]] = False  # The ground is no object.
    too_small: Mask = small[numbers]
    return too_small


def _ball(diameter: float, ndim: int) -> float:
    """Number of pixels (voxels) of a disc (ball) of this diameter."""
    radius = diameter / 2
    volume = {1: diameter, 2: np.pi * radius**2, 3: 4 / 3 * np.pi * radius**3}
    return float(volume.get(ndim, diameter**ndim))
