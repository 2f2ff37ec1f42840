"""One writer at a time, and a sentence that names who it is.

The operating system's lock excludes, and is released by the kernel when its owner dies,
however it dies. A small JSON file beside it only tells who holds it; left behind by a
killed process it means nothing, and the next owner replaces it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from datetime import datetime
from typing import TYPE_CHECKING

import psutil
from filelock import FileLock, Timeout
from pydantic import ValidationError

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import disk_errors, read_json, write_json
from napari_semiseg.project.records import FrozenRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Protocol

    class HasFolder(Protocol):
        """Anything that lives in a folder, such as a project."""

        @property
        def folder(self) -> Path:
            """The folder."""
            ...


PROJECT_FILE = "project.json"
"""The file that makes a folder a project."""

_CLOCK_TOLERANCE = 2.0  # Seconds; clock corrections shift the start of a process.
_CHANGE_WAIT = 10.0  # Seconds to wait for another program's short write.
# Threads of one process share its locks; reading, changing and writing a file is for
# one of them at a time.
_CHANGES = threading.RLock()


class LockHolder(FrozenRecord):
    """Who holds a lock: process, its start (s since 1970), computer, since when."""

    pid: int
    created: float
    host: str
    since: str

    @property
    def alive(self) -> bool | None:
        """Whether the process still runs; None when it is on another computer."""
        return (
            None if self.host != socket.gethostname() else alive(self.pid, self.created)
        )

    @property
    def words(self) -> str:
        """The holder for a sentence."""
        return f"process {self.pid} on {self.host} since {self.since.replace('T', ' ')}"


def alive(pid: int, created: float) -> bool:
    """Whether this very process runs: no zombie, no later one of the same number."""
    try:
        process = psutil.Process(pid)
        running = process.status() != psutil.STATUS_ZOMBIE
        return running and abs(process.create_time() - created) < _CLOCK_TOLERANCE
    except psutil.NoSuchProcess:
        return False


@contextlib.contextmanager
def annotation_lock(project: HasFolder) -> Iterator[None]:
    """Hold the right to change annotations and corrections of a project.

    The viewer holds it while the project is open, a command while it works. Reentrant
    within a process, whose threads share it.

    Raises
    ------
    SemisegError
        When another program holds it, naming its process, computer and start.
    ReadOnlyError
        When the folder cannot be written to.
    """
    path = project.folder / ".annotations.lock"
    with exclusive(path, "The annotations of this project are being changed"):
        yield


@contextlib.contextmanager
def annotation_change(project: HasFolder) -> Iterator[None]:
    """Hold the annotations for one change, against other programs and other threads.

    Raises
    ------
    SemisegError
        As `annotation_lock`, or when the project is not in its folder any more: half a
        project that is made anew there would hide the loss.
    """
    with _CHANGES, annotation_lock(project):
        if not (project.folder / PROJECT_FILE).is_file():
            raise SemisegError(
                f"The project is not in {project.folder} any more, so that nothing can "
                "be saved there. Put its folder back where it was."
            )
        yield


@contextlib.contextmanager
def project_lock(folder: Path) -> Iterator[None]:
    """Hold ``project.json`` for the moment of a change, after others had theirs."""
    path = folder / ".project.lock"
    activity = "The list of images is being changed"
    with _CHANGES, exclusive(path, activity, wait=_CHANGE_WAIT):
        yield


@contextlib.contextmanager
def exclusive(path: Path, activity: str, *, wait: float = 0) -> Iterator[None]:
    """Hold the lock at ``path``, waiting at most ``wait`` seconds for it.

    Raises
    ------
    SemisegError
        When another process holds it: "<activity> by process ...".
    """
    # A singleton per path makes the lock reentrant; threads of a process share it.
    lock = FileLock(path, thread_local=False, is_singleton=True)
    with disk_errors(path):
        try:
            lock.acquire(timeout=wait, poll_interval=0.02)
        except Timeout as error:
            raise SemisegError(_held_sentence(path, activity)) from error
    try:
        if lock.lock_counter == 1:
            write_json(_holder_path(path), _myself().model_dump())
        yield
    finally:
        if lock.lock_counter == 1:
            with contextlib.suppress(OSError):
                _holder_path(path).unlink(missing_ok=True)
        lock.release()


def holder(path: Path) -> LockHolder | None:
    """Who holds the lock at ``path``; None when nobody does, as far as can be told."""
    found = _named(path)
    return None if found is None or found.alive is False else found


def annotation_holder(project: HasFolder) -> LockHolder | None:
    """Who changes the annotations of a project at this moment, or None."""
    return holder(project.folder / ".annotations.lock")


def _named(path: Path) -> LockHolder | None:
    try:
        return LockHolder.model_validate(read_json(_holder_path(path)))
    except (OSError, SemisegError, ValidationError):
        return None


def _holder_path(path: Path) -> Path:
    return path.with_suffix(".json")


def _held_sentence(path: Path, activity: str) -> str:
    found = holder(path)
    who = found.words if found else "another program"
    return f"{activity} by {who}. Close it there or wait for it, then try again."


def _myself() -> LockHolder:
    process = psutil.Process()
    return LockHolder(
        pid=os.getpid(),
        created=process.create_time(),
        host=socket.gethostname(),
        since=datetime.now().astimezone().isoformat(timespec="seconds"),
    )
