"""Images of a microscope: what they hold in words, and their pixels piece by piece."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.errors import SemisegError
from napari_semiseg.exchange.axes import (
    AmbiguousAxesError,
    Layout,
    count,
    resolve,
    sizes,
)
from napari_semiseg.exchange.pixel_size import MICROMETRE
from napari_semiseg.exchange.read_zarr import is_zarr, stored_zarr
from napari_semiseg.exchange.stored import reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_semiseg.exchange.stored import OpenedArray, StoredImage
    from napari_semiseg.geometry import Box

__all__ = [
    "AmbiguousAxesError",
    "ImageDescription",
    "LazyFrame",
    "describe",
    "is_image",
    "open_frame",
    "stored_image",
]

TIFF_SUFFIXES = frozenset({".tif", ".tiff", ".btf", ".tf8", ".lsm"})
PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp"})
_RGB = 3


@dataclass(frozen=True)
class ImageDescription:
    """What an image file holds.

    Attributes
    ----------
    path
        The file, or the folder of an OME-Zarr image.
    shape
        Spatial shape, (Y, X) or (Z, Y, X).
    axes
        Meaning of every axis of the stored array; given back to `describe` it yields
        the same description.
    channels
        The channels in use, counted from 0.
    n_channels, n_frames
        Number of channels in use and of frames.
    dtype
        Name of the pixels' type, e.g. ``uint16``.
    pixel_size
        Size of a pixel along each spatial axis in ``pixel_unit``; None when not known.
    pixel_unit
        ``µm``, or None when not known.
    rgb
        Whether the channels are red, green and blue.
    words
        The same for a person: "3 channels, 12 frames, 1024 x 1024".
    """

    path: Path
    shape: tuple[int, ...]
    axes: str
    channels: tuple[int, ...]
    n_channels: int
    n_frames: int
    dtype: str
    pixel_size: tuple[float, ...] | None
    pixel_unit: str | None
    rgb: bool
    words: str


class LazyFrame:
    """One frame of an image, read piece by piece; nothing is read before `read`.

    ``level`` 0 is the image; further ones, up to ``n_levels - 1``, are the smaller
    versions that its file holds for display.
    """

    def __init__(
        self, description: ImageDescription, frame: int, level: int = 0
    ) -> None:
        stored = stored_image(description.path)
        layout = resolve(
            description.path.name, stored.shape, stored.axes, description.axes
        )
        self.n_channels = description.n_channels
        self.n_levels = 1 + len(stored.levels)
        self.dtype = stored.dtype.newbyteorder("=")
        self._description = description
        self._path = description.path
        self._channels = description.channels
        self._frame = frame
        self._opened: OpenedArray = (stored.open, *stored.levels)[level]()
        found = tuple(self._opened.pixels.shape)
        if level == 0 and found != stored.shape:
            raise SemisegError(f"{description.path.name} changed while it was opened.")
        self._layout = Layout(layout.axes, found)
        # The letters are those of the image, whose planes a level may have merged.
        self._spatial = layout.spatial
        self.shape = tuple(self._layout.size(letter) for letter in self._spatial)
        self._finalizer = weakref.finalize(self, self._opened.close)

    def at_level(self, level: int) -> LazyFrame:
        """The same frame in a smaller version that its file holds."""
        return LazyFrame(self._description, self._frame, level)

    def read(self, box: Box) -> NDArray[Any]:
        """Pixels of a box inside the image, ``(C, *box.size)``, as they are stored."""
        return self.cut(box.slices)

    def cut(self, slices: Sequence[slice]) -> NDArray[Any]:
        """Pixels ``(C, *S)`` of slices along the spatial axes, with steps above 0."""
        low, high = min(self._channels), max(self._channels) + 1
        cuts: dict[str, slice | int] = {"T": self._frame}
        cuts[self._layout.channel_axis] = slice(low, high)
        cuts |= zip(self._spatial, slices, strict=True)
        index = tuple(cuts.get(letter, 0) for letter in self._layout.axes)
        with reading(self._path):
            pixels = np.asarray(self._opened.pixels[index])
        left = [a for a in self._layout.axes if isinstance(cuts.get(a, 0), slice)]
        if self._layout.channel_axis not in left:
            pixels, left = pixels[None], [self._layout.channel_axis, *left]
        order = [self._layout.channel_axis, *self._spatial]
        pixels = pixels.transpose([left.index(letter) for letter in order])
        chosen = [channel - low for channel in self._channels]
        if chosen != list(range(pixels.shape[0])):
            pixels = pixels[chosen]
        found = np.ascontiguousarray(pixels, dtype=self.dtype)
        self._opened.release()
        return found

    def close(self) -> None:
        """Close the file; `read` may not be called afterwards."""
        self._finalizer()


def describe(
    path: Path | str, axes: str | None = None, channels: Sequence[int] | None = None
) -> ImageDescription:
    """Say what an image file holds, without reading its pixels.

    Parameters
    ----------
    path
        TIFF, OME-TIFF, PNG, JPEG, BMP, or the folder of an OME-Zarr image.
    axes
        Meaning of the axes, e.g. ``TCYX``; wins over what the file says. Axes of size 1
        may be left out.
    channels
        Channels to use, counted from 0; None: all (of a colour image red, green, blue).

    Raises
    ------
    AmbiguousAxesError
        When the file does not say what an axis means and ``axes`` is not given.
    SemisegError
        When the file is missing, damaged, of an unknown kind or has too many axes.
    """
    path = Path(path)
    stored = stored_image(path)
    _check_type(path, stored)
    layout = resolve(path.name, stored.shape, stored.axes, axes)
    rgb = layout.axes.endswith("S") and layout.size("S") in (_RGB, _RGB + 1)
    n_usable = _RGB if rgb else layout.n_channels
    chosen = _chosen(path, n_usable, channels)
    size = _pixel_size(stored, layout)
    return ImageDescription(
        path=path,
        shape=tuple(layout.size(letter) for letter in layout.spatial),
        axes=layout.axes,
        channels=chosen,
        n_channels=len(chosen),
        n_frames=layout.n_frames,
        dtype=stored.dtype.name,
        pixel_size=size,
        pixel_unit=MICROMETRE if size else None,
        rgb=rgb and chosen == (0, 1, 2),
        words=_words(layout, chosen, rgb, n_usable, stored.remarks),
    )


def open_frame(description: ImageDescription, frame: int = 0) -> LazyFrame:
    """Open one frame for reading in pieces.

    Raises
    ------
    SemisegError
        When there is no such frame, or the file is damaged or no longer there.
    """
    if not 0 <= frame < description.n_frames:
        raise SemisegError(
            f"{description.path.name} has no frame {frame}: it has "
            f"{count(description.n_frames, 'T')}, counted from 0."
        )
    return LazyFrame(description, frame)


def is_image(path: Path) -> bool:
    """Whether the name or the folder is of a kind that `describe` reads."""
    suffix = path.suffix.lower()
    return suffix in TIFF_SUFFIXES | PICTURE_SUFFIXES or (
        path.is_dir() and is_zarr(path)
    )


def stored_image(path: Path, *, palette_numbers: bool = False) -> StoredImage:
    """What the file itself says, before its axes are agreed upon."""
    suffix = path.suffix.lower()
    if path.is_dir() and is_zarr(path):
        return stored_zarr(path)
    if not path.exists():
        raise SemisegError(f"{path} does not exist.")
    # Their libraries are slow to import.
    if suffix in TIFF_SUFFIXES:
        from napari_semiseg.exchange.read_tiff import stored_tiff

        return stored_tiff(path)
    if suffix in PICTURE_SUFFIXES:
        from napari_semiseg.exchange.read_picture import stored_picture

        return stored_picture(path, palette_numbers=palette_numbers)
    raise SemisegError(
        f"{path.name} is not a kind of image that can be read here: save it as TIFF, "
        "for example with Fiji. TIFF, OME-TIFF, OME-Zarr, PNG and JPEG can be read."
    )


def _check_type(path: Path, stored: StoredImage) -> None:
    if stored.dtype.kind not in "buif":
        raise SemisegError(
            f"{path.name} holds pixels of type {stored.dtype}, not of brightness: "
            "save it with 8, 16 or 32 bits a pixel."
        )


def _chosen(
    path: Path, n_usable: int, channels: Sequence[int] | None
) -> tuple[int, ...]:
    if channels is None:
        return tuple(range(n_usable))
    chosen = tuple(channels)
    wrong = [c for c in chosen if not 0 <= c < n_usable]
    if wrong or not chosen or len(set(chosen)) < len(chosen):
        raise SemisegError(
            f"The channels {list(chosen)} cannot be taken from {path.name}: it has "
            f"{count(n_usable, 'C')}, counted from 0; name each at most once."
        )
    return chosen


def _pixel_size(stored: StoredImage, layout: Layout) -> tuple[float, ...] | None:
    if not all(letter in stored.pixel_size for letter in layout.spatial):
        return None
    return tuple(stored.pixel_size[letter] for letter in layout.spatial)


def _words(
    layout: Layout,
    chosen: tuple[int, ...],
    rgb: bool,
    n_usable: int,
    remarks: Sequence[str],
) -> str:
    parts = ["RGB colour" if rgb else count(n_usable, "C")]
    if chosen != tuple(range(n_usable)):
        names = ", ".join(str(channel) for channel in chosen)
        parts.append(f"of which {names} (counted from 0)")
    if layout.n_frames > 1:
        parts.append(count(layout.n_frames, "T"))
    if layout.size("Z") > 1:
        parts.append(count(layout.size("Z"), "Z"))
    parts.append(sizes((layout.size("Y"), layout.size("X"))))
    if rgb and layout.n_channels > _RGB:
        parts.append("transparency left out")
    return ", ".join([*parts, *remarks])
