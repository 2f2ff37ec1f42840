"""What a project's server does: previews, ranking, export, pace."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from napari_semiseg.api.exporting import export
from napari_semiseg.api.opening import as_project
from napari_semiseg.api.outputs import ObjectOptions, Progress
from napari_semiseg.api.pacing import measure_pace
from napari_semiseg.api.proposals import Proposals
from napari_semiseg.api.ranking import ranking
from napari_semiseg.runs.asking import ExportWish, PaceWish, RankWish
from napari_semiseg.runs.folder import find_run
from napari_semiseg.runs.liveness import identify
from napari_semiseg.runs.models import model_in_use
from napari_semiseg.runs.previews import answer_preview
from napari_semiseg.runs.server import Server
from napari_semiseg.runs.server_folder import ServerFolder
from napari_semiseg.runs.told_pixels import told_in

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from napari_semiseg.api.ranking import RankedImage
    from napari_semiseg.geometry import Box
    from napari_semiseg.learning.told import Told
    from napari_semiseg.project.project import Project
    from napari_semiseg.runs.control import Request
    from napari_semiseg.runs.work import Attend

_PREVIEWS = 4  # Answered ones that are kept; each may have 2048 x 2048 pixels.
_ROUNDS = 2  # Models of other rounds that stay loaded: two are compared at a time.


def serve(
    project: str | Path | Project,
    session: str,
    *,
    parent: int | None = None,
    device: str = "auto",
) -> None:
    """Answer the requests of a program, in this process, until it is gone.

    Parameters
    ----------
    session
        Names the server's folder, see `runs.serving`.
    parent
        Number of the process to work for; None: until a stop.
    device
        Where to predict.
    """
    opened = as_project(project)
    try:
        working_for = None if parent is None else identify(parent)
    except psutil.NoSuchProcess:
        return
    folder = ServerFolder.of(opened.folder, session)
    Server(folder, ProjectWork(opened, folder, device), parent=working_for).serve()


class ProjectWork:
    """The work of a project's server; torch is loaded at the first need."""

    def __init__(
        self, project: Project, folder: ServerFolder, device: str = "auto"
    ) -> None:
        self._project = project
        self._folder = folder
        self._device = device
        self._proposals: Proposals | None = None
        self._rounds: dict[str, Proposals] = {}

    def describe(self) -> dict[str, Any]:
        """Devices, and the one it would choose."""
        # Only before torch loads; threads that spin cost ten times the time.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        import torch

        from napari_semiseg.learning.devices import (
            choose_device,
            cpu_threads,
            list_devices,
        )

        torch.set_num_threads(cpu_threads())
        return {
            "devices": [vars(device) for device in list_devices()],
            "default_device": str(choose_device(self._device)),
        }

    def model(self) -> str | None:
        """Id of the run whose model is in use now."""
        run = model_in_use(self._project)
        return None if run is None else run.id

    def preview(self, request: Request, attend: Attend) -> dict[str, Any]:
        """How the model in use, or that of a run, sees a box."""
        from napari_semiseg.prediction.view import ModelView

        other = request.run and request.run != self.model()
        proposals = self._of_run(request.run) if other else self._current()
        item = self._project.image(request.image_id)

        def told(box: Box) -> Told:
            return told_in(self._project, item, box)

        fields = answer_preview(
            request,
            ModelView(proposals.predictor, attend, told),
            lambda image_id: self._project.source(item),
            self._folder.previews,
            _PREVIEWS,
        )
        return {**fields, "model": proposals.run.id}

    def ranking(
        self, request: Request, attend: Attend
    ) -> Generator[dict[str, Any], None, dict[str, Any]]:
        """What the model in use is in doubt of in each image; in the end the order."""
        wish = RankWish.model_validate(request.options)
        proposals = self._current()
        images = [
            item
            for item in self._project.images
            if wish.images is None or item.id in wish.images
        ]
        found = ranking(self._project, proposals, images, _Told(attend))
        number = 0
        while True:
            try:
                one = next(found)
            except StopIteration as end:
                return _in_order(end.value)
            number += 1
            yield {**_fields(one), "done": number, "total": len(images)}

    def export(
        self, request: Request, tell: Callable[[dict[str, Any]], None]
    ) -> dict[str, Any]:
        """Masks and tables of the project's images."""
        wish = ExportWish.model_validate(request.options)
        proposals = self._current()
        report = export(
            self._project,
            wish.folder,
            images=wish.images,
            save=wish.save,
            options=ObjectOptions(**wish.objects),  # type: ignore[arg-type]
            measurements=wish.measurements,
            progress=_TellingProgress(tell),
            proposals=proposals,
        )
        folder = str(Path(wish.folder).expanduser())
        return {"report": report.as_dict(), "folder": folder}

    def pace(self, request: Request) -> dict[str, Any]:
        """What a training with these settings costs."""
        from napari_semiseg.learning.methods import parse_settings

        wish = PaceWish.model_validate(request.options)
        self._project.reload()
        found = measure_pace(
            self._project,
            parse_settings(wish.settings),
            device=self._device if wish.device == "auto" else wish.device,
            start=wish.start,
            minutes=wish.minutes,
        )
        return found.as_dict()

    def rest(self) -> None:
        """Give the memory of a GPU back to whoever trains."""
        import torch

        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()

    def _current(self) -> Proposals:
        """What is in use now."""
        self._project.reload()  # Images or thresholds may have changed.
        if self._proposals is None:
            self._proposals = Proposals(self._project, self._device)
        else:
            self._proposals = self._proposals.renewed()
        return self._proposals

    def _of_run(self, name: str) -> Proposals:
        """What the model of a run proposes; the last ones stay loaded."""
        self._project.reload()
        known = self._rounds.pop(name, None)
        if known is None:
            run = find_run(self._project.folder, name)
            known = Proposals(self._project, self._device, run)
        # The newest lies last.
        self._rounds[name] = known.renewed()
        while len(self._rounds) > _ROUNDS:
            del self._rounds[next(iter(self._rounds))]
        return self._rounds[name]


def _fields(one: RankedImage) -> dict[str, Any]:
    """What the event of an image says; who asks knows its name and tiles."""
    fields = one.as_dict()
    for name in ("name", "finished", "role"):
        del fields[name]
    fields["sentence"] = fields.pop("problem")
    return fields


def _in_order(ranked: Sequence[RankedImage]) -> dict[str, Any]:
    """Fields of the event that ends a ranking."""
    final = ("image_id", "score", "reason", "box")
    images = [one.as_dict() for one in ranked]
    return {
        "order": [one["image_id"] for one in images],
        "images": [{name: one[name] for name in final} for one in images],
    }


class _Told(Progress):
    """Passes on that some time has gone by."""

    def __init__(self, attend: Attend) -> None:
        self._attend = attend

    def tiles(self, done: int, total: int) -> None:
        """So many tiles of the image are done."""
        self._attend()


class _TellingProgress(Progress):
    """Passes on how far an export is, as the fields of its event."""

    def __init__(self, tell: Callable[[dict[str, Any]], None]) -> None:
        self._tell = tell
        self._image: dict[str, Any] = {}

    def image(self, number: int, total: int, name: str) -> None:
        """An image begins, or all are done."""
        self._image = {"image": name, "number": number, "total": total}
        self.tiles(0, 0)

    def tiles(self, done: int, total: int) -> None:
        """So many tiles of the image are done."""
        self._tell({**self._image, "done": done, "tiles": total})
