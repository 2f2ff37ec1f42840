"""Which rounds there are, which is in use, and which one is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_semiseg.errors import SemisegError
from napari_semiseg.runs.chosen_model import choose_model, chosen_model
from napari_semiseg.runs.folder import RunFolder
from napari_semiseg.runs.rounds import Round, rounds

if TYPE_CHECKING:
    from pathlib import Path

    from napari_semiseg.viewer.desk import Desk

_TOPIC = "rounds"


@dataclass(frozen=True)
class KnownRounds:
    """The rounds of a project, the oldest first, and the run chosen by hand, if any."""

    rounds: tuple[Round, ...] = ()
    by_hand: str | None = None


class RoundBook(QObject):
    """The rounds of the open project.

    Looking at a round changes nothing but what is looked at: the model in use answers
    again after `leave`. What a person corrects meanwhile is corrected against the
    objects of that round, as with any other model.
    """

    changed = Signal()
    """There are others, or another one is in use or looked at."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.session)
        self._desk = desk
        self._known = KnownRounds()
        self._trained = False
        for signal, slot in self._connections():
            signal.connect(slot)

    @property
    def rounds(self) -> tuple[Round, ...]:
        """The oldest first."""
        return self._known.rounds

    @property
    def in_use(self) -> Round | None:
        """Whose model the project uses."""
        return next((one for one in self.rounds if one.in_use), None)

    @property
    def by_hand(self) -> bool:
        """Whether that is so because a person chose it."""
        used = self.in_use
        return used is not None and used.run == self._known.by_hand

    @property
    def in_view(self) -> Round | None:
        """Whose objects are shown; None: those of a run that trains, or nobody's."""
        teacher = self._desk.looking.teacher
        if teacher is None or teacher.lives:
            return None
        return self.of_run(teacher.run.id)

    @property
    def elsewhere(self) -> Round | None:
        """The round that is looked at though it is not in use."""
        seen = self.in_view
        return None if seen is None or seen.in_use else seen

    def of_run(self, name: str | None) -> Round | None:
        """The round of a run."""
        return next((one for one in self.rounds if one.run == name), None)

    def folder_of(self, one: Round) -> RunFolder:
        """The run of a round."""
        return RunFolder(self._desk.session.opened.folder / "runs" / one.run)

    def look_at(self, name: str) -> None:
        """Show what the model of a round finds; its run's name."""
        one = self.of_run(name)
        if one is not None:
            # Not as a round apart: whatever comes into use next shall be seen.
            still = one.in_use and self._desk.training.active is None
            self._desk.looking.view(None if still else self.folder_of(one))

    def leave(self) -> None:
        """Show again what the model in use, or in training, finds."""
        self._desk.looking.view(None)

    def why_not_use(self) -> str | None:
        """Why the round in view cannot be taken into use, a sentence; None: it can."""
        if self._desk.session.read_only:
            return self._desk.session.read_only
        if self.in_view is None:
            return "Choose a round in the list first."
        if self.in_view.in_use:
            return "This model is in use already."
        return None

    def use(self) -> None:
        """Take the model of the round in view into use."""
        one = self.in_view
        if one is not None and self.why_not_use() is None:
            self._choose(self.folder_of(one))

    def use_newest(self) -> None:
        """Forget what was chosen by hand: trainings alone decide."""
        self._choose(None)

    def close(self) -> None:
        """Let go of the others."""
        self._desk.background.forget(_TOPIC)
        for signal, slot in self._connections():
            signal.disconnect(slot)

    def _connections(self) -> list[tuple[Any, Any]]:
        desk = self._desk
        return [
            (desk.session.project_changed, self._on_project),
            (desk.session.model_changed, self._read),
            (desk.looking.teacher_changed, self.changed),
            (desk.training.changed, self._on_training),
            (desk.training.ended, self._on_end),
        ]

    def _choose(self, run: RunFolder | None) -> None:
        try:
            choose_model(self._desk.session.opened.folder, run)
        except (SemisegError, OSError) as error:
            self._desk.session.say(str(error), problem=True)
            return
        self._desk.session.model_changed.emit()
        self.leave()

    def _on_project(self) -> None:
        self._desk.background.forget(_TOPIC)
        self._take(KnownRounds())
        self._read()

    def _on_training(self) -> None:
        """Who starts a training wants to see what it learns."""
        trains = self._desk.training.active is not None
        if trains and not self._trained:
            self.leave()
        self._trained = trains

    def _on_end(self, view: Any) -> None:
        if view.accepted:
            self.leave()
        self._read()

    def _read(self) -> None:
        project = self._desk.session.project
        if project is not None:
            self._desk.background.submit(
                partial(known_rounds, project.folder),
                self._take,
                self._complain,
                topic=_TOPIC,
            )

    def _take(self, known: KnownRounds) -> None:
        if known != self._known:
            self._known = known
            self.changed.emit()

    def _complain(self, sentence: str) -> None:
        self._desk.session.say(sentence, problem=True)


def known_rounds(project_folder: Path) -> KnownRounds:
    """Read the rounds of a project.

    Raises
    ------
    SemisegError
        When the record of a run is damaged.
    """
    chosen = chosen_model(project_folder)
    return KnownRounds(rounds(project_folder), None if chosen is None else chosen.run)
