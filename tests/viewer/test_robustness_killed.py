"""The viewer is killed in the middle of corrections on the teacher's layers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from desk_fakes import finished_run
from projects import make_project
from teacher_painter import place

from napari_semiseg.geometry import Box
from napari_semiseg.project.corrections import CorrectionStore
from napari_semiseg.project.locks import annotation_lock
from napari_semiseg.project.owners import Owner
from napari_semiseg.project.project import Project
from napari_semiseg.segmentation.trust import Trust

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

PAINTER = Path(__file__).with_name("teacher_painter.py")
SOON = 2.0  # Seconds; older strokes must be on the disk.


@pytest.mark.slow
def test_corrections_older_than_two_seconds_survive_a_killed_viewer(
    tmp_path: Path, qtbot: QtBot
) -> None:
    project = make_project(tmp_path / "p", {}, n_images=1)
    finished_run(project)
    (project.folder / "behaviour.txt").write_text("plain")
    log = tmp_path / "strokes.txt"
    child = subprocess.Popen(
        [sys.executable, str(PAINTER), str(project.folder), str(log)],
        start_new_session=True,
    )
    servers: list[psutil.Process] = []
    try:
        qtbot.waitUntil(
            lambda: log.exists() and len(log.read_text().splitlines()) >= 45,
            timeout=90_000,
        )
    finally:
        servers = psutil.Process(child.pid).children(recursive=True)
        os.kill(child.pid, signal.SIGKILL)
        killed = time.time()
        child.wait(10)

    reopened = Project.open(project.folder)
    item = reopened.images[0]
    with annotation_lock(reopened):  # The dead viewer holds nothing.
        kept = CorrectionStore(reopened).read(item, Box.whole(item.shape))
    strokes = [line.split() for line in log.read_text().splitlines()]
    old = [(int(n), name) for n, name, when in strokes if float(when) < killed - SOON]
    assert len(old) >= 9
    found = {
        "instances": lambda y, x: kept.owners[y, x] == Owner.HUMAN,
        "pseudo-labels": lambda y, x: kept.classes[y, x] == 2,
        "mask": lambda y, x: kept.trust[y, x] == Trust.NOT_TRUSTED,
    }
    assert [one for one in old if not found[one[1]](*place(one[0]))] == []
    # Its server sees that nobody is there any more.
    assert servers
    qtbot.waitUntil(
        lambda: not any(server.is_running() for server in servers), timeout=30_000
    )
