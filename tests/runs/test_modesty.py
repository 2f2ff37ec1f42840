from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from napari_semiseg.runs import modesty
from napari_semiseg.runs.modesty import autogroup, be_modest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX only")
_SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def start() -> Iterator[Callable[[bool], int]]:
    """Starts a child, with a session of its own or without."""
    children: list[subprocess.Popen[bytes]] = []

    def started(own_session: bool) -> int:
        command = [sys.executable, "-c", _SLEEP]
        child = subprocess.Popen(command, start_new_session=own_session)
        children.append(child)
        return child.pid

    yield started
    for child in children:
        child.kill()
        child.wait()


def a_group(folder: Path, pid: int) -> Path:
    path = folder / str(pid) / "autogroup"
    path.parent.mkdir()
    path.write_text("")
    return path


def test_a_process_and_its_session_give_way(
    start: Callable[[bool], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = start(True)
    group = a_group(tmp_path, pid)
    monkeypatch.setattr(modesty, "_PROC", tmp_path)

    be_modest(pid)

    assert psutil.Process(pid).nice() == 10
    assert group.read_text() == "10"


def test_the_session_of_others_is_left_alone(
    start: Callable[[bool], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = start(False)
    group = a_group(tmp_path, pid)
    monkeypatch.setattr(modesty, "_PROC", tmp_path)

    be_modest(pid)

    assert psutil.Process(pid).nice() == 10
    assert group.read_text() == ""


def test_systems_without_such_groups_do_without(
    start: Callable[[bool], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modesty, "_PROC", tmp_path)
    pid = start(True)

    be_modest(pid)

    assert psutil.Process(pid).nice() == 10


@pytest.mark.skipif(not autogroup(os.getpid()).exists(), reason="no autogroup here")
def test_linux_takes_the_niceness_of_the_session(
    start: Callable[[bool], int],
) -> None:
    pid = start(True)
    ours = autogroup(os.getpid()).read_text()
    deadline = time.monotonic() + 10

    # Linux takes a change of groups ten times a second, in all sessions together.
    while "nice 10" not in autogroup(pid).read_text() and time.monotonic() < deadline:
        be_modest(pid)

    assert autogroup(pid).read_text().split()[1:] == ["nice", "10"]
    assert autogroup(os.getpid()).read_text() == ours
