"""What strokes on the teacher's layers mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from napari_semiseg.viewer.teacher.acts import ids_under
from napari_semiseg.viewer.teacher.composing import shown_instances
from napari_semiseg.viewer.teacher.scene import Outcome

if TYPE_CHECKING:
    from napari_semiseg.viewer.teacher.acts import Act
    from napari_semiseg.viewer.teacher.scene import Mask, Scene
    from napari_semiseg.viewer.teacher.strokes import Stroke

Layer: TypeAlias = Literal["instances", "label", "trusted"]
"""The layers that can be painted on; fields of `composing.Shown`."""

_FAR = 1_000_000  # A painted id that much above all others would make look-ups slow.
_IN_HAND = "What is in the tile in hand is painted on the layer annotation."
_CLASSES_IN_TILE = "In a finished tile the objects decide about classes: change those."


def paint(act: Act, scene: Scene, layer: Layer, stroke: Stroke) -> Outcome:
    """Make a stroke a decision of the person's.

    On ``instances`` a label makes the whole object of that id the person's, with the
    pixels painted; 0 makes background, and what is left of the objects it touched the
    person's; -1 makes pixels to ignore. On ``label`` pixels get a class, whatever
    object they belong to: of the two layers the latest act wins. On ``trusted`` the
    pseudo-label shall count (1), shall not (2), or as the method decides (0).
    """
    if layer == "instances":
        return _paint_objects(act, scene, stroke)
    if layer == "label":
        return _paint_classes(act, scene, stroke)
    valid, reason = _valid(stroke, 2)
    act.give_trust(stroke.box, valid, stroke.values.astype(np.uint8))
    return Outcome(reason=reason)


def _paint_classes(act: Act, scene: Scene, stroke: Stroke) -> Outcome:
    valid, reason = _valid(stroke, scene.n_classes - 1)
    if scene.rules.task == "semantic":
        in_hand = valid & scene.ground_in_hand(stroke.box)
        reason = _IN_HAND if in_hand.any() else reason
        valid &= ~in_hand
        _paint_tiles(act, scene, stroke, valid)
        valid &= ~scene.human.ground(stroke.box)
    ground = scene.human.ground(stroke.box)
    if (valid & ground).any():
        reason = _CLASSES_IN_TILE
    act.give_class(stroke.box, valid & ~ground, stroke.values.astype(np.uint8))
    return Outcome(reason=reason)


def _paint_tiles(act: Act, scene: Scene, stroke: Stroke, valid: Mask) -> None:
    """Change the classes of finished tiles, whose labels hold classes alone."""
    for tile, shared in scene.human.tiles_in(stroke.box):
        here = shared.relative_to(stroke.box).slices
        for kind in np.unique(stroke.values[here][valid[here]]).tolist():
            part = valid[here] & (stroke.values[here] == kind)
            number = tile.number_of(kind, scene.fresh) if kind else 0
            act.draw_in_tile(tile, shared, part, number)


def _valid(stroke: Stroke, last: int) -> tuple[Mask, str | None]:
    """Pixels painted with 0 to ``last``, and what to say if there are others."""
    valid = stroke.mask & (stroke.values >= 0) & (stroke.values <= last)
    reason = f"Paint with 0 to {last} on this layer."
    return valid, reason if (stroke.mask & ~valid).any() else None


def _paint_objects(act: Act, scene: Scene, stroke: Stroke) -> Outcome:
    box = stroke.box
    values = np.maximum(stroke.values, -1)
    before = shown_instances(box, scene.teacher, scene.human)
    painted = stroke.mask & (values != before)
    in_hand = painted & scene.ground_in_hand(box)
    painted &= ~in_hand
    renamed = {}
    for value in np.unique(values[painted]).tolist():
        number = _meant(scene, value)
        if number != value:
            renamed[value] = number
        _paint_object(act, scene, stroke, painted & (values == value), number, before)
    return Outcome(reason=_IN_HAND if in_hand.any() else None, renamed=renamed)


def _paint_object(
    act: Act,
    scene: Scene,
    stroke: Stroke,
    painted: Mask,
    number: int,
    before: np.ndarray[tuple[int, ...], np.dtype[np.int32]],
) -> None:
    """Paint with one value; what it touches becomes the person's as a whole."""
    box = stroke.box
    free = painted & ~scene.human.ground(box)
    cut = ids_under(before, free) if number == 0 else []
    # Before it is drawn: of what the person cuts no rest is too small to stay.
    for touched in [number] if number > 0 else cut:
        act.take_over(touched)
    act.draw(box, free, number)
    for tile, shared in scene.human.tiles_in(box):
        part = painted[shared.relative_to(box).slices]
        if part.any():
            act.draw_in_tile(tile, shared, part, number)


def _meant(scene: Scene, number: int) -> int:
    """The id to use for a painted one; a new one when it is used elsewhere."""
    if number <= 0:
        return number
    record = scene.human.objects.get(number)
    elsewhere = record is not None and not record.box.overlaps(scene.human.window)
    if elsewhere or number > scene.fresh.taken + _FAR:
        return scene.fresh.one()
    scene.fresh.note(number)
    return number
