"""Look at the runs of a project and steer them, whoever started them."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from napari_semiseg.api.opening import as_project
from napari_semiseg.errors import SemisegError
from napari_semiseg.project.reviews import progress
from napari_semiseg.runs import supervisor
from napari_semiseg.runs.folder import find_run, list_runs
from napari_semiseg.runs.measured import measured
from napari_semiseg.runs.models import model_in_use
from napari_semiseg.runs.status import status as status_of
from napari_semiseg.runs.supervised_arm import compare_with_arm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_semiseg.project.project import Project
    from napari_semiseg.project.reviews import ReviewProgress
    from napari_semiseg.runs.folder import RunFolder
    from napari_semiseg.runs.record import RunRecord
    from napari_semiseg.runs.status import RunStatus
    from napari_semiseg.runs.supervised_arm import ArmComparison

_POLL = 0.1  # Seconds between two looks at a run.


@dataclass(frozen=True)
class RunOverview:
    """A run, how it stands, and whether its model is the one in use.

    ``record`` is its ``run.json``; ``comparison`` what the unlabelled images brought,
    None where no supervised arm tells.
    """

    run: RunFolder
    method: str
    status: RunStatus
    in_use: bool
    record: RunRecord
    comparison: ArmComparison | None

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON; in order, ``labels`` and ``score`` are the label economy."""
        record = self.record
        known = measured(record)
        return {
            "run": self.run.id,
            "method": self.method,
            "in_use": self.in_use,
            **asdict(self.status),
            "accepted": record.accepted,
            "validated": known.validated,
            "measured_on": known.on,
            "score": known.score,
            "compared": record.compared,
            "labels": record.labels,
            "arm_of": record.arm_of,
            "check_of": record.check_of,
            "cross_validated": record.cross_validated,
            "comparison": None
            if self.comparison is None
            else self.comparison.as_dict(),
        }


def status(
    project: str | Path | Project, run: str | None = None
) -> tuple[RunOverview, ...]:
    """How the runs of a project stand, the oldest first; or only one of them."""
    opened = as_project(project)
    runs = list_runs(opened.folder)
    if run is not None:
        runs = [find_run(opened.folder, run)]
    used = model_in_use(opened)
    return tuple(_overview(one, used) for one in runs)


def review_progress(project: str | Path | Project) -> ReviewProgress:
    """How many images were reviewed, which tiles need work, and the minutes it took."""
    return progress(as_project(project))


def _overview(run: RunFolder, used: RunFolder | None) -> RunOverview:
    record = run.record()
    compared = compare_with_arm(run) if record.compare else None
    return RunOverview(
        run, record.method, status_of(run), run == used, record, compared
    )


def pause(
    project: str | Path | Project,
    run: str | None = None,
    *,
    timeout: float = 60.0,
    wait: Callable[[float], None] = time.sleep,
) -> RunStatus:
    """Ask a run (None: the one that goes on) to pause, and wait until it does.

    Parameters
    ----------
    timeout
        Seconds to wait at most; the request stays.

    Raises
    ------
    SemisegError
        When no run is going on, or this one has ended.
    """
    found = _going(project, run)
    supervisor.request_pause(found)
    return _until(found, lambda now: now.state == "paused", timeout, wait)


def resume(
    project: str | Path | Project,
    run: str | None = None,
    *,
    timeout: float = 60.0,
    wait: Callable[[float], None] = time.sleep,
) -> RunStatus:
    """Let a paused run go on; or start a process for one that stopped, failed or died.

    Parameters
    ----------
    run
        None: the newest.
    timeout
        Seconds to wait at most until it trains.

    Raises
    ------
    SemisegError
        When there is no such run, or it has finished.
    """
    folder = as_project(project).folder
    found = find_run(folder, run)
    if run is None:
        found = supervisor.attach(folder) or found
    now = status_of(found)
    if now.state == "finished":
        raise SemisegError(
            f"The run {found.id} has finished. Train again to improve its model."
        )
    if not now.ended:
        supervisor.request_resume(found)
        return _until(found, lambda now: now.state != "paused", timeout, wait)
    process = supervisor.resume(found)

    def begun(now: RunStatus) -> bool:
        return process.poll() is not None or now.state not in ("starting", "died")

    now = _until(found, begun, timeout, wait)
    # It outlives this program; if this one lives longer, no zombie is left.
    threading.Thread(target=process.wait, daemon=True).start()
    return now


def stop(project: str | Path | Project, run: str | None = None) -> RunStatus:
    """Stop a run (None: the one that goes on), and wait until its model is saved.

    A run that does not answer is terminated, then killed; it can be resumed.

    Raises
    ------
    SemisegError
        When no run is going on, or it trains on another computer and does not answer.
    """
    return supervisor.stop(_going(project, run))


def _going(project: str | Path | Project, name: str | None) -> RunFolder:
    folder = as_project(project).folder
    if name is None:
        going = supervisor.attach(folder)
        if going is None:
            raise SemisegError("No run is going on in this project.")
        return going
    found = find_run(folder, name)
    now = status_of(found)
    if now.ended:
        raise SemisegError(f"The run {found.id} is not going on. {now.sentence}")
    return found


def _until(
    run: RunFolder,
    reached: Callable[[RunStatus], bool],
    timeout: float,
    wait: Callable[[float], None],
) -> RunStatus:
    end = time.monotonic() + timeout
    while True:
        now = status_of(run)
        if reached(now) or now.ended or time.monotonic() > end:
            return now
        wait(_POLL)
