"""Edits of whole objects, several at once: one act of the person's."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.viewer.teacher.composing import shown_instances
from napari_semiseg.viewer.teacher.journal import hull
from napari_semiseg.viewer.teacher.painting import paint
from napari_semiseg.viewer.teacher.scene import Outcome
from napari_semiseg.viewer.teacher.strokes import Stroke

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from napari_semiseg.geometry import Box
    from napari_semiseg.viewer.teacher.acts import Act
    from napari_semiseg.viewer.teacher.scene import Mask, Scene

_SPARSE = 4  # Boxes that cover less than a quarter of what is around them.


@dataclass(frozen=True, eq=False)
class ObjectEdit:
    """Pixels that become other objects' or nobody's.

    Attributes
    ----------
    stroke
        The pixels and what they become.
    objects
        The objects whose outline was decided about: they become the person's.
    pieces
        New ids, each with the object that it is a piece of.
    """

    stroke: Stroke
    objects: tuple[int, ...] = ()
    pieces: Mapping[int, int] = field(default_factory=dict)


def edit_objects(act: Act, scene: Scene, edits: Iterable[ObjectEdit]) -> Outcome:
    """Do what strokes would; objects decided about become the person's as a whole."""
    reason = None
    for edit in _joined(edits):
        for new, old in edit.pieces.items():
            _name_class(act, scene, new, old)
        for number in edit.objects:
            act.take_over(number)
        reason = paint(act, scene, "instances", edit.stroke).reason or reason
    return Outcome(reason=reason)


def confirm_background(act: Act, scene: Scene, box: Box, mask: Mask) -> None:
    """Make background the person's, where none is seen and nobody decided."""
    bare = shown_instances(box, scene.teacher, scene.human) == 0
    undecided = ~scene.human.claimed(box) & ~scene.ground_in_hand(box)
    act.draw(box, mask & bare & undecided, 0)


def _joined(edits: Iterable[ObjectEdit]) -> Iterator[ObjectEdit]:
    """The same edits; those that only erase, near to each other, as one."""
    erasing = []
    for edit in edits:
        if edit.objects or edit.pieces:
            yield edit
        else:
            erasing.append(edit)
    boxes = [edit.stroke.box for edit in erasing]
    if not boxes:
        return
    around = hull(boxes)
    if _SPARSE * sum(math.prod(box.size) for box in boxes) < math.prod(around.size):
        yield from erasing
        return
    mask = np.zeros(around.size, bool)
    for edit in erasing:
        mask[edit.stroke.box.relative_to(around).slices] |= edit.stroke.mask
    yield ObjectEdit(Stroke(around, mask, np.zeros(around.size, np.int32)))


def _name_class(act: Act, scene: Scene, new: int, old: int) -> None:
    """Give a piece the class of the object it comes from."""
    for tile in scene.human.tiles:
        if old in tile.places:
            tile.name_class(new, tile.classes_shown().get(old, 1))
            return
    record = scene.human.objects.get(old)
    if record is not None:
        act.name_class(new, record.class_id)
    elif old in scene.teacher.seen:
        act.name_class(new, scene.teacher.class_of(old))
