"""Boxes in images of any number of dimensions, and where their pixels come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, order=True)
class Box:
    """A box of pixels: ``origin`` (first one) and ``size``, (y, x) or (z, y, x)."""

    origin: tuple[int, ...]
    size: tuple[int, ...]

    @classmethod
    def whole(cls, shape: tuple[int, ...]) -> Box:
        """The box that covers an image of this shape."""
        return cls((0,) * len(shape), tuple(shape))

    @property
    def end(self) -> tuple[int, ...]:
        """First pixel behind the box, per axis."""
        return tuple(o + s for o, s in zip(self.origin, self.size, strict=True))

    @property
    def slices(self) -> tuple[slice, ...]:
        """Slices that cut the box out of an array of the image's shape."""
        return tuple(slice(o, e) for o, e in zip(self.origin, self.end, strict=True))

    @property
    def empty(self) -> bool:
        """Whether the box holds no pixel."""
        return any(size <= 0 for size in self.size)

    def grow(self, margin: int) -> Box:
        """The box with ``margin`` pixels more on every side (not clipped)."""
        return Box(
            tuple(o - margin for o in self.origin),
            tuple(s + 2 * margin for s in self.size),
        )

    def clip(self, shape: tuple[int, ...]) -> Box:
        """The part of the box inside an image of this shape (may be empty)."""
        return self.intersection(Box.whole(shape))

    def intersection(self, other: Box) -> Box:
        """The pixels in both boxes (may be empty)."""
        origin = tuple(map(max, self.origin, other.origin))
        end = tuple(map(min, self.end, other.end))
        return Box(
            origin, tuple(max(0, e - o) for o, e in zip(origin, end, strict=True))
        )

    def relative_to(self, outer: Box) -> Box:
        """The box as it lies in an array that covers ``outer``."""
        origin = tuple(o - p for o, p in zip(self.origin, outer.origin, strict=True))
        return Box(origin, self.size)

    def overlaps(self, other: Box) -> bool:
        """Whether the boxes share a pixel."""
        return not self.intersection(other).empty

    def contains(self, other: Box) -> bool:
        """Whether ``other`` lies wholly inside this box."""
        return self.intersection(other) == other


class ImageSource(Protocol):
    """Normalised pixels of one image (or frame), read piece by piece.

    ``read(box)`` returns float32 ``(C, *box.size)`` of a box inside the image,
    normalised by the image's stored percentiles, finite everywhere.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape, (Y, X) or (Z, Y, X)."""
        ...

    @property
    def n_channels(self) -> int:
        """Number of channels C."""
        ...

    def read(self, box: Box) -> NDArray[np.float32]:
        """Pixels of ``box`` as float32 ``(C, *box.size)``."""
        ...


@dataclass(frozen=True, eq=False)
class ArraySource:
    """An image in memory, float32 ``(C, *S)``, already normalised."""

    array: NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape."""
        return tuple(self.array.shape[1:])

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return int(self.array.shape[0])

    def read(self, box: Box) -> NDArray[np.float32]:
        """Pixels of ``box``, a view."""
        return self.array[(slice(None), *box.slices)]
