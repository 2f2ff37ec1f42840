"""Where objects of a label image lie, and which of them a rectangle holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import scipy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Labels: TypeAlias = NDArray[np.int32]
    Mask: TypeAlias = NDArray[np.bool_]

Place: TypeAlias = tuple[slice, ...]
"""A box of an array: one slice an axis, with start and stop."""


def ids_in(labels: Labels) -> list[int]:
    """Ids of the objects in a label image or a part of one, ascending."""
    return [number for number in np.unique(labels).tolist() if number > 0]


def places_of(labels: Labels, ids: Iterable[int]) -> dict[int, Place]:
    """The smallest box around each object; none for ids that are not there.

    Parameters
    ----------
    labels
        int32 ``(Y, X)``: 0 no object, -1 ignore, ids >= 1.
    """
    wanted = sorted({number for number in ids if number > 0})
    if len(wanted) == 1:
        place = _bounds(labels == wanted[0])
        return {} if place is None else {wanted[0]: place}
    found = scipy.ndimage.find_objects(_dense(labels, wanted), len(wanted))
    return {
        number: place
        for number, place in zip(wanted, found, strict=True)
        if place is not None
    }


def objects_inside(labels: Labels, place: Place) -> list[int]:
    """Ids of the objects that lie in a box by more than half of their pixels."""
    part = labels[place]
    found, inside = np.unique(part[part > 0], return_counts=True)
    wholes = places_of(labels, found.tolist())
    return [
        number
        for number, n_inside in zip(found.tolist(), inside.tolist(), strict=True)
        if 2 * n_inside > np.count_nonzero(labels[wholes[number]] == number)
    ]


def object_around(labels: Labels, pixel: tuple[int, int]) -> int:
    """Id of the one object that encloses the hole at a pixel; 0: there is none.

    A hole is a piece of no object, pixels that share an edge, which does not reach the
    rim of the image and beside which there is but one object.
    """
    if labels[pixel]:
        return 0
    pieces, _ = scipy.ndimage.label(labels == 0)
    hole = pieces == pieces[pixel]
    place = _bounds(hole)
    if place is None or any(
        cut.start == 0 or cut.stop == n
        for cut, n in zip(place, labels.shape, strict=True)
    ):
        return 0
    around = widened(place, labels.shape)
    rim = scipy.ndimage.binary_dilation(hole[around]) & ~hole[around]
    beside = np.unique(labels[around][rim]).tolist()
    return max(beside[0], 0) if len(beside) == 1 else 0


def widened(place: Place, shape: tuple[int, ...], by: int = 1) -> Place:
    """A box with some pixels more on each side, within an image of a shape."""
    return tuple(
        slice(max(0, cut.start - by), min(n, cut.stop + by))
        for cut, n in zip(place, shape, strict=True)
    )


def _dense(labels: Labels, ids: list[int]) -> Labels:
    """The image with the ids as 1, 2, ...; all other pixels are 0."""
    # Its first entry is for what is no object, its last for all ids above.
    table = np.zeros(max(ids, default=0) + 2, np.int32)
    table[ids] = np.arange(1, len(ids) + 1)
    return table.take(labels, mode="clip")


def _bounds(mask: Mask) -> Place | None:
    lines = [np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0)]
    if not all(map(len, lines)):
        return None
    return tuple(slice(int(line[0]), int(line[-1]) + 1) for line in lines)
