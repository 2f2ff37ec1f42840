"""The session: who may change labels, and that nothing is left unsaved."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from projects import make_project

from napari_semiseg.geometry import Box
from napari_semiseg.project.project import Project
from napari_semiseg.viewer.session import Session

if TYPE_CHECKING:
    from pathlib import Path


def test_a_second_window_may_only_look(tmp_path: Path, qtbot: object) -> None:
    project = make_project(tmp_path / "p", {})
    one, two = Session(), Session()
    said: list[str] = []
    two.said.connect(lambda text, problem: said.append(text))

    one.open(project)
    two.open(Project.open(project.folder))

    assert one.writable
    assert not two.writable
    assert "look only" in said[0]
    one.close()
    two.close()
    two.open(project)
    assert two.writable
    two.close()


def test_another_program_keeps_the_viewer_from_writing(
    tmp_path: Path, qtbot: object
) -> None:
    project = make_project(tmp_path / "p", {})
    code = (
        "import sys\n"
        "from napari_semiseg.project.project import Project\n"
        "from napari_semiseg.project.locks import annotation_lock\n"
        "with annotation_lock(Project.open(sys.argv[1])):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(project.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None
    other.stdout.readline()
    session = Session()

    session.open(project)

    assert session.read_only is not None
    assert str(other.pid) in session.read_only
    session.close()
    other.communicate("")
    session.open(project)
    assert session.writable
    session.close()


def test_strokes_are_saved_before_anything_is_left(
    tmp_path: Path, qtbot: object
) -> None:
    project = make_project(tmp_path / "p", {})
    session = Session()
    left: list[tuple[str | None, Box | None]] = []

    def note() -> None:
        left.append((session.item and session.item.id, session.tile))

    session.leaving.connect(note)
    session.open(project)
    item = project.images[0]
    session.show(item)
    tile = Box((0, 0), (32, 32))
    session.take(tile)
    session.take(None)
    session.close()

    # At each time, what is left is still what is open.
    assert left == [
        (None, None),
        (item.id, None),
        (item.id, tile),
        (item.id, None),
        (None, None),
    ]
