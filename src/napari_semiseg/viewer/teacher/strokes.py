"""What a stroke of napari's tools changed, as plain arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_semiseg.viewer.teacher.journal import hull
from napari_semiseg.viewer.teacher.teacher_ids import placed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box


class Stroke(NamedTuple):
    """Pixels that were painted.

    Attributes
    ----------
    box
        Around them, in the image.
    mask
        bool ``(*box.size)``: which pixels.
    values
        int32 ``(*box.size)``: what they were painted with, under the mask.
    """

    box: Box
    mask: NDArray[np.bool_]
    values: NDArray[np.int32]


def stroke_of(atoms: Sequence[Any], window: Box) -> Stroke | None:
    """The stroke in the value of a Labels layer's event ``paint``.

    Parameters
    ----------
    atoms
        One for each movement of the mouse: of napari 0.9 a bounding box with a mask,
        of older versions, and of ``data_setitem``, a tuple of indices, old and new
        values.
    window
        What the layer covers, in the image.
    """
    parts = [_part(atom) for atom in atoms]
    boxes = [placed(place, window) for place, _, _ in parts]
    if not boxes:
        return None
    box = hull(boxes)
    mask = np.zeros(box.size, bool)
    values = np.zeros(box.size, np.int32)
    for (_, where, value), part in zip(parts, boxes, strict=True):
        here = part.relative_to(box).slices
        mask[here] |= where
        np.copyto(values[here], value, where=where)
    return Stroke(box, mask, values)


def _part(
    atom: Any,
) -> tuple[tuple[slice, ...], NDArray[np.bool_], NDArray[np.int32]]:
    """Slices, changed pixels and new values of an atom, in the layer's array."""
    if hasattr(atom, "slice_key"):
        place = tuple(atom.slice_key)
        shape = tuple(cut.stop - cut.start for cut in place)
        where = np.ones(shape, bool) if atom.mask is None else np.asarray(atom.mask)
        return place, where, np.full(shape, atom.new_value, np.int32)
    indices = [np.asarray(index) for index in atom[0]]
    first = [int(index.min()) for index in indices]
    shape = tuple(
        int(index.max()) + 1 - low for index, low in zip(indices, first, strict=True)
    )
    there = tuple(index - low for index, low in zip(indices, first, strict=True))
    where, values = np.zeros(shape, bool), np.zeros(shape, np.int32)
    where[there] = True
    values[there] = atom[2]
    place = tuple(slice(o, o + n) for o, n in zip(first, shape, strict=True))
    return place, where, values
