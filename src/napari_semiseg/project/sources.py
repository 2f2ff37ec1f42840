"""Raw pixels turned into what networks see: normalised by image, never by tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box
    from napari_semiseg.project.identity import RawPixels

# The smallest range, relative to the brightness, that is a range and no rounding error.
_RELATIVE_EPSILON = 1e-6


@dataclass(frozen=True, eq=False)
class NormalisedSource:
    """An image seen through its stored percentiles (an `ImageSource`).

    ``(x - low) / max(high - low, epsilon)`` per channel, without clipping; pixels that
    are not finite count as ``low``. Tiles and whole images get the same numbers.
    """

    pixels: RawPixels
    low: tuple[float, ...]
    high: tuple[float, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape."""
        return tuple(self.pixels.shape)

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return self.pixels.n_channels

    def read(self, box: Box) -> NDArray[np.float32]:
        """Pixels of ``box`` as float32 ``(C, *box.size)``, finite everywhere."""
        return normalise(self.pixels.read(box), self.low, self.high)


def normalise(
    raw: NDArray[Any], low: tuple[float, ...], high: tuple[float, ...]
) -> NDArray[np.float32]:
    """Normalise ``(C, *S)`` of any real type by percentiles per channel, to float32."""
    # 8 and 16 bits are exact in float32; a large offset in 32 bits is not.
    precision = np.float32 if raw.dtype.itemsize <= 2 else np.float64
    each = (-1, *[1] * (raw.ndim - 1))
    bottom: NDArray[Any] = np.asarray(low, precision).reshape(each)
    top: NDArray[Any] = np.asarray(high, precision).reshape(each)
    smallest = _RELATIVE_EPSILON * np.maximum(np.abs(bottom), np.abs(top))
    # An all-black channel divides by the smallest normal number, and gives 0.
    smallest = np.maximum(smallest, np.finfo(np.float32).tiny)
    values: NDArray[Any] = raw.astype(precision)
    values = np.where(np.isfinite(values), values, bottom) - bottom
    values /= np.maximum(top - bottom, smallest)
    limit = np.finfo(np.float32).max
    normalised: NDArray[np.float32] = np.clip(values, -limit, limit).astype(np.float32)
    return normalised
