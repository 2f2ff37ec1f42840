"""What a model says of an image when it is turned, and what another one says of it."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.geometry import Box, ImageSource
from napari_semiseg.segmentation.doubts import difference, join

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_semiseg.prediction.prediction import Prediction
    from napari_semiseg.prediction.predictor import Predictor
    from napari_semiseg.segmentation.doubts import Difference

_PART = 2048  # px; larger images are compared in parts, so that memory is bounded.
_TURN = (-2, -1)


@dataclass(frozen=True, eq=False)
class TurnedSource:
    """An image turned by a quarter in its last two axes."""

    source: ImageSource

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape of the turned image."""
        *rest, y, x = self.source.shape
        return (*rest, x, y)

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return self.source.n_channels

    def read(self, box: Box) -> NDArray[np.float32]:
        """Pixels of a box of the turned image, float32 ``(C, *box.size)``."""
        pixels = self.source.read(turned_back(box, self.source.shape))
        return np.ascontiguousarray(np.rot90(pixels, 1, _TURN))


def turned(box: Box, shape: tuple[int, ...]) -> Box:
    """Where a box of an image of this shape lies in the turned image."""
    (*rest, y, x), (*sizes, height, width) = box.origin, box.size
    return Box((*rest, shape[-1] - x - width, y), (*sizes, width, height))


def turned_back(box: Box, shape: tuple[int, ...]) -> Box:
    """Where a box of the turned image lies in the image, which has this shape."""
    (*rest, y, x), (*sizes, height, width) = box.origin, box.size
    return Box((*rest, x, shape[-1] - y - height), (*sizes, width, height))


def change_when_turned(
    predictor: Predictor,
    source: ImageSource,
    found: Prediction,
    progress: Callable[[int, int], None] | None = None,
) -> Difference:
    """Compare what a model found in a whole image with what it finds in it turned.

    An image larger than 2048 px is compared in parts of that size.
    """
    other = TurnedSource(source)

    def view(
        box: Box, report: Callable[[int, int], None] | None
    ) -> NDArray[np.float32]:
        region = turned(box, source.shape)
        seen = predictor.probability(other, region, progress=report)
        return np.rot90(seen, -1, _TURN)

    return _compare(predictor, found, view, progress)


def change_by_other(
    other: Predictor,
    source: ImageSource,
    found: Prediction,
    progress: Callable[[int, int], None] | None = None,
) -> Difference:
    """Compare what a model found in a whole image with what another finds in it.

    Pixels only: the objects of the other are not cut out.
    """

    def view(
        box: Box, report: Callable[[int, int], None] | None
    ) -> NDArray[np.float32]:
        return other.probability(source, box, progress=report)

    return _compare(None, found, view, progress)


def _compare(
    predictor: Predictor | None,
    found: Prediction,
    view: Callable[[Box, Callable[[int, int], None] | None], NDArray[np.float32]],
    progress: Callable[[int, int], None] | None,
) -> Difference:
    shape = found.instances.shape
    parts = _parts(shape)
    pieces = []
    for number, box in enumerate(parts):

        def report(done: int, total: int, before: int = number) -> None:
            if progress is not None:
                progress(before * total + done, len(parts) * total)

        seen = view(box, report)
        inside = (slice(None), *box.slices)
        piece = difference(
            found.probability[inside],
            seen,
            found.instances[box.slices],
            None if predictor is None else predictor.instances(seen),
        )
        pieces.append((box, piece))
    return join(pieces, shape)


def _parts(shape: tuple[int, ...]) -> list[Box]:
    """The whole image, or parts of at most so many pixels a side that cover it."""
    if math.prod(shape) <= _PART**2:
        return [Box.whole(shape)]
    axes = [range(0, length, _PART) for length in shape]
    side = (_PART,) * len(shape)
    return [Box(origin, side).clip(shape) for origin in itertools.product(*axes)]
