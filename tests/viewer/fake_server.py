"""A server of a project without a network: bright pixels are objects.

The loop, the folders and the events are the real ones; run as the child that
`runs.serving.start_server` starts.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.errors import SemisegError
from napari_semiseg.project.project import Project
from napari_semiseg.runs.liveness import identify
from napari_semiseg.runs.models import model_in_use
from napari_semiseg.runs.previews import answer_preview
from napari_semiseg.runs.server import Server
from napari_semiseg.runs.server_folder import ServerFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from napari_semiseg.geometry import Box, ImageSource
    from napari_semiseg.runs.control import Request

COMMAND = (sys.executable, __file__)
BRIGHT = 0.5


@dataclass(frozen=True)
class Seen:
    probability: np.ndarray
    label: np.ndarray
    confidence: np.ndarray
    selected: np.ndarray
    kind: np.ndarray | None = None
    thresholds: tuple[float, float] | None = None


class BrightIsObject:
    def preview(
        self, source: ImageSource, box: Box, image_id: str | None = None
    ) -> Seen:
        inside = np.clip(source.read(box)[0], 0, 1)
        probability = np.stack([1 - inside, inside, np.zeros_like(inside)])
        confidence = probability.max(axis=0)
        label = (inside > BRIGHT).astype(np.uint8)
        return Seen(probability, label, confidence, confidence > 0.8)


class SeesWhatIsDrawn:
    """A model that finds the objects of a map: ``sees.npy`` beside it."""

    def __init__(self, instances: np.ndarray) -> None:
        self.instances = instances

    def preview(
        self, source: ImageSource, box: Box, image_id: str | None = None
    ) -> Seen:
        inside = (self.instances[box.slices] > 0).astype(np.float32) * 0.9 + 0.03
        boundary = np.full_like(inside, 0.02)
        probability = np.stack([1 - inside - boundary, inside, boundary])
        label, confidence = (inside > BRIGHT).astype(np.uint8), probability.max(axis=0)
        return Seen(probability, label, confidence, confidence > 0.8)


class FakeWork:
    """``behaviour``: deaf (answers nothing), dies (at the first request), or plain."""

    def __init__(self, project: Project, folder: ServerFolder, behaviour: str) -> None:
        self.project, self.folder, self.behaviour = project, folder, behaviour

    def describe(self) -> dict[str, Any]:
        device = {"name": "cpu", "kind": "cpu", "words": "CPU, 2 core(s)"}
        memory = {"free_bytes": 1 << 30, "total_bytes": 1 << 32}
        return {"devices": [device | memory], "default_device": "cpu"}

    def model(self) -> str | None:
        run = model_in_use(self.project)
        return None if run is None else run.id

    def preview(self, request: Request, attend: Callable[[], None]) -> dict[str, Any]:
        self._behave()
        name = request.run or str(self.model())
        drawn = self.project.folder / "runs" / name / "sees.npy"
        model = SeesWhatIsDrawn(np.load(drawn)) if drawn.is_file() else BrightIsObject()
        fields = answer_preview(request, model, self._source, self.folder.previews)
        return {**fields, "model": name}

    def ranking(
        self, request: Request, attend: Callable[[], None]
    ) -> Generator[dict[str, Any], None, dict[str, Any]]:
        """The first image is the surest."""
        total = len(self.project.images)
        told: list[dict[str, Any]] = []
        for number, item in enumerate(self.project.images):
            self._behave()
            attend()
            place = {"score": 0.1 + 0.1 * number, "reason": "unsure"}
            told.append({"image_id": item.id, **place, "box": [[0, 0], [32, 32]]})
            yield {
                **told[-1],
                "confidence": 0.95 - 0.1 * number,
                "n_objects": 10 + number,
                "done": number + 1,
                "total": total,
            }
        return {"images": told[::-1]}

    def export(
        self, request: Request, tell: Callable[[dict[str, Any]], None]
    ) -> dict[str, Any]:
        """Ten slow tiles an image; an image called ``bad`` is skipped."""
        folder = Path(str(request.options["folder"]))
        chosen = request.options["images"] or [i.id for i in self.project.images]
        folder.mkdir(parents=True, exist_ok=True)
        written, skipped = [], []
        for number, name in enumerate(chosen):
            item = self.project.image(name)
            for done in range(10):
                self._behave()
                time.sleep(0.02)
                fields = {"image": item.name, "number": number, "total": len(chosen)}
                tell(fields | {"done": done, "tiles": 10})
            if number == 2:
                skipped.append({"path": item.name, "reason": "It is damaged."})
                continue
            path = folder / f"{Path(item.name).stem}.tif"
            path.write_bytes(b"")
            entry = {"name": item.name, "files": [str(path)], "n_objects": 7}
            written.append(entry | {"warning": None})
        report = {"written": written, "skipped": skipped}
        return {"folder": str(folder), "report": report}

    def pace(self, request: Request) -> dict[str, Any]:
        if request.options["device"] == "cuda":
            raise SemisegError("There is no GPU here: choose cpu.")
        pace = {"seconds_per_step": {"supervised": 0.5}, "steps_per_minute": 120.0}
        return {**pace, "total_steps": None}

    def rest(self) -> None:
        pass

    def _source(self, image_id: str) -> ImageSource:
        return self.project.source(self.project.image(image_id))

    def _behave(self) -> None:
        if self.behaviour == "dies":
            os._exit(9)
        while self.behaviour == "deaf":
            time.sleep(0.1)


def main(arguments: list[str]) -> None:
    project = Project.open(arguments[1])
    options = dict(zip(arguments[2::2], arguments[3::2], strict=True))
    folder = ServerFolder.of(project.folder, options["--session"])
    behaviour = (project.folder / "behaviour.txt").read_text().strip()
    parent = identify(int(options["--parent"]))
    Server(folder, FakeWork(project, folder, behaviour), parent=parent).serve()


if __name__ == "__main__":
    main(sys.argv[1:])
