"""Whole docks with processes that tests can steer, and what must be true afterwards."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
from fake_server import COMMAND as SERVER
from fake_training import FakePreview
from projects import make_project
from training_desk import WrittenRun

from napari_semiseg.geometry import Box
from napari_semiseg.runs import serving, supervisor
from napari_semiseg.runs.control import Inbox
from napari_semiseg.runs.previews import answer_preview
from napari_semiseg.viewer import dock as dock_module
from napari_semiseg.viewer.opening import add_dock
from napari_semiseg.viewer.server import Server
from napari_semiseg.viewer.training import closing
from napari_semiseg.viewer.training.training import Training

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pytest
    from pytestqt.qtbot import QtBot

    from napari_semiseg.geometry import ImageSource
    from napari_semiseg.project.correction_planes import Corrections
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem
    from napari_semiseg.runs.serving import RunningServer
    from napari_semiseg.runs.supervisor import RunningProcess
    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.dock import SemisegDock

TRAINER = (sys.executable, str(Path(__file__).with_name("fake_trainer.py")))
SHAPE = (96, 112)  # Of the images of `projects.make_project`.
WHOLE = Box((0, 0), SHAPE)
TILE, OPEN_TILE = Box((0, 0), (48, 48)), Box((48, 48), (48, 64))
TILES: dict[int, list[tuple[Box, Any]]] = {0: [(TILE, "training")]}
OURS = ("annotation", "confidence mask", "instances", "pseudo-labels", "tiles")
"""Names of the layers that the dock makes beside the image's."""


class Rig:
    """Makes docks on one project; their processes are fakes, and end with the test."""

    def __init__(
        self, new_viewer: Callable[..., Any], folder: Path, qtbot: QtBot
    ) -> None:
        self._new_viewer, self._qtbot = new_viewer, qtbot
        self.project = make_project(folder / "p", TILES)
        (self.project.folder / "behaviour.txt").write_text("plain")
        self.processes: list[RunningProcess] = []
        self.servers: list[RunningServer] = []

    @property
    def items(self) -> tuple[ImageItem, ...]:
        return tuple(self.project.images)

    def take_over(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let docks start fakes from now on."""

        def train(*arguments: Any, **options: Any) -> RunningProcess:
            made = supervisor.start(*arguments, **options, command=TRAINER)
            self.processes.append(made)
            return made

        def go_on(run: Any) -> RunningProcess:
            self.processes.append(supervisor.resume(run, command=TRAINER))
            return self.processes[-1]

        def serve(folder: Path) -> RunningServer:
            self.servers.append(serving.start_server(folder, command=SERVER))
            return self.servers[-1]

        monkeypatch.setattr(
            dock_module, "Training", lambda d: Training(d, train, go_on)
        )
        monkeypatch.setattr(dock_module, "Server", lambda desk: Server(desk, serve))
        # No dialog shall wait for a person.
        monkeypatch.setattr(closing, "ask_in_dialog", lambda *_: "keep")

    def new_dock(self, *, opened: bool = True, **options: Any) -> SemisegDock:
        """A dock in a viewer of its own, with the project's first image in view."""
        dock = add_dock(self._new_viewer(**options))
        if opened:
            with self._qtbot.waitSignal(dock.desk.images.shown, timeout=20_000):
                dock.open_project(self.project.folder)
            self._qtbot.waitUntil(lambda: dock.desk.teacher.ready)
        return dock

    def show(self, desk: Desk, item: ImageItem) -> None:
        """Put an image in view, and wait until it can be painted on."""
        if desk.session.item != item or not desk.images.layers:
            with self._qtbot.waitSignal(desk.images.shown, timeout=20_000):
                desk.images.show(item)
        self._qtbot.waitUntil(lambda: desk.teacher.ready)

    def end(self) -> None:
        """End what still runs."""
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.popen.pid, signal.SIGKILL)
            process.wait(10)
        for server in self.servers:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.popen.pid, signal.SIGKILL)
            server.popen.wait(10)


class WatchedRun(WrittenRun):
    """A run that trains in this very process: it answers when the test says so."""

    def __init__(self, project: Project, **fields: Any) -> None:
        super().__init__(project, **fields)
        self._project = project
        self.squares: list[tuple[Box, int]] = []
        """What the teacher sees from the next answer on: boxes, each of a class."""
        self.sees(Box((10, 60), (16, 16)), Box((60, 10), (20, 20)))
        self.begin(1000)
        self.make_step()

    def sees(self, *boxes: Box) -> None:
        self.squares = [(box, 1) for box in boxes]

    def preview(self, source: ImageSource, box: Box, image_id: str = "") -> FakePreview:
        probability = np.zeros((3, *source.shape), np.float32)
        probability[0] = 0.95
        probability[1:] = 0.025
        for square, _ in self.squares:
            probability[(slice(None), *square.slices)] = [[[0.02]], [[0.96]], [[0.02]]]
        found = probability[(slice(None), *box.slices)]
        label = found.argmax(0).astype(np.uint8)
        return FakePreview(found, label, found.max(0), found.max(0) > 0.955)

    def waiting(self) -> int:
        """How many requests wait."""
        return len(list(self.folder.control.glob("[!.]*.json")))

    def answer(self) -> int:
        """Make a step, and answer the previews that were asked for; how many."""
        self.make_step()
        n_answered = 0
        for request in Inbox(self.folder.control, 0).read():
            if request.kind == "preview":
                item = self._project.image(request.image_id)
                fields = answer_preview(
                    request,
                    self,
                    lambda _id, item=item: self._project.source(item),
                    self.folder.previews,
                )
                self.write("preview", request=request.id, **fields)
                n_answered += 1
            else:
                self.write("answered", request=request.id, kind=request.kind)
        return n_answered


def refresh(desk: Desk, run: WatchedRun, qtbot: QtBot, boxes: Sequence[Box]) -> None:
    """Have the teacher see other objects from now on, and wait until they are shown."""
    run.sees(*boxes)
    desk.looking.look_again()
    qtbot.waitUntil(lambda: run.waiting() > 0, timeout=10_000)
    run.answer()
    qtbot.waitUntil(lambda: not desk.looking.waiting, timeout=10_000)
    qtbot.waitUntil(lambda: not desk.teacher.busy, timeout=10_000)


def saved(desk: Desk, item: ImageItem) -> Corrections:
    """All corrections of an image as they are on the disk."""
    assert desk.autosave.flush()
    return desk.session.corrections.read(item, Box.whole(item.shape))


def dab(layer: Any, y: int, x: int, value: int, size: int = 5) -> None:
    """A dab of a Labels layer's brush, with the events of a person's."""
    layer.brush_size = size
    layer.paint((y, x), value)


def our_threads() -> set[str]:
    """Names of the threads of docks that run."""
    names = {thread.name for thread in threading.enumerate()}
    return {name for name in names if name.startswith("napari-semiseg")}


def our_children() -> list[psutil.Process]:
    """Processes that this one started and that still run."""
    found = psutil.Process().children(recursive=True)
    return [one for one in found if one.status() != psutil.STATUS_ZOMBIE]


def files_of(folder: Path, *, leave: Sequence[str] = ()) -> dict[str, str]:
    """Digests of all files under a folder, by their relative names.

    Parameters
    ----------
    leave
        Beginnings of names that are left out.
    """
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not (name := str(path.relative_to(folder))).startswith(tuple(leave))
    }
