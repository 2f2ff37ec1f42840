"""Looks for runs that somebody else has started, or gone on with."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_semiseg.errors import SemisegError
from napari_semiseg.runs import supervisor
from napari_semiseg.runs.folder import list_runs
from napari_semiseg.runs.record import ACTIVE

if TYPE_CHECKING:
    from pathlib import Path

    from napari_semiseg.runs.folder import RunFolder
    from napari_semiseg.runs.record import RunRecord
    from napari_semiseg.viewer.desk import Desk

_LOOK = 2000  # Milliseconds between two looks.


class RunWatch(QObject):
    """Tells which run of the open project to show, while none is followed."""

    found = Signal(object, bool)
    """A run, and whether it is going on."""

    def __init__(self, desk: Desk, parent: QObject) -> None:
        super().__init__(parent)
        self._desk = desk
        self._shown: RunFolder | None = None
        self._seen: tuple[int, ...] = ()
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK)
        self._timer.timeout.connect(self._look)

    def begin(self) -> None:
        """Look at once, and then every now and then."""
        self._shown, self._seen = None, ()
        self._timer.start()
        self._look()

    def stop(self) -> None:
        """Look no more, and tell nothing."""
        self._timer.stop()
        self._desk.background.forget("runs")

    def wait_beside(self, run: RunFolder) -> None:
        """Look for another run than this, or whether it goes on again."""
        self._shown = run
        self._seen = self._marks()
        self._timer.start()

    def _marks(self) -> tuple[int, ...]:
        """When the places changed that a new start of a run changes."""
        places = [self._desk.session.opened.folder / "runs"]
        if self._shown is not None:
            places.append(self._shown.record_file)
        return tuple(map(_changed_at, places))

    def _look(self) -> None:
        if self._desk.session.project is None:
            return
        marks = self._marks()
        if marks != self._seen:
            self._seen = marks
            folder = self._desk.session.opened.folder
            self._desk.background.submit(
                lambda: find_run_to_show(folder), self._tell, topic="runs"
            )

    def _tell(self, found: tuple[RunFolder, bool] | None) -> None:
        if found is not None:
            self.found.emit(*found)


def find_run_to_show(project_folder: Path) -> tuple[RunFolder, bool] | None:
    """The run that is going on, or the newest, and whether it is going on."""
    living = supervisor.attach(project_folder)
    if living is not None:
        return living, True
    for run in reversed(list_runs(project_folder)):
        with contextlib.suppress(SemisegError):
            if _is_told_beside(run.record()):
                continue  # What came of it is told with the run it belongs to.
        return run, False
    return None


def _is_told_beside(record: RunRecord) -> bool:
    """Whether a run that has ended needs not be shown; a broken check can go on."""
    if record.check_of is not None:
        return record.state not in ACTIVE
    return record.arm_of is not None


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
