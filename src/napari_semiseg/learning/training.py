"""The one training loop: a generator of frozen reports.

It knows no method: a method is a plan of stages (:mod:`learning.methods`), a stage an
loss and its optimisers. Whoever iterates may stop at any report; all that the next step
depends on is in the object, and in its checkpoint.
"""

from __future__ import annotations

import copy
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from napari_semiseg.learning.beginnings import announcements, build, check, equip
from napari_semiseg.learning.calibration import seconds_of
from napari_semiseg.learning.checkpoint import load_state, save_state
from napari_semiseg.learning.devices import choose_device
from napari_semiseg.learning.gradient_descent import GradientDescent
from napari_semiseg.learning.live_thresholds import LiveThresholds
from napari_semiseg.learning.methods import METHODS, parse_settings
from napari_semiseg.learning.model import Model, ModelCard
from napari_semiseg.learning.model_selection import ModelSelection, is_due
from napari_semiseg.learning.preview import preview
from napari_semiseg.learning.report import PreviewArrays, Report
from napari_semiseg.learning.said import said_of
from napari_semiseg.learning.stage_work import Preparation, conclusion
from napari_semiseg.learning.stages import StageSequence
from napari_semiseg.learning.training_card import make_card

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import torch

    from napari_semiseg.geometry import Box, ImageSource
    from napari_semiseg.learning.networks import SegmentationNetwork
    from napari_semiseg.learning.settings import Settings
    from napari_semiseg.learning.stage import PlannedStage, Stage
    from napari_semiseg.learning.stage_work import Part
    from napari_semiseg.learning.training_set import TrainingSet


