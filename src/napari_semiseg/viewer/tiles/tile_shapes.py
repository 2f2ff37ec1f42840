"""Rectangles on the screen and boxes of whole pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.geometry import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

SMALLEST_SIDE = 32
"""Pixels; a smaller rectangle grows to it."""


def snapped(corners: NDArray[Any], shape: tuple[int, ...]) -> Box:
    """The box of whole pixels nearest to a shape: inside the image, large enough.

    Parameters
    ----------
    corners
        ``(N, 2)``, in pixels; pixel 0 reaches from -0.5 to 0.5.
    """
    low, high = extent_of(corners)
    origin, size = [], []
    for first, last, length in zip(low, high, shape, strict=True):
        start = int(np.clip(np.rint(first + 0.5), 0, length))
        side = int(np.clip(np.rint(last + 0.5), 0, length)) - start
        least = min(SMALLEST_SIDE, length)
        if side < least:
            start = int(np.clip(start - (least - side) // 2, 0, length - least))
            side = least
        origin.append(start)
        size.append(side)
    return Box(tuple(origin), tuple(size))


def differ(corners: NDArray[Any], box: Box) -> bool:
    """Whether a shape is not the outline of a box."""
    pair = extent_of(corners), extent_of(corners_of(box))
    return not np.allclose(*pair, atol=1e-3)


def corners_of(box: Box) -> NDArray[np.float64]:
    """The outline of a box, ``(4, 2)``: around its pixels, whose centres are whole."""
    (y, x), (end_y, end_x) = box.origin, box.end
    corners = [(y, x), (y, end_x), (end_y, end_x), (end_y, x)]
    return np.array(corners, float) - 0.5


def extent_of(corners: NDArray[Any]) -> NDArray[np.float64]:
    """Lowest and highest coordinates, ``(2, 2)``."""
    points = np.asarray(corners, float)[:, -2:]
    return np.array([points.min(axis=0), points.max(axis=0)])
