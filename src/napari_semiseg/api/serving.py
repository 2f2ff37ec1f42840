"""What a project's server does: previews, ranking, export, pace."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_semiseg.api.labelling import as_project
from napari_semiseg.api.proposals import Proposals
from napari_semiseg.runs.liveness import identify
from napari_semiseg.runs.models import model_in_use
from napari_semiseg.runs.previews import answer_preview
from napari_semiseg.runs.server import Server
from napari_semiseg.runs.server_folder import ServerFolder

if TYPE_CHECKING:

    from napari_semiseg.geometry import ImageSource
    from napari_semiseg.project.project import Project
    from napari_semiseg.runs.control import Request
    from napari_semiseg.runs.work import Attend

_PREVIEWS = 4  # Answered ones that are kept; each may have 2048 x 2048 pixels.


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
    import psutil

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
        """How the model in use sees a box."""
        from napari_semiseg.prediction.view import ModelView

        proposals = self._current()
        fields = answer_preview(
            request,
            ModelView(proposals.predictor, attend),
            self._source,
            self._folder.previews,
            _PREVIEWS,
        )
        return {**fields, "model": proposals.run.id}

    def rest(self) -> None:
        """Give the memory of a GPU back to whoever trains."""
        import torch

        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()

    def _current(self) -> Proposals:
        """What is in use now."""
        if self._proposals is None:
            self._proposals = Proposals(self._project, self._device)
        else:
            self._proposals = self._proposals.renewed()
        return self._proposals

    def _source(self, image_id: str) -> ImageSource:
        self._project.reload()  # The image may have been added since.
        return self._project.source(self._project.image(image_id))
