"""What the model in use proposes for the images of a project, kept between commands."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import make_folder
from napari_semiseg.project.tile_files import read_layers, write_layers
from napari_semiseg.runs.folder import list_runs
from napari_semiseg.runs.models import model_in_use

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_semiseg.learning.model import ModelCard
    from napari_semiseg.prediction.prediction import Prediction
    from napari_semiseg.prediction.predictor import Predictor
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem


class Proposals:
    """The objects that a project's model in use finds in its images.

    Objects are stored in ``predictions/IMAGE/KEY.tif``, where the key stands for the
    model and the pixels: after another training, another file.

    Parameters
    ----------
    project
        With a model in use.
    device
        Where to predict.

    Raises
    ------
    SemisegError
        When the project has no model yet.
    """

    def __init__(self, project: Project, device: str = "auto") -> None:
        run = model_in_use(project)
        if run is None:
            raise SemisegError(_no_model(project))
        self._project = project
        self._device = device
        self.run = run
        self.model_folder = run.model
        self._identity = (run.model / "model.json").read_bytes()

    @functools.cached_property
    def predictor(self) -> Predictor:
        """The model at work, loaded when it is first needed."""
        return load_predictor(self.model_folder, self._device)

    def renewed(self) -> Proposals:
        """The same by what is in use now; the model is loaded anew only if need be."""
        now = Proposals(self._project, self._device)
        if now._identity == self._identity and "predictor" in vars(self):
            now.predictor = self.predictor
        return now

    @property
    def card(self) -> ModelCard:
        """What the model is."""
        return self.predictor.model.card

    def instances(
        self, item: ImageItem, progress: Callable[[int, int], None] | None = None
    ) -> NDArray[np.int32]:
        """Objects of an image, int32 ``(*S)``; predicted unless they are stored."""
        path = self._path(item)
        # A damaged file is as good as none: it can be predicted again.
        with contextlib.suppress(FileNotFoundError, SemisegError):
            return read_layers(path, item.shape)[0].astype(np.int32, copy=False)
        return self.predict(item, progress).instances

    def predict(
        self,
        item: ImageItem,
        progress: Callable[[int, int], None] | None = None,
        rescale: tuple[float, ...] | None = None,
    ) -> Prediction:
        """All there is to say about an image; stores its objects unless rescaled."""
        source = self._project.source(item)
        found = self.predictor.predict(source, progress=progress, rescale=rescale)
        if rescale is None:
            self._keep(item, found.instances)
        return found

    def _path(self, item: ImageItem) -> Path:
        key = hashlib.blake2b(
            self._identity + item.content_hash.encode(), digest_size=8
        ).hexdigest()
        return self._project.folder / "predictions" / item.id / f"{key}.tif"

    def _keep(self, item: ImageItem, instances: NDArray[np.int32]) -> None:
        """Store objects in the place of those of older models, if there is room."""
        path = self._path(item)
        with contextlib.suppress(SemisegError, OSError):
            make_folder(path.parent)
            write_layers(path, [instances])
            for other in path.parent.glob("[!.]*.tif"):
                if other != path:
                    other.unlink(missing_ok=True)


def _no_model(project: Project) -> str:
    made = [run for run in list_runs(project.folder) if run.has_model]
    if not made:
        return (
            "This project has no model yet. Label a tile, then train one "
            "(napari-semiseg train PROJECT)."
        )
    return (
        f"No model of this project is in use. That of {made[-1].id} is not: "
        f"{made[-1].record().verdict} To predict with it all the same, name its folder "
        f"{made[-1].path} instead of the project."
    )


def load_predictor(folder: Path, device: str = "auto") -> Predictor:
    """A model folder at work on a device.

    Raises
    ------
    SemisegError
        When there is no whole model, or no such device.
    """
    # Only before torch loads; threads that spin cost ten times the time.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from napari_semiseg.learning.devices import choose_device
    from napari_semiseg.learning.model import Model
    from napari_semiseg.prediction.predictor import Predictor

    chosen = choose_device(device)
    return Predictor(Model.load(folder, chosen))
