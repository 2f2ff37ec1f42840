"""A desk with what training needs, and run folders written by the test."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_semiseg.files import write_json
from napari_semiseg.runs.events import EventWriter
from napari_semiseg.runs.folder import RunFolder
from napari_semiseg.runs.liveness import this_process
from napari_semiseg.viewer.autosave import Autosave
from napari_semiseg.viewer.background import Background
from napari_semiseg.viewer.session import Session

if TYPE_CHECKING:
    from napari_semiseg.project.project import Project


class FakeServer(QObject):
    """The signals and questions of the server that the panel uses."""

    ready = Signal()
    paced = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.devices: tuple[Any, ...] = ()
        self.default_device: str | None = None
        self.running = False
        self.asked: list[tuple[Any, dict[str, Any]]] = []

    def ask_pace(self, settings: Any, **options: Any) -> str:
        self.asked.append((settings, options))
        return f"pace-{len(self.asked)}"


def make_desk() -> Any:
    desk = SimpleNamespace(
        session=Session(), background=Background(), autosave=Autosave()
    )
    desk.server = FakeServer()
    return desk


def close_desk(desk: Any) -> None:
    desk.session.close()
    for name in ("training", "autosave", "background"):
        if hasattr(desk, name):
            getattr(desk, name).close()


class WrittenRun:
    """A run whose process is this test: it writes what a training process would."""

    def __init__(self, project: Project, method: str = "actis", **fields: Any) -> None:
        self.folder = RunFolder.create(project.folder, method, **fields)
        self.step = 0
        self.open()

    def open(self) -> None:
        self.folder.update(process=this_process())
        self._writer = EventWriter(self.folder.events)

    def begin(self, n_steps: int = 100, name: str = "started", **fields: Any) -> None:
        self.folder.update(state="training", device="cpu", total_steps=n_steps)
        told = {"stages": {"supervised": "Learning from your labels"}, **fields}
        self._writer.write(name, step=self.step, n_steps=n_steps, **told)

    def make_step(self, stage: str = "supervised", **fields: Any) -> None:
        self.step += 1
        usual = {
            "n_steps": 100,
            "losses": {"supervised": 1 / self.step, "total": 1 / self.step},
            "coverage": None,
            "scores": None,
            "seconds": 0.1,
            "message": None,
        }
        self._writer.write("step", stage=stage, step=self.step, **{**usual, **fields})

    def write(self, name: str, **fields: Any) -> None:
        self._writer.write(name, step=self.step, **fields)

    def become(self, state: Any, **fields: Any) -> None:
        self.folder.update(state=state, **fields)

    def end(self, state: str = "finished", **fields: Any) -> None:
        self._writer.write(state, step=self.step, **fields)
        self._writer.close()
        self.folder.update(state=state, ended="2026-01-01T00:00:00+00:00", **fields)

    def requests(self) -> list[str]:
        """Kinds of the requests that wait to be read, oldest first."""
        from napari_semiseg.runs.control import Inbox

        return [request.kind for request in Inbox(self.folder.control, 0).read()]

    def save_checkpoint(self) -> None:
        write_json(self.folder.last_checkpoint, {"step": self.step})

    def wait_older(self) -> None:
        """Let the clock move on, so that a later start is later."""
        before = time.time()
        while time.time() <= before:
            pass
