"""Working the teacher's answers into a view: in the background, one by one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from qtpy.QtCore import QObject, Signal

from napari_semiseg.viewer.teacher.teacher_planes import Answer, Rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_semiseg.viewer.background import Background
    from napari_semiseg.viewer.teacher.teacher_job import Look
    from napari_semiseg.viewer.teacher.teacher_view import TeacherView


class Chosen(NamedTuple):
    """Thresholds in force: probabilities, and pixels of the smallest object."""

    foreground: float = 0.5
    seed: float = 0.5
    min_size: int = 0


class AnswerWork(QObject):
    """Answers and thresholds that wait, are worked on, or wait for the mouse.

    Parameters
    ----------
    held
        Whether the user is painting: then results wait until `release`.

    Attributes
    ----------
    rules
        How objects are to be found from now on.
    """

    applied = Signal(object)
    """The `Box` of the view in which other things are shown now."""
    failed = Signal(str)
    """An answer could not be worked in, in a sentence."""

    def __init__(
        self, background: Background, held: Callable[[], bool], parent: QObject
    ) -> None:
        super().__init__(parent)
        self._background = background
        self._held = held
        self._view: TeacherView | None = None
        self._answers: list[Answer] = []
        self._working = False
        self._look: Look | None = None
        self.rules = Rules()

    @property
    def busy(self) -> bool:
        """Whether anything waits or is worked on."""
        return self._working or bool(self._answers)

    def begin(self, view: TeacherView | None) -> None:
        """Work for another view from now on; answers that came early are worked in."""
        self._view = view
        self._working = False
        self._look = None
        self._next()

    def forget(self) -> None:
        """Drop what was answered for another window."""
        self._answers.clear()
        self.begin(None)

    def take(self, answer: Answer) -> None:
        """Work in an answer; it replaces an older one about the same box."""
        older = [] if answer.alone else self._answers
        alone = answer.alone or any(a.alone for a in older if a.box == answer.box)
        answer = replace(answer, alone=alone)
        self._answers = [a for a in older if a.box != answer.box]
        self._answers.append(answer)
        self._next()

    def change_rules(self, **changes: Any) -> None:
        """Find objects by other `Rules`; of several the newest win."""
        self.rules = replace(self.rules, **changes)
        self._next()

    def release(self) -> None:
        """The user has stopped painting: show the result that waits."""
        look, self._look = self._look, None
        if look is not None and self._view is not None:
            self._apply(self._view, look)

    def _next(self) -> None:
        view = self._view
        if view is None or self._working:
            return
        if view.rules != self.rules:
            job = view.job(None, self.rules)
        elif self._answers:
            job = view.job(self._answers.pop(0), self.rules)
        else:
            return
        self._working = True
        self._background.submit(
            job.run, partial(self._worked, view), partial(self._gave_up, view)
        )

    def _worked(self, view: TeacherView, look: Look) -> None:
        if view is not self._view:
            return
        if self._held():
            self._look = look
        else:
            self._apply(view, look)

    def _apply(self, view: TeacherView, look: Look) -> None:
        box = view.apply(look)
        self._working = False
        self.applied.emit(box)
        self._next()

    def _gave_up(self, view: TeacherView, sentence: str) -> None:
        if view is self._view:
            self._working = False
            view.rules = self.rules  # Else the same would fail again and again.
            self.failed.emit(sentence)
            self._next()
