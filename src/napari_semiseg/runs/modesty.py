"""Processes that give way to the viewer and to whatever else the user does."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import psutil

NICENESS = 10
_PROC = Path("/proc")


def be_modest(pid: int) -> None:
    """Let a process that leads a session of its own give way to all others.

    Where Linux groups processes by session (autogroup), the niceness of a process
    counts within its session alone: the session as a whole is made modest, too.
    """
    if os.name != "posix":
        return
    psutil.Process(pid).nice(NICENESS)
    # A process in somebody else's session must not slow that one down.
    if os.getsid(pid) == pid:
        # No such file elsewhere; "try again" when other groups changed just before.
        with contextlib.suppress(OSError), autogroup(pid).open("r+") as file:
            file.write(str(NICENESS))


def autogroup(pid: int) -> Path:
    """Where Linux keeps the niceness of the session of a process."""
    return _PROC / str(pid) / "autogroup"