class Training:
    """A run of one method on one training set.

    Iterate over it for one :class:`Report` a gradient step, and further ones while a
    stage prepares its first step.

    Parameters
    ----------
    training_set
        Labelled tiles and unlabelled images.
    settings
        Of one of the methods.
    device
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``, or a torch device.
    start
        A model to go on from; its network is copied and replaces that of the settings.

    Raises
    ------
    SemisegError
        When there is no tile to learn from, or the start model does not fit the images.
    """

    def __init__(
        self,
        training_set: TrainingSet,
        settings: Settings,
        *,
        device: str | torch.device = "auto",
        start: Model | None = None,
    ) -> None:
        check(training_set, start, settings.class_weights)
        settings.check(training_set)
        self.training_set = training_set
        self.device = choose_device(str(device))
        self.messages: list[str] = []
        self.start_card = start.card if start else None
        built = build(settings, training_set, self.device, start)
        self.network, self.settings = built.network, built.settings
        self.weights_sentence = built.sentence
        self.messages.extend(built.messages)
        self.equipment = equip(built, training_set, self.device)
        self.step = 0
        self.stages = StageSequence(self._plan(), self.equipment)
        self._preparation = Preparation(self.equipment.random)
        self._descent = GradientDescent(self.equipment)
        self._selection = ModelSelection(training_set, self.device)
        self._thresholds = LiveThresholds(training_set, self.device)
        images = bool(self.equipment.unlabelled.images)
        self.messages += announcements(self.settings, training_set, unlabelled=images)

    @classmethod
    def resume(
        cls,
        path: Path,
        training_set: TrainingSet,
        *,
        device: str | torch.device = "auto",
    ) -> Training:
        """Go on from a checkpoint: the weights end as those of an unbroken run would.

        Bitwise on the same kind of CPU with the same number of threads.
        """
        return cls.from_state(load_state(path), training_set, device=device)

    @classmethod
    def from_state(
        cls,
        state: dict[str, Any],
        training_set: TrainingSet,
        *,
        device: str | torch.device = "auto",
    ) -> Training:
        """Go on from `state`."""
        settings = parse_settings(state["settings"])
        without = settings.network.model_copy(update={"weights": "none"})
        training = cls(
            training_set,
            settings.model_copy(update={"network": without}),
            device=device,
        )
        training._load_state(state, settings)
        return training

    @property
    def total_steps(self) -> int:
        """Gradient steps of all stages together."""
        return self.settings.steps

    @property
    def stage(self) -> Stage:
        """The stage under way, or the last one."""
        return self.stages.current

    @property
    def plan(self) -> list[PlannedStage]:
        """The stages and their numbers of steps."""
        return self.stages.plan

    @property
    def stage_words(self) -> dict[str, str]:
        """What is done in each stage, in words for everybody."""
        return {planned.name: planned.words for planned in self.plan}

    def __iter__(self) -> Iterator[Report]:
        """Train from where it stands to the end."""
        while self.step < self.total_steps:
            if not self.stages.prepared:
                for part in self._preparation.parts(self.stages):
                    yield self._report_of(part)
            yield self._advance()
        for part in conclusion(self.stage):
            yield self._report_of(part)

    def set_total_steps(self, n_steps: int) -> None:
        """Make the run longer or shorter, by one more step at the least."""
        n_steps = max(n_steps, self.step + 1)
        self.settings = self.settings.model_copy(update={"steps": n_steps})
        self.stages.replan(self._plan(), self.step)

    def seconds_per_step(self) -> dict[str, float]:
        """Time a step of each stage costs here, measured without learning anything."""
        return {one.name: seconds_of(one, self.equipment) for one in self.plan}

    def halve_batch(self) -> str | None:
        """Take smaller batches; returns the sentence to show, None at the minimum."""
        return self.equipment.halve_batch()

    def model(self) -> Model:
        """The best network so far by the validation tiles, else the latest."""
        ended = self.step >= self.total_steps
        predictor = self.stages.best_informed(ended=ended)
        network = cast("SegmentationNetwork", copy.deepcopy(predictor))
        if kept := self._selection.best.run:
            kept.load_into(network)
        network.requires_grad_(False)
        card = make_card(
            network,
            self.settings,
            self.training_set,
            parent=self.start_card,
            weights_source=self.weights_sentence,
            selection=self.stages.selection,
        )
        apart = predictor is self.stages.predictor and predictor is not self.network
        return Model(network, card, copy.deepcopy(self.network) if apart else None)

    def preview(
        self, source: ImageSource, box: Box, image_id: str = ""
    ) -> PreviewArrays:
        """What the teacher says of a region, and which of it the loss would trust.

        By ``image_id`` it is known which of the images of the run this is, and what the
        user had said of its pixels.
        """
        told = self.training_set.told(image_id, box)
        said = said_of(told, self.equipment.unlabelled.rules, self.device)
        with self.equipment.random.unchanged():
            predictor = self.stages.predictor
            size = self.settings.tile_size
            seen = preview(self.stage, self.device, source, box, said, size, image_id)
            now = self._thresholds.at(predictor, self.settings, self.step)
            pair = None if now is None else (now.foreground, now.seed)
            return replace(seen, thresholds=pair)

    def save_checkpoint(self, path: Path) -> None:
        """Write all that the next step depends on, atomically."""
        save_state(path, self.state())

    def state(self) -> dict[str, Any]:
        """All that the next step depends on, to be kept by `save_state`."""
        card = self.start_card
        return {
            "settings": self.settings.model_dump(mode="json"),
            "step": self.step,
            "network": self.network.state_dict(),
            "weights_report": self.weights_sentence,
            "start_card": card and card.model_dump(mode="json"),
            "random": self._preparation.random_state(),
            "batch_scale": self.equipment.batch_scale,
            "scaler": self._descent.state(),
            "best": self._selection.best.state(),
            "stages": self.stages.state(),
        }

    # -- one step ---------------------------------------------------------------------

    def _advance(self) -> Report:
        started = time.perf_counter()
        with self.equipment.random.own_global():
            stage = self.stage
            within = self.stages.within(self.step)
            forwards, samples = stage.cost
            losses, coverage = self._descent.step(stage, within, self.step + 1)
            stage.after_step(within)
        self.step += 1
        ended = within + 1 >= stage.n_steps
        scores = None
        if ended or is_due(self.settings, self.step):
            scores = self._selection.score(self.stages, self.settings, self.step)
        report = replace(
            self._report(time.perf_counter() - started),
            losses=losses,
            coverage=coverage,
            scores=scores,
            forwards=forwards,
            samples=samples,
        )
        if ended:
            self.stages.end(self._selection.best)
        return report

    def _report_of(self, part: Part) -> Report:
        if part.message:
            self.messages.append(part.message)
        return replace(
            self._report(part.seconds),
            preparing=part.sentence,
            reliability=part.reliability,
            sizes=part.sizes,
        )

    def _report(self, seconds: float) -> Report:
        """Where the run stands, and what the user should read; nothing learned."""
        message = " ".join(self.messages) or None
        self.messages.clear()
        step, n_steps = self.step, self.total_steps
        return Report(
            self.stage.name, step, n_steps, {}, None, None, seconds, 0, 0, message
        )

    def _plan(self) -> list[PlannedStage]:
        unlabelled = len(self.equipment.unlabelled.images)
        restarted = self.start_card is not None
        return METHODS[self.settings.name].plan(self.settings, unlabelled, restarted)

    # -- resuming ---------------------------------------------------------------------

    def _load_state(self, state: dict[str, Any], settings: Settings) -> None:
        self.messages.clear()
        self.settings = settings
        self.step = state["step"]
        self.network.load_state_dict(state["network"])
        self.weights_sentence = state["weights_report"]
        if state["start_card"] is not None:
            self.start_card = ModelCard.model_validate(state["start_card"])
        self.equipment.random.load_state(state["random"])
        self.equipment.batch_scale = state["batch_scale"]
        self._descent.load_state(state["scaler"])
        self._selection.best.load_state(state["best"], self.device)
        self.stages = StageSequence(self._plan(), self.equipment)
        self.stages.load_state(state["stages"])
