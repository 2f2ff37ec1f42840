"""Work that an answer of the teacher makes, done in the background."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_semiseg.viewer.teacher.composing import Shown, compose
from napari_semiseg.viewer.teacher.teacher_planes import (
    Answer,
    Rules,
    TeacherPlanes,
    known_box,
    with_answer,
    with_objects,
)
from napari_semiseg.viewer.teacher.trying import with_trial

if TYPE_CHECKING:
    from napari_semiseg.geometry import Box
    from napari_semiseg.viewer.teacher.human_planes import HumanPlanes
    from napari_semiseg.viewer.teacher.teacher_ids import FreshIds


@dataclass(frozen=True, eq=False)
class Look:
    """The teacher's planes as they are to be, and what to show in a region."""

    planes: TeacherPlanes
    rules: Rules
    region: Box
    shown: Shown


@dataclass(frozen=True, eq=False)
class Job:
    """An answer to work in, or other rules to apply to what is known.

    It reads the person's planes while they may be painted on: what is painted from its
    making on is composed again when its result is shown.

    Attributes
    ----------
    planes
        What the teacher saw so far.
    answer
        None: there is none, only the rules are others.
    rules, human, fresh
        As in `TeacherView`.
    everywhere
        Whether to compose the whole window anew.
    """

    planes: TeacherPlanes
    answer: Answer | None
    rules: Rules
    human: HumanPlanes
    fresh: FreshIds
    everywhere: bool = False

    def run(self) -> Look:
        """Work it out; touches nothing that is shown."""
        if self.answer is None:
            planes, region = self.planes, known_box(self.planes)
        else:
            planes = with_answer(self.planes, self.answer)
            seen = planes.window if self.answer.alone else self.answer.box
            region = seen.intersection(planes.window)
        if self.answer is not None or not self._same_objects:
            planes, region = with_objects(
                planes, region, self.rules, self.human, self.fresh
            )
        planes, region = with_trial(planes, region, self.rules)
        if self.everywhere:
            region = planes.window
        shown = compose(region, planes, self.human, self.rules)
        return Look(planes, self.rules, region, shown)

    @property
    def _same_objects(self) -> bool:
        """Whether only the pixels for the training are to be chosen otherwise."""
        return self.planes.found_by == replace(self.rules, selecting=None)
