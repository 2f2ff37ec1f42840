"""Cutting objects of a label image into pieces, along a line or as they lie.

No pixel is lost: those under the line go to the piece on their side of it. Pixels that
touch by a corner are of one piece.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import scipy

from napari_semiseg.segmentation.brush_path import near
from napari_semiseg.segmentation.object_edits import Edit
from napari_semiseg.segmentation.object_places import ids_in, places_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_semiseg.segmentation.object_places import Place

    Labels: TypeAlias = NDArray[np.int32]
    Mask: TypeAlias = NDArray[np.bool_]
    Point: TypeAlias = tuple[float, float]

_BY_CORNERS = np.ones((3, 3), bool)
# Half of a diagonal: pixels farther off on either side do not even touch by a corner.
_HALF = 0.7072
# Smaller ends of a ragged outline that a line cuts off are no pieces.
_CRUMB, _CRUMB_SHARE = 4, 0.1


def split_along(
    labels: Labels, start: Point, end: Point, fresh: Callable[[], int]
) -> list[Edit]:
    """Cut every object that a line crosses from side to side.

    Parameters
    ----------
    labels
        int32 ``(Y, X)``: 0 no object, -1 ignore, ids >= 1.
    start, end
        Of the line, ``(y, x)``; the centre of the first pixel is (0, 0).
    fresh
        Gives an id that is not used yet, whenever it is called.

    Returns
    -------
    list of Edit
        One an object cut: the largest piece keeps the id.
    """
    edits = []
    ids = _ids_along(labels, start, end)
    for number, place in places_of(labels, ids).items():
        mask = labels[place] == number
        pieces, count = _pieces_along(mask, place, start, end)
        if count > 1:
            edits.append(_numbered(labels[place], pieces, number, place, fresh))
    return edits


def separate(labels: Labels, number: int, fresh: Callable[[], int]) -> list[Edit]:
    """Give the pieces of an object ids; the largest keeps the old one."""
    place = places_of(labels, [number]).get(number)
    if place is None:
        return []
    pieces, count = _components(labels[place] == number)
    if count < 2:
        return []
    return [_numbered(labels[place], pieces, number, place, fresh)]


def _pieces_along(
    mask: Mask, place: Place, start: Point, end: Point
) -> tuple[Labels, int]:
    """Pieces of an object, 1, 2, ...; 0 for its parts that the line leaves whole."""
    whole, n_parts = _components(mask)
    result, count = np.zeros(mask.shape, np.int32), 0
    distance = _signed(place, start, end)
    strip = near(place, start, end, _HALF)
    for part in range(1, n_parts + 1):
        found = _cut(whole == part, strip, distance)
        n_found = int(found.max())
        if n_found > 1:
            result[found > 0] = found[found > 0] + count
            count += n_found
    return result, count


def _cut(part: Mask, strip: Mask, distance: NDArray[np.float64]) -> Labels:
    """The pieces, 1, 2, ..., into which a line cuts a connected part."""
    rest, _ = _components(part & ~strip)
    sizes = np.bincount(rest.ravel())
    small = (sizes < _CRUMB) & (sizes < _CRUMB_SHARE * np.count_nonzero(part))
    small[0] = True
    markers = _dense(np.where(small[rest], 0, rest))
    if markers.max() < 2:
        return markers
    # A pixel under the line goes to its own side first, else to what is nearest.
    side = distance >= 0
    for positive in (True, False):
        mine = np.where(_mostly(markers, side) == positive, markers, 0)
        ground = part & strip & (side == positive)
        markers = np.maximum(markers, _flooded(mine, ground))
    return _flooded(markers, part)


def _mostly(markers: Labels, side: Mask) -> Mask:
    """For each pixel, whether most of its piece lies on the positive side."""
    inside = np.bincount(markers.ravel(), weights=side.ravel())
    found: Mask = (2 * inside > np.bincount(markers.ravel()))[markers]
    return found


def _flooded(markers: Labels, ground: Mask) -> Labels:
    """Let pieces spread over the pixels of a ground that they reach."""
    open_ground = ground & (markers == 0)
    while True:
        beside = scipy.ndimage.maximum_filter(markers, size=3)
        reached = open_ground & (beside > 0)
        if not reached.any():
            return markers
        markers = np.where(reached, beside, markers)
        open_ground &= ~reached


def _numbered(
    part: Labels, pieces: Labels, number: int, place: Place, fresh: Callable[[], int]
) -> Edit:
    """The edit that gives pieces ids; the largest keeps the old one."""
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    largest = int(sizes.argmax())
    new = part.copy()
    names = {}
    for piece in range(1, len(sizes)):
        if piece != largest:
            new[pieces == piece] = name = fresh()
            names[name] = number
    return Edit(place, new, (number,), names)


def _components(mask: Mask) -> tuple[Labels, int]:
    found = np.zeros(mask.shape, np.int32)
    count = scipy.ndimage.label(mask, _BY_CORNERS, output=found)
    return found, count


def _dense(pieces: Labels) -> Labels:
    names, dense = np.unique(pieces, return_inverse=True)
    first = 0 if names[0] == 0 else 1
    return (dense.reshape(pieces.shape) + first).astype(np.int32)


def _ids_along(labels: Labels, start: Point, end: Point) -> list[int]:
    """Ids of the objects that a line comes by."""
    n_steps = 2 * int(np.hypot(end[0] - start[0], end[1] - start[1])) + 2
    y, x = (
        np.rint(np.linspace(a, b, n_steps)) for a, b in zip(start, end, strict=True)
    )
    height, width = labels.shape
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    return ids_in(labels[y[inside].astype(int), x[inside].astype(int)])


def _signed(place: Place, start: Point, end: Point) -> NDArray[np.float64]:
    """Distance of each pixel from the line made endless; its sign tells the side."""
    rows, columns = _grid(place)
    dy, dx = end[0] - start[0], end[1] - start[1]
    length = max(float(np.hypot(dy, dx)), 1e-9)
    return (dx * (rows - start[0]) - dy * (columns - start[1])) / length


def _grid(place: Place) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rows, columns = (np.arange(cut.start, cut.stop, dtype=float) for cut in place)
    return rows[:, None], columns[None, :]
