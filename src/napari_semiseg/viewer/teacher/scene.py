"""All that an act of a person on the teacher's layers needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_semiseg.viewer.teacher.acts import Act
from napari_semiseg.viewer.teacher.composing import shown_instances

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box
    from napari_semiseg.viewer.teacher.human_planes import HumanPlanes
    from napari_semiseg.viewer.teacher.teacher_ids import FreshIds
    from napari_semiseg.viewer.teacher.teacher_planes import Rules, TeacherPlanes

    Mask = NDArray[np.bool_]


class Outcome(NamedTuple):
    """What became of an act.

    Attributes
    ----------
    n_done
        Objects that were changed as asked.
    reason
        Why not everything was done, a sentence; None: everything was.
    renamed
        Painted ids that were given away elsewhere, to the ids used instead.
    """

    n_done: int = 0
    reason: str | None = None
    renamed: Mapping[int, int] = {}


@dataclass(frozen=True, eq=False)
class Scene:
    """A window with the planes of the teacher and the person.

    Attributes
    ----------
    shape
        Of the image.
    human, teacher, fresh, rules
        The planes, where new ids come from, and how objects and classes are found.
    n_classes
        Classes that can be painted, with the background.
    in_hand
        The tile in hand, which has a layer of its own; None: there is none.
    """

    shape: tuple[int, ...]
    human: HumanPlanes
    teacher: TeacherPlanes
    fresh: FreshIds
    rules: Rules
    n_classes: int
    in_hand: Box | None = None

    def act(self) -> Act:
        """Begin an act."""
        return Act(self.human, self.teacher, self.fresh)

    def ground_in_hand(self, box: Box) -> Mask:
        """Where the tile in hand is, bool ``(*box.size)``."""
        found = np.zeros(box.size, bool)
        shared = box.intersection(self.in_hand) if self.in_hand else None
        if shared is not None and not shared.empty:
            found[shared.relative_to(box).slices] = True
        return found

    def known_in(self, box: Box) -> bool:
        """Whether the teacher has looked at all pixels of a box."""
        if box.empty or not self.human.window.contains(box):
            return False
        return bool(self.teacher.known[self.teacher.here(box)].all())

    def in_tile(self, number: int) -> bool:
        """Whether an object belongs to a finished tile."""
        return any(number in tile.places for tile in self.human.tiles)

    def free_pixels(self, number: int) -> tuple[Box, Mask] | None:
        """Pixels that are shown of an object outside finished tiles; None: none."""
        record = self.human.objects.get(number)
        if record is not None:
            box = record.box.intersection(self.human.window)
        elif number in self.teacher.seen:
            box = self.teacher.place(number)
        else:
            return None
        if box.empty:
            return None
        there = shown_instances(box, self.teacher, self.human) == number
        mask = there & ~self.human.ground(box)
        return (box, mask) if mask.any() else None
