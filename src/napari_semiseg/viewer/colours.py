"""Colours of labels: objects by their number, and a grey for what is ignored."""

from __future__ import annotations

import colorsys
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from napari.utils.colormaps import (
    CyclicLabelColormap,
    DirectLabelColormap,
    label_colormap,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

N_COLOURS = 253
"""Colours of one turn; 254 with the transparent one of label 0 fit into 8 bits."""
# napari counts colours modulo N_COLOURS: label -1 (ignore) gets this one.
_IGNORE_INDEX = N_COLOURS - 1
_IGNORE_COLOUR = (0.55, 0.55, 0.55, 1.0)
_CLEAR = (0.0, 0.0, 0.0, 0.0)
_CLASS_COLOURS = (
    (0.95, 0.60, 0.10, 1.0),
    (0.20, 0.60, 1.00, 1.0),
    (0.30, 0.80, 0.35, 1.0),
    (0.85, 0.30, 0.75, 1.0),
    (0.95, 0.90, 0.25, 1.0),
    (0.35, 0.85, 0.85, 1.0),
    (0.95, 0.35, 0.30, 1.0),
    (0.60, 0.45, 1.00, 1.0),
    (0.70, 0.50, 0.30, 1.0),
    (1.00, 0.70, 0.80, 1.0),
    (0.65, 0.80, 0.20, 1.0),
    (0.15, 0.45, 0.55, 1.0),
)


@cache
def object_colours() -> CyclicLabelColormap:
    """Colours of instances; -1 is grey."""
    colours = np.array(label_colormap(N_COLOURS, seed=0.5).colors)
    colours[:, :3] = [_vivid(*rgb) for rgb in colours[:, :3].tolist()]
    colours[_IGNORE_INDEX] = _IGNORE_COLOUR
    return CyclicLabelColormap(colors=colours, seed=0.5, background_value=0)


def _vivid(red: float, green: float, blue: float) -> tuple[float, float, float]:
    """A colour that is told from grey, and from the black between cells."""
    hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
    return colorsys.hsv_to_rgb(hue, 0.45 + 0.55 * saturation, 0.65 + 0.35 * value)


def free_number(taken: int) -> int:
    """The first number above ``taken`` whose colour is not that of *ignore*."""
    number = max(taken, 0) + 1
    return number + 1 if number % N_COLOURS == _IGNORE_INDEX else number


def free_numbers(taken: int, count: int) -> NDArray[np.int32]:
    """``count`` numbers above ``taken``, rising, none in the colour of *ignore*."""
    # One number of each turn is left out: draw some more and keep the others.
    first = max(taken, 0) + 1
    drawn = np.arange(first, first + count + count // (N_COLOURS - 1) + 2)
    free: NDArray[np.int32] = drawn[drawn % N_COLOURS != _IGNORE_INDEX][:count].astype(
        np.int32
    )
    return free


def class_colour(number: int) -> tuple[float, float, float, float]:
    """The colour of a class, in all layers; the background, class 0, is transparent."""
    if number == 0:
        return _CLEAR
    return _CLASS_COLOURS[(number - 1) % len(_CLASS_COLOURS)]


def class_colours(n_classes: int) -> DirectLabelColormap:
    """Colours of classes 0, 1, 2, ... with the background; -1 is grey."""
    return _direct([class_colour(n) for n in range(1, n_classes)])


def trust_colours() -> DirectLabelColormap:
    """Of the confidence mask: 1 trusted (green), 2 not trusted (red), 0 unset."""
    return _direct([(0.20, 0.75, 0.35, 1.0), (0.85, 0.25, 0.20, 1.0)])


def _direct(colours: Sequence[tuple[float, ...]]) -> DirectLabelColormap:
    known: dict[int | None, NDArray[np.float64]] = {
        None: np.array(_CLEAR),
        0: np.array(_CLEAR),
        -1: np.array(_IGNORE_COLOUR),
    }
    known |= {number: np.array(c) for number, c in enumerate(colours, start=1)}
    return DirectLabelColormap(color_dict=known)
