"""The pixels that a round brush passes over."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_semiseg.segmentation.object_places import Place


def swept(
    points: Sequence[tuple[float, float]], radius: float, shape: tuple[int, int]
) -> tuple[Place, NDArray[np.bool_]] | None:
    """Where the centre of a pixel is at most a radius from a path.

    Parameters
    ----------
    points
        The corners of the path, ``(y, x)`` in pixels; one of them is a dab.
    shape
        Of the image.

    Returns
    -------
    tuple or None
        A box of the image and bool of its size: which pixels; None: none of it.
    """
    corners = np.array(points, float)
    place = _around(corners, radius, shape)
    if any(cut.stop <= cut.start for cut in place):
        return None
    mask = np.zeros([cut.stop - cut.start for cut in place], bool)
    path = list(points) if len(points) > 1 else [points[0], points[0]]
    for start, end in pairwise(path):
        here = _around(np.array([start, end]), radius, shape)
        there = tuple(
            slice(cut.start - outer.start, max(cut.stop, cut.start) - outer.start)
            for cut, outer in zip(here, place, strict=True)
        )
        mask[there] |= near(here, start, end, radius)
    return (place, mask) if mask.any() else None


def near(
    place: Place, start: tuple[float, float], end: tuple[float, float], radius: float
) -> NDArray[np.bool_]:
    """Which pixels of a box lie at most a radius from a line between two points."""
    rows, columns = (np.arange(cut.start, cut.stop, dtype=float) for cut in place)
    rows, columns = rows[:, None] - start[0], columns[None, :] - start[1]
    dy, dx = end[0] - start[0], end[1] - start[1]
    along = (dy * rows + dx * columns) / max(dy**2 + dx**2, 1e-9)
    along = np.clip(along, 0, 1)
    found: NDArray[np.bool_] = (rows - along * dy) ** 2 + (
        columns - along * dx
    ) ** 2 <= radius**2
    return found


def _around(
    corners: NDArray[np.float64], radius: float, shape: tuple[int, int]
) -> Place:
    low = np.floor(corners.min(axis=0) - radius).astype(int)
    high = np.ceil(corners.max(axis=0) + radius).astype(int) + 1
    spans = zip(low.tolist(), high.tolist(), shape, strict=True)
    return tuple(slice(min(max(0, a), n), min(max(0, b), n)) for a, b, n in spans)
