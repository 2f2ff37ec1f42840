"""Arrays of an example as small pictures: RGB, uint8 ``(Y, X, 3)``."""

from __future__ import annotations

import colorsys
import io
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

_GOLDEN = 0.618034  # Turns of the colour circle between neighbouring numbers.
_IGNORED = (110, 110, 110)


def input_picture(image: NDArray[np.float32]) -> Picture:
    """Normalised channels ``(C, Y, X)``: grey, or the first as red, green, blue."""
    shown = np.clip(image[:3], 0, 1)
    if len(shown) == 1:
        shown = np.repeat(shown, 3, 0)
    if len(shown) == 2:
        shown = np.concatenate([shown, np.zeros_like(shown[:1])])
    found: Picture = np.round(255 * shown).astype(np.uint8).transpose(1, 2, 0)
    return found


def label_picture(labels: NDArray[Any]) -> Picture:
    """A colour a number, 0 black, negative grey; numbers nearby look different."""
    numbers, places = np.unique(labels, return_inverse=True)
    colours = np.array([_colour(int(number)) for number in numbers], np.uint8)
    found: Picture = colours[places.reshape(labels.shape)]
    return found


def mask_picture(mask: NDArray[np.bool_]) -> Picture:
    """White where true."""
    return np.repeat(255 * mask.astype(np.uint8)[..., None], 3, 2)


def outlined(
    picture: Picture, labels: NDArray[Any], colour: Any = (255, 210, 0)
) -> Any:
    """A picture with the inner edges of objects drawn over it."""
    edge = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        for step in (-1, 1):
            edge |= np.roll(labels, step, axis) != labels
    edge &= labels > 0
    found = picture.copy()
    found[edge] = colour
    return found


def png(picture: Picture) -> bytes:
    """A picture as the content of a PNG file."""
    from matplotlib.image import imsave  # Slow to import.

    out = io.BytesIO()
    imsave(out, np.ascontiguousarray(picture), format="png")
    return out.getvalue()


def _colour(number: int) -> tuple[int, ...]:
    if number < 0:
        return _IGNORED
    if number == 0:
        return (0, 0, 0)
    rgb = colorsys.hsv_to_rgb(number * _GOLDEN % 1, 0.65, 1.0)
    return tuple(round(255 * part) for part in rgb)
