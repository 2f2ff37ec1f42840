from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from napari_semiseg.runs import supervisor
from napari_semiseg.runs.folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

sys.path.insert(0, str(Path(__file__).parent))
FAKE = (sys.executable, str(Path(__file__).with_name("fake_training.py")))


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path, "fake")


@pytest.fixture
def children() -> Iterator[Callable[..., supervisor.RunningProcess]]:
    """Starts fake training processes; whatever happens, their groups are killed."""
    started: list[supervisor.RunningProcess] = []

    def launch(place: Path | RunFolder, *arguments: str) -> supervisor.RunningProcess:
        begin: Any = (
            supervisor.resume if isinstance(place, RunFolder) else supervisor.start
        )
        started.append(begin(place, arguments, command=FAKE))
        return started[-1]

    yield launch
    for child in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.popen.pid, signal.SIGKILL)
        child.wait(10)
