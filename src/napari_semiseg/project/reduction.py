"""Working at a reduced scale: large objects brought to a size that tiles can show.

A working pixel is the mean of ``reduction`` x ``reduction`` pixels of the file. Boxes,
labels, corrections and predictions of an image are in working pixels; only reading and
exporting know those of the file. Rows and columns at the end that fill no block are
left out: they are not read, and are 0 in exported masks. Planes of a volume stay as
they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_semiseg.project.identity import RawPixels
    from napari_semiseg.project.records import ImageItem

Scalar = TypeVar("Scalar", bound=np.generic)
_SMALLEST = 16  # Working pixels; images any smaller show nothing.


@dataclass(frozen=True, eq=False)
class ReducedPixels:
    """Pixels of an image in working pixels: the mean of each block (`RawPixels`).

    Pixels that are not finite do not enter the mean, unless a block has no others.
    """

    full: RawPixels
    reduction: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape."""
        return reduced_shape(tuple(self.full.shape), self.reduction)

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return self.full.n_channels

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the means: float32, float64 for pixels of 32 bits and more."""
        return np.dtype(np.float32 if self.full.dtype.itemsize <= 2 else np.float64)

    def read(self, box: Box) -> NDArray[Any]:
        """Means of the blocks of ``box``, ``(C, *box.size)``."""
        steps = _steps(len(box.size), self.reduction)
        origin = tuple(o * s for o, s in zip(box.origin, steps, strict=True))
        size = tuple(n * s for n, s in zip(box.size, steps, strict=True))
        pixels = self.full.read(Box(origin, size))
        *before, height, width = box.size
        blocks = pixels.reshape(
            pixels.shape[0], *before, height, self.reduction, width, self.reduction
        )
        return _means(blocks, self.dtype)


def reduced_shape(full: tuple[int, ...], reduction: int) -> tuple[int, ...]:
    """Shape in working pixels: whole blocks only."""
    steps = _steps(len(full), reduction)
    return tuple(length // step for length, step in zip(full, steps, strict=True))


def reduced_pixel_size(full: tuple[float, ...], reduction: int) -> tuple[float, ...]:
    """Size of a working pixel along each spatial axis."""
    steps = _steps(len(full), reduction)
    return tuple(size * step for size, step in zip(full, steps, strict=True))


def reduce_labels(
    labels: NDArray[np.int32], reduction: int
) -> tuple[NDArray[np.int32], tuple[int, ...]]:
    """Bring labels of the file's size to working pixels.

    Parameters
    ----------
    labels
        int32 ``(*S)``, in pixels of the file.

    Returns
    -------
    reduced : int32
        The number in the middle of each block.
    vanished : tuple of int
        Objects that lie in the middle of no block, and are gone.
    """
    shape = reduced_shape(labels.shape, reduction)
    steps = _steps(labels.ndim, reduction)
    centres = tuple(
        slice(step // 2, length * step, step)
        for length, step in zip(shape, steps, strict=True)
    )
    reduced = np.ascontiguousarray(labels[centres])
    gone = np.setdiff1d(labels[labels > 0], reduced)
    return reduced, tuple(gone.tolist())


def enlarge(
    pixels: NDArray[Scalar], full: tuple[int, ...], reduction: int
) -> NDArray[Scalar]:
    """Bring labels or maps back to the file's size: each block one value.

    Parameters
    ----------
    pixels
        ``(..., *S)`` in working pixels.
    full
        Spatial shape in pixels of the file.

    Returns
    -------
    NDArray
        ``(..., *full)``; 0 in rows and columns that fill no block.
    """
    if reduction == 1:
        return pixels
    larger = pixels.repeat(reduction, axis=-2).repeat(reduction, axis=-1)
    n_before = pixels.ndim - len(full)
    missing = [
        (0, length - found)
        for length, found in zip(full, larger.shape[n_before:], strict=True)
    ]
    padded: NDArray[Scalar] = np.pad(larger, [(0, 0)] * n_before + missing)
    return padded


def at_reduction(item: ImageItem, reduction: int) -> ImageItem:
    """The same image, to be worked on at another scale.

    Raises
    ------
    SemisegError
        When the scale is none, or the image would be nothing but a few pixels.
    """
    if reduction < 1:
        raise SemisegError(
            f"A scale reduced {reduction} times is none: choose 1 (full), 2, 3, ..."
        )
    side = min(item.full_shape[-2:])
    if reduction > 1 and side // reduction < _SMALLEST:
        raise SemisegError(
            f"{item.name} is only {side} pixels wide and would show nothing at a scale "
            f"reduced {reduction} times: choose a smaller number."
        )
    return item.model_copy(update={"reduction": reduction})


def _steps(n_axes: int, reduction: int) -> tuple[int, ...]:
    """Pixels of the file to a working pixel, along each spatial axis."""
    return (*[1] * (n_axes - 2), reduction, reduction)


def _means(blocks: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Means along the axes -3 and -1."""
    finite = np.isfinite(blocks)
    if finite.all():
        means: NDArray[Any] = blocks.mean(axis=(-3, -1), dtype=dtype)
        return means
    total = np.where(finite, blocks, 0).sum(axis=(-3, -1), dtype=dtype)
    count = finite.sum(axis=(-3, -1))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(dtype)
