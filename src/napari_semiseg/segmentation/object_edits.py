"""Corrections of single objects in a label image: merge, erase, grow, shrink, fill.

Each function reads a label image, int32 ``(Y, X)`` with 0 for no object, -1 for pixels
to ignore and ids from 1, and leaves it as it is. What is to become of it is told as
edits: boxes around the objects concerned with the labels that belong there. No edit
means that there is nothing to do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import scipy

from napari_semiseg.segmentation.object_places import Place, places_of, widened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    Labels: TypeAlias = NDArray[np.int32]
    Mask: TypeAlias = NDArray[np.bool_]
    Choice: TypeAlias = Callable[[Place, Mask], Mask]
    """Chooses pixels of a box, given which of them are an object's."""


@dataclass(frozen=True, eq=False)
class Edit:
    """What is to become of the labels in a box.

    Attributes
    ----------
    place
        The box.
    labels
        int32, of its size: what is there afterwards.
    objects
        The objects whose outline was decided about, as far as they stay.
    pieces
        New ids, each with the object that it is a piece of.
    """

    place: Place
    labels: Labels
    objects: tuple[int, ...] = ()
    pieces: Mapping[int, int] = field(default_factory=dict)


def apply(labels: Labels, edits: Iterable[Edit]) -> Labels:
    """The label image as it is after some edits; the old one stays."""
    result = labels.copy()
    for edit in edits:
        changed = edit.labels != labels[edit.place]
        result[edit.place][changed] = edit.labels[changed]
    return result


def merge(labels: Labels, kept: int, joined: int) -> list[Edit]:
    """Give the pixels of one object to another."""
    place = places_of(labels, [joined]).get(joined)
    if place is None or kept == joined:
        return []
    part = labels[place]
    return [Edit(place, np.where(part == joined, np.int32(kept), part), (kept,))]


def erase(labels: Labels, ids: Iterable[int]) -> list[Edit]:
    """Make objects background."""
    return [
        Edit(place, np.where(labels[place] == number, np.int32(0), labels[place]))
        for number, place in places_of(labels, ids).items()
    ]


def grow(labels: Labels, number: int, free: Choice | None = None) -> list[Edit]:
    """Make an object one pixel larger on all sides.

    Parameters
    ----------
    free
        Which pixels it may take; None: those that are 0.
    """
    place = places_of(labels, [number]).get(number)
    if place is None:
        return []
    place = widened(place, labels.shape)
    part = labels[place]
    mask = part == number
    allowed = part == 0 if free is None else free(place, mask)
    new = scipy.ndimage.binary_dilation(mask) & allowed & ~mask
    return _changed(place, part, new, number, number)


def shrink(labels: Labels, number: int, beyond: Choice | None = None) -> list[Edit]:
    """Make an object one pixel smaller on all sides, unless it would vanish.

    It keeps its outline at the rim of the image, beyond which it may go on.

    Parameters
    ----------
    beyond
        Other pixels on which it may go on unseen; None: none.
    """
    place = places_of(labels, [number]).get(number)
    if place is None:
        return []
    place = widened(place, labels.shape)
    part = labels[place]
    mask = part == number
    within = mask if beyond is None else mask | beyond(place, mask)
    # Around the box are either the rim of the image or pixels of no concern.
    core = scipy.ndimage.binary_erosion(within, border_value=1) & mask
    if not core.any():
        return []
    return _changed(place, part, mask & ~core, 0, number)


def fill_holes(labels: Labels, ids: Iterable[int]) -> list[Edit]:
    """Give the background that an object encloses to the object."""
    edits = []
    for number, place in places_of(labels, ids).items():
        part = labels[place]
        holes = scipy.ndimage.binary_fill_holes(part == number) & (part == 0)
        edits += _changed(place, part, holes, number, number)
    return edits


def _changed(
    place: Place, part: Labels, pixels: Mask, value: int, number: int
) -> list[Edit]:
    """The edit that gives pixels a value, for the sake of an object."""
    if not pixels.any():
        return []
    return [Edit(place, np.where(pixels, np.int32(value), part), (number,))]
