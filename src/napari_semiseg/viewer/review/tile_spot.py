"""Where a new tile goes: around a place, beside the tiles that are there; no Qt."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from napari_semiseg.geometry import Box

if TYPE_CHECKING:
    from collections.abc import Sequence

SIDE = 128
"""Pixels a side of a tile where the image has none yet."""


def box_around(
    centre: Sequence[float], size: Sequence[int], shape: Sequence[int]
) -> Box:
    """The box of a size around a place, moved into the image; at most all of it."""
    inside = tuple(map(min, size, shape))
    spans = zip(centre, inside, shape, strict=True)
    origin = (max(0, min(round(c - s / 2), end - s)) for c, s, end in spans)
    return Box(tuple(origin), inside)


def free_box(
    centre: Sequence[float],
    size: Sequence[int],
    shape: Sequence[int],
    tiles: Sequence[Box],
) -> Box | None:
    """The box nearest to that around a place that overlaps no tile but holds the place.

    Parameters
    ----------
    centre
        In pixels; as near as the image allows.

    Returns
    -------
    Box or None
        None: the tiles leave no room.
    """
    wished = box_around(centre, size, shape)
    place = Box(
        tuple(
            min(max(0, round(c)), end - 1) for c, end in zip(centre, shape, strict=True)
        ),
        (1,) * len(wished.size),
    )
    near = [tile for tile in tiles if tile.overlaps(_reach(wished))]
    starts = [
        {first, *(t.end[axis] for t in near), *(t.origin[axis] - side for t in near)}
        for axis, (first, side) in enumerate(
            zip(wished.origin, wished.size, strict=True)
        )
    ]
    whole = Box.whole(tuple(shape))
    free = [
        box
        for box in (Box(origin, wished.size) for origin in product(*starts))
        if whole.contains(box)
        and box.contains(place)
        and not any(box.overlaps(tile) for tile in near)
    ]
    return min(free, key=lambda box: _distance(box, wished), default=None)


def _reach(box: Box) -> Box:
    """All that a box can cover that is moved by its own size."""
    origin = tuple(o - s for o, s in zip(box.origin, box.size, strict=True))
    return Box(origin, tuple(3 * s for s in box.size))


def _distance(one: Box, other: Box) -> float:
    pairs = zip(one.origin, other.origin, strict=True)
    return float(sum((a - b) ** 2 for a, b in pairs))
