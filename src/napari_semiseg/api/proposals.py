"""What the model in use proposes for the images of a project, kept between commands."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import make_folder, read_json, write_json
from napari_semiseg.project.tile_files import read_layers, write_layers
from napari_semiseg.runs.chosen_thresholds import chosen_thresholds
from napari_semiseg.runs.folder import list_runs
from napari_semiseg.runs.models import model_in_use
from napari_semiseg.segmentation.doubts import mean_confidence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_semiseg.geometry import ImageSource
    from napari_semiseg.learning.model import ModelCard
    from napari_semiseg.prediction.prediction import Prediction
    from napari_semiseg.prediction.predictor import Predictor
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem
    from napari_semiseg.runs.chosen_thresholds import ChosenThresholds
    from napari_semiseg.runs.folder import RunFolder

_CLASSES = "object_classes"


@dataclass(frozen=True)
class Summary:
    """An image in two numbers: mean confidence over its foreground, and objects.

    Where there is no foreground, the mean is over all pixels.
    """

    confidence: float
    n_objects: int


class Proposals:
    """The objects that a project's model in use finds in its images.

    Objects are stored in ``predictions/IMAGE/KEY.tif``, their `Summary` beside them as
    ``KEY.json``, with the class of each where the model knows several; the key stands
    for model, thresholds and pixels: after another training, another file. An object of
    this class stays with the model and the thresholds that were in use when it was
    made.

    Parameters
    ----------
    project
        With a model in use.
    device
        Where to predict.
    run
        Whose model proposes; None: the one in use. What another one than that finds is
        not stored: it would take the place of what is in use.

    Raises
    ------
    SemisegError
        When the project has no model yet, or the run none.
    """

    def __init__(
        self, project: Project, device: str = "auto", run: RunFolder | None = None
    ) -> None:
        used = model_in_use(project)
        self._wanted = run
        run = run or used
        if run is None:
            raise SemisegError(_no_model(project))
        if not run.has_model:
            raise SemisegError(
                f"The run {run.id} has no model yet: let it finish first."
            )
        self._project = project
        self._device = device
        self._stores = run == used
        self.run = run
        self.model_folder = run.model
        self._identity = (run.model / "model.json").read_bytes()
        self._chosen = chosen_thresholds(project, run)

    @functools.cached_property
    def predictor(self) -> Predictor:
        """The model at work, with the thresholds in force; loaded when first needed."""
        if self._chosen is None:
            return self._loaded
        return _with_thresholds(self._loaded, self._chosen)

    @functools.cached_property
    def _loaded(self) -> Predictor:
        return load_predictor(self.model_folder, self._device)

    @functools.cached_property
    def student(self) -> Predictor | None:
        """The network that learned beside the model, see `learning.student`."""
        from napari_semiseg.learning.model import Model
        from napari_semiseg.learning.student import load_student
        from napari_semiseg.prediction.predictor import Predictor

        ours = self.predictor
        found = load_student(self.model_folder, ours.model.device)
        if found is None:
            return None
        return Predictor(Model(found.network, ours.model.card), batch=ours.batch)

    def renewed(self) -> Proposals:
        """The same by what is in use now; the model is loaded anew only if need be."""
        now = Proposals(self._project, self._device, self._wanted)
        if now._identity == self._identity and "_loaded" in vars(self):
            now._loaded = self._loaded
            if "student" in vars(self) and now._chosen == self._chosen:
                now.student = self.student
        return now

    @property
    def card(self) -> ModelCard:
        """What the model is."""
        return self.predictor.model.card

    def instances(
        self, item: ImageItem, progress: Callable[[int, int], None] | None = None
    ) -> NDArray[np.int32]:
        """Objects of an image, int32 ``(*S)``; predicted unless they are stored."""
        return self.objects(item, progress)[0]

    def objects(
        self, item: ImageItem, progress: Callable[[int, int], None] | None = None
    ) -> tuple[NDArray[np.int32], Mapping[int, int]]:
        """Objects of an image, and the class of each; see `Prediction`."""
        path = self._path(item)
        # A damaged file is as good as none: it can be predicted again.
        with contextlib.suppress(FileNotFoundError, SemisegError, AttributeError):
            instances = read_layers(path, item.shape)[0].astype(np.int32, copy=False)
            if not self.has_object_classes:
                return instances, {}
            kept = read_json(path.with_suffix(".json")).get(_CLASSES)
            if kept is not None:
                return instances, {int(number): kind for number, kind in kept.items()}
        found = self.predict(item, progress)
        return found.instances, found.object_classes

    @property
    def has_object_classes(self) -> bool:
        """Whether the model gives every object one of several classes."""
        return bool(json.loads(self._identity).get("n_kinds"))

    def predict(
        self,
        item: ImageItem,
        progress: Callable[[int, int], None] | None = None,
        rescale: tuple[float, ...] | None = None,
    ) -> Prediction:
        """All there is to say about an image; stores its objects unless rescaled."""
        source = self._project.source(item)
        found = self.predictor.predict(source, progress=progress, rescale=rescale)
        if rescale is None and self._stores:
            self._keep(item, found)
        return found

    def summary(
        self, item: ImageItem, progress: Callable[[int, int], None] | None = None
    ) -> Summary:
        """How sure the model is of an image; predicted unless it is stored."""
        return self._summary(item) or self._summarise(self.predict(item, progress))

    def knows(self, item: ImageItem) -> bool:
        """Whether the summary of an image is stored."""
        return self._summary(item) is not None

    def source(self, item: ImageItem) -> ImageSource:
        """The pixels of an image."""
        return self._project.source(item)

    def notes(self, item: ImageItem) -> dict[str, Any]:
        """What is stored beside the objects of an image; empty where nothing is.

        Raises
        ------
        SemisegError
            When it is damaged.
        """
        try:
            kept: dict[str, Any] = read_json(self._path(item).with_suffix(".json"))
        except OSError:
            return {}
        return kept

    def note(self, item: ImageItem, content: dict[str, Any]) -> None:
        """Store more beside the objects of an image, if they are and there is room."""
        if self._stores:
            with contextlib.suppress(SemisegError, OSError):
                if kept := self.notes(item):
                    path = self._path(item).with_suffix(".json")
                    write_json(path, {**kept, **content})

    def _summary(self, item: ImageItem) -> Summary | None:
        # A damaged file is as good as none: the image can be predicted again.
        with contextlib.suppress(OSError, SemisegError, TypeError, KeyError):
            kept = self.notes(item)
            return Summary(kept["confidence"], kept["n_objects"])
        return None

    def _summarise(self, found: Prediction) -> Summary:
        foreground = 1 - found.probability[0] > self.card.thresholds[0]
        confidence = mean_confidence(found.confidence, foreground)
        return Summary(confidence, int(found.instances.max(initial=0)))

    def _path(self, item: ImageItem) -> Path:
        chosen = "" if self._chosen is None else self._chosen.model_dump_json()
        # At full scale the keys are those of versions that knew no other.
        scale = "" if item.reduction == 1 else f" / {item.reduction}"
        pixels = f"{item.content_hash}{scale}{chosen}"
        key = hashlib.blake2b(
            self._identity + pixels.encode(), digest_size=8
        ).hexdigest()
        return self._project.folder / "predictions" / item.id / f"{key}.tif"

    def _keep(self, item: ImageItem, found: Prediction) -> None:
        """Store objects in the place of those of older models, if there is room."""
        path = self._path(item)
        with contextlib.suppress(SemisegError, OSError):
            content: dict[str, Any] = {}
            make_folder(path.parent)
            write_layers(path, [found.instances])
            # The same model found the same before: what is noted still holds.
            with contextlib.suppress(SemisegError):
                content = self.notes(item)
            content |= asdict(self._summarise(found))
            if self.has_object_classes:
                content[_CLASSES] = dict(found.object_classes)
            write_json(path.with_suffix(".json"), content)
            for other in path.parent.glob("[!.]*"):
                if other.suffix in (".tif", ".json") and other.stem != path.stem:
                    other.unlink(missing_ok=True)


def _with_thresholds(predictor: Predictor, chosen: ChosenThresholds) -> Predictor:
    """The same network with other thresholds; nothing is copied."""
    from napari_semiseg.learning.model import Model
    from napari_semiseg.prediction.predictor import Predictor

    changes = {
        "thresholds": (chosen.foreground, chosen.seed),
        "min_size": chosen.min_size,
    }
    model = predictor.model
    card = model.card.model_copy(update=changes)
    return Predictor(Model(model.network, card), batch=predictor.batch)


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
