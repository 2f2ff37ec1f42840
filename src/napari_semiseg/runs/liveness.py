"""Who trains, and whether that process still lives."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict

_CLOCK_SHIFT = 2.0  # Seconds; creation times derive from a boot time that clocks move.
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class TrainingProcess(BaseModel):
    """The identity of a process, good enough to find it again.

    Attributes
    ----------
    pid
        Its number on its machine.
    created
        When it was created, seconds since 1970; a number is used again, this is not.
    hostname, boot_id
        The machine, and the boot of that machine (empty where unknown).
    """

    model_config = ConfigDict(frozen=True)

    pid: int
    created: float
    hostname: str
    boot_id: str = ""


def this_process() -> TrainingProcess:
    """The identity of the calling process."""
    return identify(os.getpid())


def identify(pid: int) -> TrainingProcess:
    """The identity of a process of this machine.

    Raises
    ------
    psutil.NoSuchProcess
        When there is none of this number.
    """
    return TrainingProcess(
        pid=pid,
        created=psutil.Process(pid).create_time(),
        hostname=socket.gethostname(),
        boot_id=_boot_id(),
    )


def is_alive(process: TrainingProcess | None) -> bool | None:
    """Whether a process runs; None when it belongs to another machine.

    A zombie is dead: it waits for a parent that may never ask for it.
    """
    if process is None:
        return False
    if process.hostname != socket.gethostname():
        return None
    if process.boot_id and process.boot_id != _boot_id():
        return False
    return _runs(process.pid, process.created)


def _runs(pid: int, created: float) -> bool:
    try:
        found = psutil.Process(pid)
        same = abs(found.create_time() - created) < _CLOCK_SHIFT
        return same and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""
