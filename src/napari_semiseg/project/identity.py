"""What makes an image itself: shape, type and pixels, whatever its name or place.

The image is read once, in slabs: the hash and the percentiles that normalise it come
from the same pass, and an image larger than the memory is no problem.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_semiseg.geometry import Box

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

LOW_PERCENTILE = 1.0
HIGH_PERCENTILE = 99.8
_SLAB_BYTES = 32 << 20
# Pixels per channel behind the percentiles: all of a 2048 x 2048 image, a regular grid
# of a larger one.
_SAMPLE_PIXELS = 1 << 22


class RawPixels(Protocol):
    """Pixels as they are in the file, read piece by piece."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape."""
        ...

    @property
    def n_channels(self) -> int:
        """Number of channels C."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        ...

    def read(self, box: Box) -> NDArray[Any]:
        """Pixels of ``box``, ``(C, *box.size)``, in the file's type."""
        ...


@dataclass(frozen=True)
class Fingerprint:
    """Identity and brightness of an image.

    ``content_hash`` is a BLAKE2b digest in hex; ``low`` and ``high`` are percentiles 1
    and 99.8 per channel of the finite pixels (of a regular grid of them where a channel
    has more than four million).
    """

    content_hash: str
    low: tuple[float, ...]
    high: tuple[float, ...]


def fingerprint(pixels: RawPixels) -> Fingerprint:
    """Hash an image and find its percentiles, in one pass."""
    step = max(1, math.ceil(_n_pixels(pixels) / _SAMPLE_PIXELS))
    step = math.ceil(step ** (1 / len(pixels.shape)))
    digest = _start(pixels)
    samples = []
    for first, slab in _slabs(pixels):
        digest.update(_ordered_bytes(slab))
        across = [slice(None, None, step)] * (slab.ndim - 2)
        thin = (slice(-first % step, None, step), *across)
        samples.append(slab[(slice(None), *thin)].reshape(pixels.n_channels, -1))
    ranges = [_percentiles(channel) for channel in np.concatenate(samples, axis=1)]
    return Fingerprint(
        digest.hexdigest(),
        tuple(low for low, _ in ranges),
        tuple(high for _, high in ranges),
    )


def content_hash(pixels: RawPixels) -> str:
    """Hash of shape, type and pixels; equal for equal images in any file format."""
    digest = _start(pixels)
    for _, slab in _slabs(pixels):
        digest.update(_ordered_bytes(slab))
    return digest.hexdigest()


def _start(pixels: RawPixels) -> hashlib.blake2b:
    digest = hashlib.blake2b(digest_size=16)
    dtype = np.dtype(pixels.dtype).newbyteorder("=").name
    digest.update(f"{pixels.n_channels} {tuple(pixels.shape)} {dtype}".encode())
    return digest


def _slabs(pixels: RawPixels) -> Iterator[tuple[int, NDArray[Any]]]:
    """First row and pixels ``(C, rows, ...)`` of slabs along the first spatial axis."""
    row_bytes = _n_pixels(pixels) // max(1, pixels.shape[0]) * pixels.n_channels
    row_bytes *= np.dtype(pixels.dtype).itemsize
    n_rows = max(1, _SLAB_BYTES // max(1, row_bytes))
    rest = pixels.shape[1:]
    for first in range(0, pixels.shape[0], n_rows):
        rows = min(n_rows, pixels.shape[0] - first)
        yield first, pixels.read(Box((first, *[0] * len(rest)), (rows, *rest)))


def _ordered_bytes(slab: NDArray[Any]) -> bytes:
    """Bytes row by row, so that the height of the slabs does not enter the hash."""
    rows = np.moveaxis(slab, 0, 1)
    return rows.astype(slab.dtype.newbyteorder("<"), copy=False).tobytes()


def _percentiles(channel: NDArray[Any]) -> tuple[float, float]:
    """Low and high of one channel.

    Where the percentiles coincide (few bright spots on a flat ground) the extremes
    stand in, lest noise is amplified; a constant channel keeps ``low == high``.
    """
    values = channel.astype(np.float64)
    values = values[np.isfinite(values)]
    if values.size == 0:
        return 0.0, 0.0
    low, high = np.percentile(values, [LOW_PERCENTILE, HIGH_PERCENTILE])
    if high <= low:
        low, high = values.min(), values.max()
    return float(low), float(high)


def _n_pixels(pixels: RawPixels) -> int:
    return math.prod(pixels.shape)
