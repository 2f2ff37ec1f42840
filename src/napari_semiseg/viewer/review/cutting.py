"""How objects are cut out of a teacher's probabilities: tried, kept, set back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_semiseg.errors import SemisegError
from napari_semiseg.runs.chosen_thresholds import choose_thresholds, chosen_thresholds
from napari_semiseg.segmentation.watershed import Thresholds
from napari_semiseg.viewer.teacher.answer_work import Chosen

if TYPE_CHECKING:
    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.teacher.teachers import Teacher

_SAVE = 500  # Milliseconds of rest before new thresholds are written.


class Cutting(QObject):
    """The thresholds of whoever is asked; those of the model in use are kept.

    Attributes
    ----------
    tuned
        What the training of the model found best; None: there is no model.
    """

    changed = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.session)
        self._desk = desk
        self.tuned: Chosen | None = None
        self._tried: dict[str, Chosen] = {}  # Of runs that train.
        self._unsaved: tuple[Teacher, Chosen | None] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.save)
        desk.session.leaving.connect(self.save)
        desk.session.project_changed.connect(self._forget)
        desk.looking.teacher_changed.connect(self._on_teacher)
        desk.looking.tuned.connect(self._retune)

    def close(self) -> None:
        """Save, and let go of the others."""
        self.save()
        self._desk.session.leaving.disconnect(self.save)
        self._desk.session.project_changed.disconnect(self._forget)
        self._desk.looking.teacher_changed.disconnect(self._on_teacher)
        self._desk.looking.tuned.disconnect(self._retune)

    @property
    def in_force(self) -> Chosen:
        """The thresholds that the layers show."""
        return self._desk.teacher.thresholds

    @property
    def keeps(self) -> bool:
        """Whether thresholds that are set now are kept with the model in use."""
        teacher = self._desk.looking.teacher
        return teacher is not None and not teacher.lives and self._desk.session.writable

    def put(self, foreground: float, seed: float, min_size: int) -> None:
        """Cut objects out by other thresholds; kept with the model in use."""
        self._show(Chosen(foreground, seed, min_size))
        teacher = self._desk.looking.teacher
        if teacher is not None and self.keeps:
            self._unsaved = (teacher, self.in_force)
            self._timer.start(_SAVE)
        elif teacher is not None:
            self._tried[teacher.run.id] = self.in_force

    def reset(self) -> None:
        """Go back to those that the training of the model found best."""
        teacher = self._desk.looking.teacher
        if self.tuned is None or teacher is None:
            return
        self._show(self.tuned)
        self._tried.pop(teacher.run.id, None)
        if self.keeps:
            self._unsaved = (teacher, None)
            self._timer.start(_SAVE)

    def save(self) -> None:
        """Write thresholds that are not kept yet."""
        self._timer.stop()
        unsaved, self._unsaved = self._unsaved, None
        project = self._desk.session.project
        if unsaved is None or project is None:
            return
        teacher, chosen = unsaved
        thresholds = None if chosen is None else Thresholds(*chosen[:2])
        try:
            choose_thresholds(
                project, teacher.run, thresholds, chosen.min_size if chosen else 0
            )
        except (SemisegError, OSError) as error:
            self._desk.session.say(str(error), problem=True)

    def _show(self, chosen: Chosen) -> None:
        self._desk.teacher.set_thresholds(*chosen)
        self.changed.emit()

    def _on_teacher(self) -> None:
        """Use the thresholds, rules and words of whoever is asked now."""
        self.save()
        teacher, project = self._desk.looking.teacher, self._desk.session.project
        self.tuned = None
        if teacher is None or project is None:
            self.changed.emit()
            return
        try:
            rules = teacher.rules()
        except (SemisegError, OSError) as error:
            self._desk.session.say(str(error), problem=True)
            return
        self.tuned = Chosen(*rules.thresholds, rules.min_size)
        self._desk.teacher.set_words(rules.words)
        self._desk.teacher.set_rules(boundary_mode=rules.boundary, form=rules.form)
        kept = None if teacher.lives else chosen_thresholds(project, teacher.run)
        if kept is not None:
            self._show(Chosen(kept.foreground, kept.seed, kept.min_size))
        else:
            self._show(self._tried.get(teacher.run.id, self.tuned))

    def _retune(self, foreground: float, seed: float) -> None:
        """Cut out by what suits a run that trains now, unless the user tries others."""
        teacher = self._desk.looking.teacher
        if teacher is None or self.tuned is None:
            return
        known, self.tuned = self.tuned, Chosen(foreground, seed, self.tuned.min_size)
        if teacher.run.id not in self._tried and known != self.tuned:
            self._show(self.tuned)

    def _forget(self) -> None:
        self._unsaved = None
        self._tried.clear()
