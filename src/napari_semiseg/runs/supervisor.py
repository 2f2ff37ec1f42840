"""Starts training processes, follows them and makes them stop, without Qt or torch.

Everything works on a run folder: a watcher can attach to a run it did not start.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import write_json
from napari_semiseg.runs.control import send, send_preview
from napari_semiseg.runs.events import EventFollower, without_repeats
from napari_semiseg.runs.folder import RunFolder, list_runs
from napari_semiseg.runs.liveness import identify, is_alive
from napari_semiseg.runs.modesty import be_modest
from napari_semiseg.runs.status import SPAWNED, status, training_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from napari_semiseg.geometry import Box
    from napari_semiseg.learning.settings import Settings
    from napari_semiseg.runs.control import Request
    from napari_semiseg.runs.events import Event
    from napari_semiseg.runs.liveness import TrainingProcess
    from napari_semiseg.runs.status import RunStatus

_COMMAND = (sys.executable, "-m", "napari_semiseg")
_POLL = 0.1  # Seconds between two looks at a run folder.
# The last two ways to make a run stop: terminate its process, then kill it.
_ENDS: dict[signal.Signals | None, str] = {
    signal.SIGTERM: "The run does not answer: its process is told to end.",
    None: "The run still does not answer: its process is killed. It can be resumed "
    "from its last checkpoint.",
}


@dataclass(frozen=True)
class RunningProcess:
    """A training process that this process started; keep it, and poll it."""

    run: RunFolder
    popen: subprocess.Popen[bytes]

    def poll(self) -> int | None:
        """Exit code, None while it runs; also clears the zombie away."""
        return self.popen.poll()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return the exit code."""
        return self.popen.wait(timeout)


def start(
    project_folder: Path,
    arguments: Sequence[str] = (),
    *,
    method: str = "actis",
    settings: Settings | None = None,
    command: Sequence[str] = _COMMAND,
) -> RunningProcess:
    """Start a new run in a process of its own, which outlives this one.

    Parameters
    ----------
    project_folder
        The project to train on.
    arguments
        Further options of ``napari-semiseg train``.
    method
        Name of the method.
    settings
        All settings; they decide the method. None: the options alone do.
    command
        The program; tests put their own.
    """
    method = method if settings is None else settings.name
    run = RunFolder.create(project_folder, method)
    options = ("--method", method, *arguments, "--run", run.id)
    if settings is not None:
        file = run.inputs / "settings.json"
        write_json(file, settings.model_dump(mode="json"))
        options = (*options, "--settings", str(file))
    return _spawn(run, (*command, "train", str(project_folder), *options))


def resume(
    run: RunFolder,
    arguments: Sequence[str] = (),
    *,
    command: Sequence[str] = _COMMAND,
) -> RunningProcess:
    """Start a process that goes on with a stopped, failed or killed run.

    Raises
    ------
    SemisegError
        When the run is being trained already.
    """
    with run.lock():
        (run.path / SPAWNED).unlink(missing_ok=True)
        run.update(asked=time.time(), state="starting", process=None)
    options = ("--resume", run.id, *arguments)
    return _spawn(run, (*command, "train", str(run.project_folder), *options))


def attach(project_folder: Path) -> RunFolder | None:
    """The newest run of the project that is still going on, or None."""
    going = (
        run for run in reversed(list_runs(project_folder)) if not status(run).ended
    )
    return next(going, None)


def follow(
    run: RunFolder,
    *,
    process: RunningProcess | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    wait: Callable[[float], None] = time.sleep,
) -> Iterator[Event]:
    """Events of a run from its beginning, then each as it comes, until the run ends.

    Blocks between events: for a thread of its own, or a terminal. The first batch
    leaves out the steps that a resume undid; a later ``resumed`` event tells the reader
    to drop the points behind its step.

    Parameters
    ----------
    run
        The run, whoever started it.
    process
        Its process where this program started it; polled, so that no zombie is left.
    should_stop
        Asked between two looks; ends the iteration.
    wait
        Lets seconds pass.
    """
    follower = EventFollower(run.events)
    yield from without_repeats(follower.read())
    while not should_stop():
        # Ask before the last read: what it wrote while dying must not be lost.
        ended = _has_ended(run, process)
        yield from follower.read()
        if ended:
            return
        wait(_POLL)


