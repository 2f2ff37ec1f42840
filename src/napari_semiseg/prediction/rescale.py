"""Images at the pixel size a model was trained at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.geometry import Box, ImageSource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_semiseg.learning.model import ModelCard

TOLERANCE = (
    1.25  # Objects this many times larger or smaller are no cause for a warning.
)


@dataclass(frozen=True, eq=False)
class RescaledSource:
    """An image of another size, computed piece by piece.

    Linear interpolation when enlarging, a triangle as wide as an output pixel's spacing
    when shrinking. A pixel is the same bits in whichever box it is read.

    Attributes
    ----------
    source
        The image to rescale.
    factors
        Size of the result by that of the source, per axis.
    """

    source: ImageSource
    factors: tuple[float, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape after rescaling."""
        sizes = zip(self.source.shape, self.factors, strict=True)
        return tuple(max(1, round(size * factor)) for size, factor in sizes)

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return self.source.n_channels

    def read(self, box: Box) -> NDArray[np.float32]:
        """Pixels of a box of the rescaled image, float32 ``(C, *box.size)``."""
        return resample(self.source.read, box, self.source.shape, self.shape)


def resample(
    read: Callable[[Box], NDArray[np.float32]],
    box: Box,
    from_shape: tuple[int, ...],
    to_shape: tuple[int, ...],
) -> NDArray[np.float32]:
    """Read a box of an image as if it had another shape.

    Parameters
    ----------
    read
        Gives float32 ``(C, *size)`` of a box inside the image.
    box
        In pixels of ``to_shape``.
    from_shape, to_shape
        Of the image, and of the result of reading all of it.

    Returns
    -------
    NDArray
        float32 ``(C, *box.size)``.
    """
    axes = [
        _taps(start, size, length, new_length)
        for start, size, length, new_length in zip(
            box.origin, box.size, from_shape, to_shape, strict=True
        )
    ]
    first = [int(index.min()) for index, _ in axes]
    extent = [int(index.max()) + 1 for index, _ in axes]
    needed = tuple(e - f for f, e in zip(first, extent, strict=True))
    pixels = np.asarray(read(Box(tuple(first), needed)), np.float32)
    for axis, (index, weight) in enumerate(axes):
        pixels = _along(pixels, axis + 1, index - first[axis], weight)
    return pixels


def rescale_factors(
    card: ModelCard, pixel_size: Sequence[float] | None, unit: str | None
) -> tuple[float, ...] | None:
    """How much larger an image must become to have the model's pixel size, per axis.

    Returns
    -------
    tuple or None
        None when either pixel size is unknown, or they are in different units.
    """
    if card.pixel_size is None or pixel_size is None or unit in (None, "pixel"):
        return None
    if unit != card.pixel_unit or len(pixel_size) != len(card.pixel_size):
        return None
    sizes = zip(pixel_size, card.pixel_size, strict=True)
    return tuple(size / wanted for size, wanted in sizes)


def warn_pixel_size(
    card: ModelCard, pixel_size: Sequence[float] | None, unit: str | None
) -> str | None:
    """A sentence when objects look larger or smaller to the model than it learned.

    Parameters
    ----------
    card
        Of the model.
    pixel_size, unit
        Of the image; unknown sizes give no warning.
    """
    factors = rescale_factors(card, pixel_size, unit)
    if factors is None or pixel_size is None or card.pixel_size is None:
        return None
    if all(1 / TOLERANCE <= factor <= TOLERANCE for factor in factors):
        return None
    by = " x ".join(f"{factor:.2g}" for factor in factors)
    return (
        f"The pixels of this image measure {_in_words(pixel_size, unit)}, those of the "
        f"model's images {_in_words(card.pixel_size, card.pixel_unit)}: objects may be "
        f"missed or cut. Rescale the image by {by} for the prediction."
    )


def _in_words(pixel_size: Sequence[float], unit: str | None) -> str:
    return " x ".join(f"{size:.3g}" for size in pixel_size) + f" {unit}"


def _taps(
    start: int, size: int, length: int, new_length: int
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Source pixels of each new pixel and their weights, both ``(size, n_taps)``."""
    # By absolute position, so that a pixel does not depend on the box it is read in.
    spacing = length / new_length
    centre = (np.arange(start, start + size) + 0.5) * spacing - 0.5
    reach = max(1.0, spacing)
    leftmost = np.floor(centre - reach).astype(np.intp) + 1
    index = leftmost[:, None] + np.arange(math.ceil(2 * reach))
    weight = np.maximum(0, 1 - np.abs(index - centre[:, None]) / reach)
    weight /= weight.sum(axis=1, keepdims=True)
    return np.clip(index, 0, length - 1), weight.astype(np.float32)


def _along(
    pixels: NDArray[np.float32],
    axis: int,
    index: NDArray[np.intp],
    weight: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Weighted sum of source pixels along one axis, tap by tap."""
    shape = [1] * pixels.ndim
    shape[axis] = len(index)
    # One addition a tap: a matrix product would round by the size of the box.
    total = np.zeros((), np.float32)
    for tap in range(index.shape[1]):
        share = weight[:, tap].reshape(shape)
        total = total + np.take(pixels, index[:, tap], axis=axis) * share
    return total
