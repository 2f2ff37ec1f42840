"""Images in ever smaller versions, so that large ones can be looked at.

Only what is shown is read: versions that the file holds where it does (OME-Zarr, tiled
TIFF), and else every second, fourth, ... pixel.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from napari_semiseg.exchange.images import LazyFrame

SMALL = 1024  # px; a version up to this size is the last, and kept once it was read.


class Level:
    """An image that is read where it is indexed: by numbers, slices and an ellipsis.

    Every ``step``-th pixel of a frame along Y and X.

    Attributes
    ----------
    shape
        ``(C, Y, X)``, or ``(C, Z, Y, X)``.
    step
        Between two pixels that are read.
    """

    def __init__(self, frame: LazyFrame, step: int = 1) -> None:
        self._frame = frame
        self._steps = (*[1] * (len(frame.shape) - 2), step, step)
        self._kept: NDArray[Any] | None = None
        lengths = zip(frame.shape, self._steps, strict=True)
        self.step = step
        self.shape: tuple[int, ...] = (
            frame.n_channels,
            *(math.ceil(length / step) for length, step in lengths),
        )
        self.dtype: np.dtype[Any] = np.dtype(frame.dtype)

    @property
    def ndim(self) -> int:
        """Number of axes, channels among them."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of pixels of all channels."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> NDArray[Any]:
        """Read a part, as of an array; the whole is kept where it is small."""
        cuts = _complete(index, self.ndim)
        if max(self.shape[-2:]) <= SMALL and self.ndim == 3:
            if self._kept is None:
                self._kept = self._read([slice(None)] * self.ndim)
            return self._kept[cuts]
        return self._read(cuts)

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> NDArray[Any]:
        """The whole version, read now."""
        return np.asarray(self[...], dtype=dtype)

    def _read(self, cuts: Any) -> NDArray[Any]:
        lengths = self.shape[1:]
        ranges = [
            _range(cut, length) for cut, length in zip(cuts[1:], lengths, strict=True)
        ]
        slices = [
            slice(one.start * step, one.stop * step, one.step * step)
            for one, step in zip(ranges, self._steps, strict=True)
        ]
        pixels = self._frame.cut(slices)
        inner = (slice(None) if isinstance(cut, slice) else 0 for cut in cuts[1:])
        return pixels[(cuts[0], *inner)]


def levels(frame: LazyFrame) -> list[Level]:
    """Versions of an image for display, the image itself first.

    Parameters
    ----------
    frame
        An image of any size; nothing of it is read now.

    Returns
    -------
    list of Level
        Each about half as wide as the one before; the last at most 1,024 px.
    """
    frames = [frame]
    for number in range(1, frame.n_levels):
        smaller = frame.at_level(number)
        if _is_smaller(smaller, frames[-1]):
            frames.append(smaller)
    found = [Level(one) for one in frames]
    step = 2
    while max(found[-1].shape[-2:]) > SMALL:
        found.append(Level(frames[-1], step))
        step *= 2
    return found


def _is_smaller(level: LazyFrame, before: LazyFrame) -> bool:
    """Whether a version can follow another: napari wants each axis no longer."""
    same = len(level.shape) == len(before.shape)
    return (
        same
        and level.shape != before.shape
        and all(
            0 < here <= there
            for here, there in zip(level.shape, before.shape, strict=True)
        )
    )


def _complete(index: Any, n_axes: int) -> tuple[int | slice, ...]:
    """One number or slice for every axis."""
    given = list(index) if isinstance(index, tuple) else [index]
    if not any(cut is Ellipsis for cut in given):
        given.append(Ellipsis)
    here = next(n for n, cut in enumerate(given) if cut is Ellipsis)
    missing = n_axes + 1 - len(given)
    if missing < 0:
        raise IndexError(f"An image of {n_axes} axes has no {len(given) - 1} indices.")
    given[here : here + 1] = [slice(None)] * missing
    return tuple(c if isinstance(c, slice) else operator.index(c) for c in given)


def _range(cut: int | slice, length: int) -> range:
    """The pixels that an index along one axis means."""
    if isinstance(cut, slice):
        pixels = range(*cut.indices(length))
        if pixels.step < 0:
            raise IndexError("Images are read forwards only.")
        # The last pixel, and not one beyond it, where pixels lie further apart.
        return range(pixels.start, max(pixels.start, pixels.stop), pixels.step)
    place = cut + length if cut < 0 else cut
    if not 0 <= place < length:
        raise IndexError(f"There is no pixel {cut} among {length}.")
    return range(place, place + 1)