def request_pause(run: RunFolder) -> Request:
    """Ask a run to pause after its step."""
    return send(run.control, "pause")


def request_resume(run: RunFolder) -> Request:
    """Ask a paused run to go on."""
    return send(run.control, "resume")


def request_stop(run: RunFolder) -> Request:
    """Ask a run to stop after its step, then to evaluate and save its model."""
    return send(run.control, "stop")


def request_preview(run: RunFolder, image_id: str, box: Box) -> Request:
    """Ask a run for the teacher's view; a ``preview`` or ``refused`` event answers."""
    return send_preview(run.control, image_id, box)


def stop(
    run: RunFolder,
    *,
    process: RunningProcess | None = None,
    timeout: float = 60.0,
    finish_timeout: float = 600.0,
    terminate_timeout: float = 10.0,
    tell: Callable[[str], None] = lambda sentence: None,
    wait: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> RunStatus:
    """Stop a run: a message, then terminate, then kill.

    Parameters
    ----------
    run
        The run, whoever started it.
    process
        Its process where this program started it.
    timeout
        Seconds until the message must be answered (one training step).
    finish_timeout
        Seconds for evaluating and saving the model after the answer.
    terminate_timeout
        Seconds for saving a checkpoint after being told to terminate.
    tell
        Called with a sentence before the process is terminated, and killed.
    wait, clock
        Let seconds pass, and count them.

    Raises
    ------
    SemisegError
        When the process runs on another machine and does not answer.
    """

    def within(seconds: float, true: Callable[[], bool]) -> bool:
        end = clock() + seconds
        while not true():
            if clock() >= end:
                return False
            wait(_POLL)
        return True

    def ended() -> bool:
        return _has_ended(run, process)

    follower = EventFollower(run.events)
    follower.read()
    request = send(run.control, "stop")

    def answered() -> bool:
        return any(event.get("request") == request.id for event in follower.read())

    if within(timeout, lambda: ended() or answered()):
        within(finish_timeout, ended)
    for end, words in _ENDS.items():
        if ended():
            break
        tell(words)
        _end_process(run, end)
        within(terminate_timeout, ended)
    return status(run)


def _end_process(run: RunFolder, number: signal.Signals | None) -> None:
    """Terminate (a signal number) or kill (None, with its group) the run's process."""
    known = training_process(run, run.record())
    if known is None:
        return
    found = _on_this_machine(run, known)
    if found is None:
        return
    with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
        if number is not None:
            found.terminate()
        elif os.name == "posix" and os.getpgid(found.pid) == found.pid:
            os.killpg(found.pid, signal.SIGKILL)
        else:
            found.kill()


def _on_this_machine(run: RunFolder, known: TrainingProcess) -> psutil.Process | None:
    alive = is_alive(known)
    if alive is None:
        raise SemisegError(
            f"The run {run.id} trains on {known.hostname} and does not answer. "
            "End it there."
        )
    return psutil.Process(known.pid) if alive else None


def _has_ended(run: RunFolder, process: RunningProcess | None) -> bool:
    if process is not None and process.poll() is not None:
        return True
    return status(run).ended


def _spawn(run: RunFolder, command: Sequence[str]) -> RunningProcess:
    environment = dict(os.environ)
    # Threads that spin while they wait cost ten times the time on a busy computer.
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # A file, never a pipe: the process must survive whoever started it.
    with run.log.open("ab") as log:
        popen = subprocess.Popen(
            list(command),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    with contextlib.suppress(psutil.Error, OSError):
        be_modest(popen.pid)  # Painting must stay smooth while it trains.
        write_json(run.path / SPAWNED, identify(popen.pid).model_dump())
    return RunningProcess(run, popen)
