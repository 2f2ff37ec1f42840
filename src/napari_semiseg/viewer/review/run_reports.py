"""What a training has reported of the images: how reliable, and how large."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_semiseg.runs.reliability import read_reliability
from napari_semiseg.runs.sizes import SizeReport, read_sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari_semiseg.runs.events import Event
    from napari_semiseg.runs.folder import RunFolder
    from napari_semiseg.viewer.desk import Desk

_SOON = 200  # Milliseconds: one event seldom comes alone.
# Of a run that trains, what may bring a new report with it.
_TELLING = ("preparing", "reliability", "sizes", "stage", "finishing")


@dataclass(frozen=True)
class Reports:
    """What is known.

    Attributes
    ----------
    reliability
        By image id, how well several stages of the training agreed on it, 0 to 1.
    sizes
        Of regions; None: the training asked for none.
    """

    reliability: Mapping[str, float] = field(default_factory=dict)
    sizes: SizeReport | None = None


class RunReports(QObject):
    """The reports of the run that trains, and where it has none, of the model in use.

    Attributes
    ----------
    now
        What is known of the images of the project.
    """

    changed = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.session)
        self._desk = desk
        self.now = Reports()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        for signal, slot in self._connections():
            signal.connect(slot)

    def close(self) -> None:
        """Read no more, and let go of the others."""
        self._soon.stop()
        self._desk.background.forget("run reports")
        for signal, slot in self._connections():
            signal.disconnect(slot)

    def _connections(self) -> list[tuple[Any, Callable[..., object]]]:
        desk = self._desk
        return [
            (self._soon.timeout, self._read),
            (desk.session.project_changed, self._on_project),
            (desk.session.model_changed, self._read_soon),
            (desk.looking.teacher_changed, self._read_soon),
            (desk.training.happened, self._hear),
            (desk.training.ended, self._read_soon),
        ]

    def _on_project(self) -> None:
        self._desk.background.forget("run reports")
        self._take(Reports())
        self._read_soon()

    def _hear(self, event: Event) -> None:
        if event.get("event") in _TELLING:
            self._read_soon()

    def _read_soon(self, *_what: object) -> None:
        self._soon.start(_SOON)

    def _read(self) -> None:
        if self._desk.session.project is None:
            return
        looking = self._desk.looking
        teacher = None if looking.teacher is None else looking.teacher.run
        runs = [run for run in (teacher, looking.model) if run is not None]
        self._desk.background.submit(
            partial(read_reports, runs), self._take, self._complain, topic="run reports"
        )

    def _take(self, reports: Reports) -> None:
        if reports != self.now:
            self.now = reports
            self.changed.emit()

    def _complain(self, sentence: str) -> None:
        self._desk.session.say(sentence, problem=True)


def read_reports(runs: Sequence[RunFolder]) -> Reports:
    """Each report of the first run that has it.

    Raises
    ------
    SemisegError
        When a report is damaged.
    """
    reliability = next(filter(None, map(read_reliability, runs)), {})
    return Reports(reliability, next(filter(None, map(read_sizes, runs)), None))
