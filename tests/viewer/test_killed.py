from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from bench import make_project

from napari_semiseg.geometry import Box
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.locks import annotation_lock
from napari_semiseg.project.project import Project

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

PAINTER = Path(__file__).with_name("painter.py")
SOON = 2.0  # Seconds; older strokes must be on the disk.


@pytest.mark.slow
def test_a_killed_viewer_loses_two_seconds_at_most(
    tmp_path: Path, qtbot: QtBot
) -> None:
    project = make_project(tmp_path, n_images=1)
    log = tmp_path / "strokes.txt"
    child = subprocess.Popen(
        [sys.executable, str(PAINTER), str(project.folder), str(log)],
        start_new_session=True,
    )
    try:
        qtbot.waitUntil(
            lambda: log.exists() and len(log.read_text().splitlines()) >= 16,
            timeout=60_000,
        )
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        killed = time.time()
        child.wait(10)

    reopened = Project.open(project.folder)
    with annotation_lock(reopened):  # The dead viewer holds nothing.
        found = AnnotationStore(reopened).load(
            reopened.images[0], Box((0, 0), (128, 128))
        )
    lines = [line.split() for line in log.read_text().splitlines()]
    old = {int(number) for number, when in lines if float(when) < killed - SOON}
    assert len(old) >= 4
    assert old <= set(np.unique(found.instances).tolist())
