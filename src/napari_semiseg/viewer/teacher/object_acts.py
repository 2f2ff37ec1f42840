"""Accepting and rejecting single objects, and giving them back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from napari_semiseg.project.owners import Owner
from napari_semiseg.viewer.teacher.scene import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_semiseg.geometry import Box
    from napari_semiseg.viewer.teacher.acts import Act
    from napari_semiseg.viewer.teacher.scene import Mask, Scene

Verb: TypeAlias = Literal["accept", "reject", "give back"]


def do_to_objects(act: Act, scene: Scene, verb: Verb, ids: Iterable[int]) -> Outcome:
    """Accept objects of the teacher, reject any, or give back the person's.

    A rejected object becomes the person's background.

    Returns
    -------
    Outcome
        How many there were, and why the first of the others was left out.
    """
    reasons, n_done = [], 0
    for number in dict.fromkeys(ids):
        refusal = _DO[verb](act, scene, number)
        if refusal:
            reasons.append(refusal)
        else:
            n_done += 1
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return Outcome(n_done, f"{reasons[0]}{more}" if reasons else None)


def _accept(act: Act, scene: Scene, number: int) -> str | None:
    seen = scene.teacher.seen.get(number)
    if seen is None or not seen.shown:
        owned = scene.human.owns(number)
        return f"Object {number} is yours already." if owned else _none(number)
    box = scene.teacher.place(number)
    mask = scene.teacher.instances[seen.place] == number
    if (mask & scene.human.ground(box)).any():
        return f"Object {number} reaches into a finished tile: change its labels."
    if not scene.known_in(box.grow(1).clip(scene.shape)):
        return (
            f"Object {number} may go on where the teacher has not looked yet: move "
            "the view there first."
        )
    act.take_over(number, Owner.ACCEPTED, class_id=_class_of(scene, mask, box))
    return None


def _reject(act: Act, scene: Scene, number: int) -> str | None:
    found = scene.free_pixels(number)
    if found is None:
        return _tile(number) if scene.in_tile(number) else _none(number)
    act.draw(*found, 0)
    return None


def _give_back(act: Act, scene: Scene, number: int) -> str | None:
    if number not in scene.human.objects:
        if scene.in_tile(number):
            return _tile(number)
        known = number in scene.teacher.seen
        return f"Object {number} is the teacher's already." if known else _none(number)
    found = scene.free_pixels(number)
    if found is None:
        return _none(number)
    act.give_back(*found)
    return None


_DO = {"accept": _accept, "reject": _reject, "give back": _give_back}


def _none(number: int) -> str:
    return f"There is no object {number} here."


def _tile(number: int) -> str:
    return f"Object {number} belongs to a finished tile: change the tile's labels."


def _class_of(scene: Scene, mask: Mask, box: Box) -> int | None:
    """The class of a piece of a class; None of an object, which has its own."""
    if scene.rules.task != "semantic":
        return None
    found = scene.teacher.label[scene.teacher.here(box)][mask]
    return max(1, int(np.bincount(found).argmax()))
