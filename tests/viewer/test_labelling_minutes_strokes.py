from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from desk_fakes import finished_run
from hands import Hands
from projects import make_project
from rig import OPEN_TILE, dab

from napari_semiseg.project.labelling_time import LabellingTime
from napari_semiseg.project.project import Project

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot
    from rig import Rig

PAINTER = Path(__file__).with_name("teacher_painter.py")
LOST = 7.0  # Seconds that a crash may lose, on a busy computer.


def test_time_passes_with_real_strokes(rig: Rig) -> None:
    dock = rig.new_dock(show=True)
    hands = Hands(dock)
    desk = dock.desk
    item = desk.session.opened.images[0]
    desk.session.annotations.add_tile(item, OPEN_TILE)
    desk.session.tiles_changed.emit(item.id)
    desk.annotating.take((item.id, OPEN_TILE))
    for y in (56, 62, 68):
        hands.stroke([(y, 60), (y, 70), (y, 80)])
    desk.session.take(None)
    dab(desk.viewer.layers["instances"], 80, 20, 900)
    dab(desk.viewer.layers["instances"], 84, 20, 901)
    project = desk.session.opened
    dock.close_dock()
    times = LabellingTime(Project.open(project.folder)).times(item)
    assert [one.box for one in times.tiles] == [OPEN_TILE]
    assert 0 < times.tiles[0].seconds < 30
    assert 0 < times.elsewhere < 30


@pytest.mark.slow
def test_a_killed_viewer_loses_the_last_seconds_alone(
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

    def times() -> list[float]:
        lines = log.read_text().splitlines() if log.exists() else []
        return [float(line.split()[-1]) for line in lines]

    def painted() -> float:
        return times()[-1] - times()[0] if times() else 0.0

    try:
        qtbot.waitUntil(lambda: painted() > 2 * LOST, timeout=90_000)
    finally:
        os.kill(child.pid, signal.SIGKILL)  # Its server ends by itself.
        child.wait(10)
    total = LabellingTime(Project.open(project.folder)).total()
    assert total is not None
    assert painted() - LOST < total < painted() + 1
