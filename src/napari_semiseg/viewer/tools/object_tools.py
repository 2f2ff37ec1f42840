"""What the tools do to labels, wherever these are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_semiseg.segmentation.object_cuts import separate, split_along
from napari_semiseg.segmentation.object_edits import (
    erase,
    fill_holes,
    grow,
    merge,
    shrink,
)
from napari_semiseg.segmentation.object_places import (
    ids_in,
    object_around,
    objects_inside,
)
from napari_semiseg.viewer.counted import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_semiseg.segmentation.object_edits import Edit
    from napari_semiseg.viewer.tools.grounds import Ground

    Pixel = tuple[float, float]


class NothingDone(Exception):
    """Why a tool did nothing, in a sentence."""


def cut(ground: Ground, start: Pixel, end: Pixel) -> str:
    """Split all objects that a line crosses; what was done, in words."""
    edits = split_along(ground.labels, start, end, ground.fresh)
    _do(ground, edits, "The line crosses no object from side to side.")
    return f"Cut {counted(len(edits), 'object')}."


def take_apart(ground: Ground, pixel: Pixel) -> str:
    """Make the pieces of the object at a pixel objects of their own."""
    number = _pointed_at(ground, pixel)
    edits = separate(ground.labels, number, ground.fresh)
    _do(ground, edits, "This object is in one piece: drag a line across it.")
    return f"{1 + sum(len(edit.pieces) for edit in edits)} objects now."


def join(ground: Ground, kept: int, joined: int) -> str:
    """Make two objects one."""
    _do(ground, merge(ground.labels, kept, joined), "These are one object already.")
    return "Two objects became one."


def clear(ground: Ground, start: Pixel, end: Pixel) -> str:
    """Erase the objects in a rectangle between two corners."""
    place = tuple(
        slice(min(max(0, round(min(a, b))), n), max(0, min(n, round(max(a, b)) + 1)))
        for a, b, n in zip(start, end, ground.labels.shape, strict=True)
    )
    ids = objects_inside(ground.labels, place)
    none = "No object lies in the rectangle by more than half."
    _do(ground, erase(ground.labels, ids), none)
    return f"Erased {counted(len(ids), 'object')}."


def remove(ground: Ground, pixel: Pixel) -> str:
    """Erase the object at a pixel."""
    number = _pointed_at(ground, pixel)
    _do(ground, erase(ground.labels, [number]), "")
    return "Erased 1 object."


def enlarge(ground: Ground, pixel: Pixel) -> str:
    """Grow the object at a pixel."""
    number = _pointed_at(ground, pixel)
    edits = grow(ground.labels, number, ground.free)
    _do(ground, edits, "There is no room for this object to grow.")
    return "One pixel larger."


def reduce(ground: Ground, pixel: Pixel) -> str:
    """Shrink the object at a pixel."""
    number = _pointed_at(ground, pixel)
    edits = shrink(ground.labels, number, ground.beyond)
    _do(ground, edits, "This object is too thin to shrink: erase it instead.")
    return "One pixel smaller."


def fill(ground: Ground, pixel: Pixel, *, all_of_them: bool) -> str:
    """Fill the holes of the object at or around a pixel.

    Parameters
    ----------
    all_of_them
        Where there is none, fill those of all objects.
    """
    labels = ground.labels
    at = _index(ground, pixel)
    number = object_at(ground, pixel) or (object_around(labels, at) if at else 0)
    if not number and not all_of_them:
        raise NothingDone("There is no object here: point at one, or into its hole.")
    edits = fill_holes(labels, [number] if number else ids_in(labels))
    missing = "This object has" if number else "The objects of this tile have"
    _do(ground, edits, f"{missing} no holes.")
    return f"Filled the holes of {counted(len(edits), 'object')}."


def object_at(ground: Ground, pixel: Pixel) -> int:
    """Id of the object at a pixel of the ground; 0: none."""
    at = _index(ground, pixel)
    return max(0, int(ground.labels[at])) if at else 0


def _pointed_at(ground: Ground, pixel: Pixel) -> int:
    number = object_at(ground, pixel)
    if not number:
        raise NothingDone("There is no object here: point at one.")
    return number


def _index(ground: Ground, pixel: Pixel) -> tuple[int, int] | None:
    y, x = (round(at) for at in pixel)
    height, width = ground.labels.shape
    return (y, x) if 0 <= y < height and 0 <= x < width else None


def _do(ground: Ground, edits: Sequence[Edit], why_not: str) -> None:
    """Do it, unless there is nothing to do; a refusal is said by the ground."""
    if not edits:
        raise NothingDone(why_not)
    if not ground.do(edits):
        raise NothingDone("")
