"""The grid of tiles an image is predicted on: anchored to the image, not to a region.

Tile origins are multiples of 32 pixels from the image's first pixel, so that strided
networks see every pixel at the same phase whichever region is asked for; hence a region
predicted alone equals the same region of the whole image.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.geometry import Box

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

STRIDE = 32
_HALF_BLEND = 16  # Neighbouring tiles are blended over twice this many pixels.


@dataclass(frozen=True)
class _Interval:
    """One tile along one axis, and its share in each of its pixels."""

    start: int
    size: int
    weight: NDArray[np.float32]


@dataclass(frozen=True)
class Tile:
    """A box of the grid and its share in each of its pixels.

    Attributes
    ----------
    box
        What the network sees. It starts inside the image and may end up to 31 pixels
        behind it, or more where the image is smaller than 32.
    weights
        One float32 array per axis, of the box's size. Their outer product is the tile's
        share; the shares of all tiles sum to 1 in every pixel of the image, and are 0
        within the discarded margin.
    """

    box: Box
    weights: tuple[NDArray[np.float32], ...]

    def share(self, part: Box) -> NDArray[np.float32]:
        """Share of the tile in the pixels of ``part``, float32 of its size."""
        cuts = (
            weight[o - start : e - start]
            for weight, start, o, e in zip(
                self.weights, self.box.origin, part.origin, part.end, strict=True
            )
        )
        product = np.ones((), np.float32)
        for cut in cuts:
            product = product[..., None] * cut
        return product


def tiles_for(
    region: Box, shape: tuple[int, ...], tile: int, margin: int
) -> Iterator[Tile]:
    """The tiles that have a share in a region, in raster order.

    Parameters
    ----------
    region
        Inside the image.
    shape
        Of the image.
    tile
        Size of a tile along every axis, a multiple of 32. Where the image is smaller,
        so are its tiles: the next multiple of 32.
    margin
        Half of the overlap of two neighbours, a multiple of 16: all but its innermost
        16 pixels are discarded, over those the neighbours are blended. At the border of
        the image nothing is discarded.

    Raises
    ------
    ValueError
        When ``tile`` or ``margin`` are not as stated, or leave nothing of a tile.
    """
    if tile < STRIDE or tile % STRIDE or margin < 0 or margin % (STRIDE // 2):
        raise ValueError(f"tile {tile} or margin {margin} do not fit the grid of 32")
    if tile <= 2 * margin:
        raise ValueError(f"a margin of {margin} leaves nothing of a tile of {tile}")
    axes = [
        _touching(_intervals(length, tile, margin), start, start + size)
        for length, start, size in zip(shape, region.origin, region.size, strict=True)
    ]
    for intervals in itertools.product(*axes):
        yield Tile(
            Box(tuple(i.start for i in intervals), tuple(i.size for i in intervals)),
            tuple(i.weight for i in intervals),
        )


def count_tiles(region: Box, shape: tuple[int, ...], tile: int, margin: int) -> int:
    """How many tiles `tiles_for` gives."""
    return math.prod(
        len(_touching(_intervals(length, tile, margin), start, start + size))
        for length, start, size in zip(shape, region.origin, region.size, strict=True)
    )


def _origins(length: int, tile: int, margin: int) -> list[int]:
    """First pixels of the tiles along an axis; the last tile ends behind the image."""
    stride = tile - 2 * margin
    last = max(0, -(-(length - tile) // STRIDE) * STRIDE)
    return [*range(0, last, stride), last]


def _intervals(length: int, tile: int, margin: int) -> list[_Interval]:
    """Tiles along an axis; their weights sum to 1 in each of its pixels."""
    size = min(tile, -(-length // STRIDE) * STRIDE)
    origins = _origins(length, size, margin) if size == tile else [0]
    # The last tile may overlap several, so the shares are made to sum to 1 in the end.
    windows = [
        _window(size, margin, first=i == 0, last=i == len(origins) - 1)
        for i in range(len(origins))
    ]
    total = np.zeros(max(length, origins[-1] + size))
    for origin, window in zip(origins, windows, strict=True):
        total[origin : origin + size] += window
    return [
        _Interval(o, size, (w / total[o : o + size]).astype(np.float32))
        for o, w in zip(origins, windows, strict=True)
    ]


def _window(size: int, margin: int, *, first: bool, last: bool) -> NDArray[np.float64]:
    """Unnormalised share of a tile: 0 on its margins, a cosine ramp, then 1."""
    half = min(_HALF_BLEND, margin)
    steps = np.arange(2 * half)
    ramp = np.sin(np.pi / 2 * (steps + 0.5) / max(1, 2 * half)) ** 2
    rise = np.concatenate([np.zeros(margin - half), ramp])
    window = np.ones(size)
    if not first:
        window[: len(rise)] *= rise
    if not last:
        window[size - len(rise) :] *= rise[::-1]
    return window


def _touching(intervals: list[_Interval], start: int, end: int) -> list[_Interval]:
    """The intervals with a share in the pixels from ``start`` to before ``end``."""
    return [
        i
        for i in intervals
        if i.weight[max(0, start - i.start) : max(0, end - i.start)].any()
    ]
