"""How far two predictions of the same pixels differ, tile by tile."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.geometry import Box
from napari_semiseg.segmentation.overlap import overlap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_semiseg.segmentation.overlap import Integers

_MOST_TILES = 4000  # Beyond, tiles lie side by side instead of half a tile apart.
_SAME = 0.5  # IoU above which an object of one view is that of the other.
_HARDLY = 0.002  # Share of a tile: less foreground than this says little of objects.


@dataclass(frozen=True, eq=False)
class Changes:
    """How far the objects of two views of a piece of an image are others.

    Attributes
    ----------
    places
        float64 ``(n, D)``: centres of the objects of the first view, then of those
        that only the second one has.
    sizes
        float64 ``(n,)``, 0 to 1: of each object 1 - IoU with the most similar one of
        the other view.
    """

    places: NDArray[np.float64]
    sizes: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Difference:
    """What differs between two views of a piece of an image.

    Attributes
    ----------
    pixels
        float32 ``(*S)``, 0 to 1: half the sum of the differences of the probabilities
        (total variation).
    foreground
        float32 ``(*S)``, 0 to 1: the larger probability of not being background.
    objects
        What has become of the objects.
    """

    pixels: NDArray[np.float32]
    foreground: NDArray[np.float32]
    objects: Changes


def difference(
    first: NDArray[np.float32],
    second: NDArray[np.float32],
    first_objects: NDArray[np.int32],
    second_objects: NDArray[np.int32] | None,
) -> Difference:
    """Compare two views, class probabilities ``(K, *S)`` and objects ``(*S)``.

    Without objects of the second view, there are no changes of objects.
    """
    pixels = np.zeros(first.shape[1:], np.float32)
    for one, other in zip(first, second, strict=True):  # Saves memory: plane by plane.
        pixels += np.abs(one - other)
    pixels /= 2
    foreground = 1 - np.minimum(first[0], second[0])
    if second_objects is None:
        objects = Changes(np.zeros((0, pixels.ndim)), np.zeros(0))
    else:
        objects = object_changes(first_objects, second_objects)
    return Difference(pixels, foreground.astype(np.float32), objects)


def join(
    pieces: Sequence[tuple[Box, Difference]], shape: tuple[int, ...]
) -> Difference:
    """Put pieces together that cover an image of this shape."""
    if len(pieces) == 1:
        return pieces[0][1]
    pixels, foreground = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for box, piece in pieces:
        pixels[box.slices] = piece.pixels
        foreground[box.slices] = piece.foreground
    places = np.concatenate(
        [piece.objects.places + np.array(box.origin) for box, piece in pieces]
    )
    sizes = np.concatenate([piece.objects.sizes for _, piece in pieces])
    return Difference(pixels, foreground, Changes(places, sizes))


def tile_grid(shape: tuple[int, ...], side: int) -> list[Box]:
    """Tiles over an image, half a tile apart, from edge to edge; all of one size.

    Cut to the image where that is smaller than a tile.
    """
    size = tuple(min(side, length) for length in shape)
    for step in (0.5, 1.0):
        axes = [_starts(length, s, step) for length, s in zip(shape, size, strict=True)]
        if math.prod(map(len, axes)) <= _MOST_TILES:
            break
    return [Box(origin, size) for origin in itertools.product(*axes)]


def mean_confidence(
    confidence: NDArray[np.float32], foreground: NDArray[np.bool_]
) -> float:
    """Mean over the foreground; over all pixels where there is none."""
    where = foreground if foreground.any() else np.ones_like(foreground)
    return float(confidence.mean(where=where, dtype=np.float64))


def pixel_change(found: Difference, box: Box) -> float:
    """Mean difference in a box, 0 to 1, weighted by the foreground of both views."""
    weight = found.foreground[box.slices]
    total = float((found.pixels[box.slices] * weight).sum(dtype=np.float64))
    least = _HARDLY * weight.size
    return min(1.0, total / max(float(weight.sum(dtype=np.float64)), least))


def object_change(found: Changes, box: Box, calm: int = 0) -> float:
    """Mean change of the objects with their centre in a box; 0 without any.

    As if there were so many ``calm`` objects besides, which do not change: then a
    single changed object does not outweigh ten of twelve.
    """
    inside = np.ones(len(found.places), bool)
    for axis, (start, end) in enumerate(zip(box.origin, box.end, strict=True)):
        centre = found.places[:, axis]
        inside &= (centre >= start) & (centre < end)
    return float(found.sizes[inside].sum() / max(1, inside.sum() + calm))


def _starts(length: int, side: int, step: float) -> list[int]:
    n = 1 + math.ceil((length - side) / max(1, side * step))
    return [int(start) for start in np.linspace(0, length - side, n).round()]


def object_changes(first: Integers, second: Integers) -> Changes:
    """Find for each object of two views how far it is another one in the other.

    Of the second view only those count that the first one has not, at an IoU of .5.
    """
    pairs = overlap(first, second)
    iou = pairs.iou
    best_first = np.zeros(len(pairs.predicted_ids))
    best_second = np.zeros(len(pairs.true_ids))
    np.maximum.at(best_first, pairs.row, iou)
    np.maximum.at(best_second, pairs.column, iou)
    gained = best_second < _SAME
    places = [_centres(first, pairs.predicted_ids), _centres(second, pairs.true_ids)]
    return Changes(
        np.concatenate([places[0], places[1][gained]]),
        np.concatenate([1 - best_first, 1 - best_second[gained]]),
    )


def _centres(objects: Integers, ids: Integers) -> NDArray[np.float64]:
    """Mean coordinates of each object, ``(n, D)``."""
    where = np.nonzero(objects > 0)
    index = np.searchsorted(ids, objects[where])
    count = np.maximum(np.bincount(index, minlength=len(ids)), 1)
    sums: list[NDArray[Any]] = [
        np.bincount(index, weights=axis, minlength=len(ids)) for axis in where
    ]
    centres: NDArray[np.float64] = np.stack(sums, axis=1) / count[:, None]
    return centres
