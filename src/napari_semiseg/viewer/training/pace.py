"""How long trainings take on this computer, from earlier runs or measured anew."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_semiseg.runs.events import last_events
from napari_semiseg.runs.folder import list_runs

if TYPE_CHECKING:
    from pathlib import Path

    from napari_semiseg.runs.events import Event
    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.training.training_choice import TrainingChoice

_FEWEST = 10  # Steps that tell a pace.
_TAIL = 1 << 22  # Bytes of events, enough for some thousand steps.


class PaceBook(QObject):
    """Knows the seconds a step of each method takes, where anything is known."""

    changed = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._earlier: dict[str, float] = {}
        self._measured: dict[str, float] = {}
        self._asked: dict[str, str] = {}  # Method by request.
        self._tried: set[str] = set()
        desk.session.project_changed.connect(self.look)
        desk.training.ended.connect(self._look_again)
        desk.server.paced.connect(self._hear)

    def seconds_per_step(self, method: str) -> float | None:
        """Mean over all stages of a run; None while nothing is known."""
        return self._earlier.get(method, self._measured.get(method))

    def look(self) -> None:
        """Read the runs of the project anew."""
        self._earlier, self._measured = {}, {}
        self._asked, self._tried = {}, set()
        project = self._desk.session.project
        if project is not None:
            folder = project.folder
            self._desk.background.submit(
                lambda: earlier_paces(folder), self._know, topic="pace"
            )

    def measure(self, choice: TrainingChoice) -> None:
        """Have a method measured that has never been trained here; once each."""
        method = choice.method
        if self.seconds_per_step(method) is not None or method in self._tried:
            return
        self._tried.add(method)
        request = self._desk.server.ask_pace(choice.settings(), device=choice.device)
        if request is not None:
            self._asked[request] = method

    def close(self) -> None:
        """Look no more."""
        self._desk.session.project_changed.disconnect(self.look)
        self._desk.training.ended.disconnect(self._look_again)
        self._desk.server.paced.disconnect(self._hear)

    def _look_again(self, _view: object) -> None:
        self.look()

    def _know(self, paces: dict[str, float]) -> None:
        self._earlier = paces
        self.changed.emit()

    def _hear(self, event: Event) -> None:
        method = self._asked.pop(str(event.get("request")), None)
        if method is not None and event.get("steps_per_minute"):
            self._measured[method] = 60 / event["steps_per_minute"]
            self.changed.emit()


def earlier_paces(project_folder: Path) -> dict[str, float]:
    """Seconds a step by method, of its newest run that made some steps."""
    found: dict[str, float] = {}
    for run in reversed(list_runs(project_folder)):
        method = run.record().method
        if method in found:
            continue
        seconds = [
            event["seconds"]
            for event in last_events(run.events, _TAIL)
            if event.get("event") == "step" and event.get("seconds")
        ]
        if len(seconds) >= _FEWEST:
            found[method] = statistics.fmean(seconds)
    return found
