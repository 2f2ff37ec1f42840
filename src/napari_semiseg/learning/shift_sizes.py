"""How far, and in which directions, a crop can be shifted; free of torch."""

from __future__ import annotations

import itertools

SMALLEST_REACH = 4
"""A shift by fewer pixels shows nothing new."""


def reach(shape: tuple[int, ...], size: int, fraction: float) -> tuple[int, ...]:
    """How far crops of an image can be shifted along each axis, pixels.

    ``fraction`` of the crop's ``size``; half of what the image is larger than a crop if
    that is less; 0 if it is less than `SMALLEST_REACH`. Then, wherever a crop lies,
    there is room for one of both directions.
    """
    wanted = round(size * fraction)
    far = (min(wanted, max(0, (length - size) // 2)) for length in shape)
    return tuple(d if d >= SMALLEST_REACH else 0 for d in far)


def diagonals(far: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The shifts by ``far`` in either direction of each axis that has one."""
    if not any(far):
        return []
    signs = [(-d, d) if d else (0,) for d in far]
    return list(itertools.product(*signs))
