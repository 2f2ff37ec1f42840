"""PNG, JPEG and BMP pictures."""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from napari_semiseg.errors import SemisegError
from napari_semiseg.exchange.stored import OpenedArray, StoredImage, reading

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

# How Pillow calls a picture, and what we read it as.
_MODES = {
    "1": ("L", "uint8"),
    "L": ("L", "uint8"),
    "LA": ("L", "uint8"),
    "La": ("L", "uint8"),
    "I;16": ("I;16", "uint16"),
    "I;16B": ("I;16", "uint16"),
    "I": ("I", "int32"),
    "F": ("F", "float32"),
    "RGB": ("RGB", "uint8"),
    "P": ("RGB", "uint8"),
    "PA": ("RGB", "uint8"),
    "CMYK": ("RGB", "uint8"),
    "YCbCr": ("RGB", "uint8"),
    "RGBA": ("RGBA", "uint8"),
    "RGBX": ("RGB", "uint8"),
}


def stored_picture(path: Path, *, palette_numbers: bool = False) -> StoredImage:
    """Describe a picture; its pixels are read whole when it is opened.

    Parameters
    ----------
    path
        The file.
    palette_numbers
        Read a picture with a palette as its numbers, not its colours: labels.
    """
    with reading(path), _large_pictures(path), Image.open(path) as picture:
        deep = picture.format == "PNG" and ";16" in _raw_mode(picture)
        if deep:
            pixels = _read_deep(path)
            return _stored(pixels.shape, pixels.dtype, lambda: OpenedArray(pixels))
        if picture.mode not in _MODES:
            raise SemisegError(
                f"{path.name} has pixels of a kind that cannot be read "
                f"({picture.mode}): save it as TIFF."
            )
        mode, dtype = _MODES[picture.mode]
        if palette_numbers and picture.mode == "P":
            mode = "P"
        n_samples = {"RGB": (3,), "RGBA": (4,)}.get(mode, ())
        shape = (picture.height, picture.width, *n_samples)
    return _stored(shape, np.dtype(dtype), lambda: OpenedArray(_read(path, mode)))


def _stored(shape: tuple[int, ...], dtype: np.dtype[Any], opener: Any) -> StoredImage:
    axes = "YX" if len(shape) == 2 else "YXS"
    return StoredImage(shape, dtype, axes, opener)


def _read(path: Path, mode: str) -> NDArray[Any]:
    with reading(path), _large_pictures(path), Image.open(path) as picture:
        return np.asarray(picture if picture.mode == mode else picture.convert(mode))


def _raw_mode(picture: Image.Image) -> str:
    tile = getattr(picture, "tile", None)
    arguments = tile[0][3] if tile else ""
    return str(arguments if isinstance(arguments, str) else arguments[0])


def _read_deep(path: Path) -> NDArray[Any]:
    """Read a PNG of 16 bits a sample, which Pillow would cut down to 8 in colour."""
    import imagecodecs

    pixels: NDArray[Any] = imagecodecs.png_decode(path.read_bytes())
    if pixels.ndim == 3 and pixels.shape[2] in (1, 2):
        pixels = pixels[..., 0]  # Grey with transparency: the grey.
    return pixels


@contextlib.contextmanager
def _large_pictures(path: Path) -> Iterator[None]:
    """Large is normal in microscopy; what Pillow refuses outright gets a sentence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            yield
        except Image.DecompressionBombError as error:
            raise SemisegError(
                f"{path.name} is too large for a picture: save it as TIFF, which can "
                "be read in pieces."
            ) from error
