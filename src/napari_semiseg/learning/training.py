"""The one training loop: a generator of frozen reports.

It knows no method: a method is a plan of stages (:mod:`learning.methods`), a stage an
loss and its optimisers. Whoever iterates may stop at any report; all that the next step
depends on is in the object, and in its checkpoint.
"""

from __future__ import annotations

import copy
import math
import time
from typing import TYPE_CHECKING, Any, cast

import torch

from napari_semiseg.learning.beginnings import announcements, build, check
from napari_semiseg.learning.best import BestWeights
from napari_semiseg.learning.calibration import seconds_of
from napari_semiseg.learning.checkpoint import load_state, save_state
from napari_semiseg.learning.class_lesson import losses_of
from napari_semiseg.learning.devices import choose_device, needs_gradient_scaler
from napari_semiseg.learning.equipment import Equipment
from napari_semiseg.learning.methods import METHODS, parse_settings
from napari_semiseg.learning.model import Model, ModelCard
from napari_semiseg.learning.origin import Origin
from napari_semiseg.learning.preview import preview
from napari_semiseg.learning.randomness import Randomness
from napari_semiseg.learning.report import PreviewArrays, Report
from napari_semiseg.learning.sampling import LabelledSampler, UnlabelledSampler
from napari_semiseg.learning.stage import Ranking, Scored, Sizing
from napari_semiseg.learning.stages import StageSequence
from napari_semiseg.learning.training_card import make_card
from napari_semiseg.learning.validation import MAIN_SCORE, DivergedError, score_tiles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import nn

    from napari_semiseg.geometry import Box, ImageSource
    from napari_semiseg.learning.networks import SegmentationNetwork
    from napari_semiseg.learning.report import ImageReliability
    from napari_semiseg.learning.settings import Settings
    from napari_semiseg.learning.size_report import SizeReport
    from napari_semiseg.learning.stage import PlannedStage, Stage
    from napari_semiseg.learning.training_set import TrainingSet

SMALLEST_BATCH_SCALE = 0.25


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
        random = Randomness(settings.seed, self.device)
        size = settings.tile_size
        unlabelled = UnlabelledSampler(training_set.unlabelled, size, self.device)
        self.equipment = Equipment(
            self.network,
            LabelledSampler(
                training_set.training,
                size,
                self.device,
                training_set.task,
                n_kinds=training_set.n_kinds,
            ),
            unlabelled,
            random,
            self.device,
            Origin(
                self.network,
                settings.seed,
                self.device,
                encoder_known=built.encoder_known,
                partners=built.partners,
            ),
            training_set,
            of_classes=settings.class_weights,
        )
        self.step = 0
        self.stages = StageSequence(self._plan(), self.equipment)
        self._best = BestWeights()
        self._unprepared: dict[str, Any] | None = None
        self._scaler = torch.amp.GradScaler(
            self.device.type, enabled=needs_gradient_scaler(self.device)
        )
        self.messages.extend(
            announcements(
                self.settings, training_set, unlabelled=bool(unlabelled.images)
            )
        )

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
        state = load_state(path)
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

    def __iter__(self) -> Iterator[Report]:
        """Train from where it stands to the end."""
        while self.step < self.total_steps:
            if not self.stages.prepared:
                yield from self._prepare()
            yield self._advance()
        yield from self._conclude()

    def set_total_steps(self, n_steps: int) -> None:
        """Make the run longer or shorter, by one more step at the least."""
        n_steps = max(n_steps, self.step + 1)
        self.settings = self.settings.model_copy(update={"steps": n_steps})
        self.stages.replan(self._plan(), self.step)

    def seconds_per_step(self) -> dict[str, float]:
        """Time a step of each stage costs here, measured without learning anything."""
        return {
            planned.name: seconds_of(planned, self.equipment) for planned in self.plan
        }

    def halve_batch(self) -> str | None:
        """Take smaller batches; returns the sentence to show, None at the minimum."""
        scale = self.equipment.batch_scale / 2
        if scale < SMALLEST_BATCH_SCALE:
            return None
        self.equipment.batch_scale = scale
        self.network.zero_grad(set_to_none=True)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        return (
            "The GPU's memory did not suffice: going on with batches "
            f"{1 / scale:g} times smaller than set."
        )

    def model(self) -> Model:
        """The best network so far by the validation tiles, else the latest."""
        network = cast("SegmentationNetwork", copy.deepcopy(self._predictor()))
        if self._best.run is not None:
            self._best.run.load_into(network)
        network.requires_grad_(False)
        card = make_card(
            network,
            self.settings,
            self.training_set,
            parent=self.start_card,
            weights_source=self.weights_sentence,
            selection=self.stages.selection,
        )
        return Model(network, card)

    def preview(
        self, source: ImageSource, box: Box, image_id: str = ""
    ) -> PreviewArrays:
        """What the teacher says of a region, and which of it the loss would trust.

        By ``image_id`` it is known which of the images of the run this is, and what the
        user had said of its pseudo-labels.
        """
        trust = self.training_set.trust(image_id, box)
        with self.equipment.random.unchanged():
            return preview(
                self.stage,
                self.device,
                source,
                box,
                trust,
                self.settings.tile_size,
                image_id,
            )

    def save_checkpoint(self, path: Path) -> None:
        """Write all that the next step depends on, atomically."""
        save_state(
            path,
            {
                "settings": self.settings.model_dump(mode="json"),
                "step": self.step,
                "network": self.network.state_dict(),
                "weights_report": self.weights_sentence,
                "start_card": self.start_card
                and self.start_card.model_dump(mode="json"),
                # A preparation begins anew, with the random numbers it had at first.
                "random": self._unprepared or self.equipment.random.state(),
                "batch_scale": self.equipment.batch_scale,
                "scaler": self._scaler.state_dict(),
                "best": self._best.state(),
                "stages": self.stages.state(),
            },
        )

    # -- one step ---------------------------------------------------------------------

    def _prepare(self) -> Iterator[Report]:
        """One report for each part of the work before a stage's first step."""
        random = self.equipment.random
        if self._unprepared is not None:  # An earlier preparation was broken off.
            random.load_state(self._unprepared)
        self._unprepared = random.state()
        parts = self.stages.prepare()
        while True:
            started = time.perf_counter()
            with random.own_global():
                sentence = next(parts, None)
            if sentence is None:
                break
            yield self._report({}, time.perf_counter() - started, preparing=sentence)
        self._unprepared = None
        stage = self.stage
        if isinstance(stage, Ranking) and (found := stage.reliability):
            said = f"{len(found)} unlabelled images are ranked by their reliability."
            yield self._report({}, 0.0, preparing=said, reliability=found)
        if isinstance(stage, Sizing) and (sizes := stage.sizes):
            self.messages.append(sizes.sentence)
            said = "The sizes of regions are known."
            yield self._report({}, 0.0, preparing=said, sizes=sizes)

    def _conclude(self) -> Iterator[Report]:
        """What the last stage measures after its last step."""
        stage = self.stage
        if not isinstance(stage, Sizing):
            return
        for sentence in stage.conclude():
            yield self._report({}, 0.0, preparing=sentence)
        if sizes := stage.sizes:
            said = "The sizes of regions are measured."
            yield self._report({}, 0.0, preparing=said, sizes=sizes)

    def _advance(self) -> Report:
        started = time.perf_counter()
        with self.equipment.random.own_global():
            stage = self.stage
            within = self.stages.within(self.step)
            forwards, samples = stage.cost
            losses, coverage = self._learn(stage, within)
            stage.after_step(within)
        self.step += 1
        ended = within + 1 >= stage.n_steps
        scores = self._validate(stage) if ended or self._validation_due() else None
        seconds = time.perf_counter() - started
        report = self._report(losses, seconds, coverage, scores, forwards, samples)
        if ended:
            self.stages.end(self._best)
        return report

    def _report(
        self,
        losses: dict[str, float],
        seconds: float,
        coverage: float | None = None,
        scores: dict[str, float] | None = None,
        forwards: int = 0,
        samples: int = 0,
        preparing: str | None = None,
        reliability: tuple[ImageReliability, ...] = (),
        sizes: SizeReport | None = None,
    ) -> Report:
        message = " ".join(self.messages) or None
        self.messages.clear()
        return Report(
            self.stage.name,
            self.step,
            self.total_steps,
            losses,
            coverage,
            scores,
            seconds,
            forwards,
            samples,
            message,
            preparing,
            reliability,
            sizes,
        )

    def _learn(
        self, stage: Stage, within: int
    ) -> tuple[dict[str, float], float | None]:
        self.network.train()
        rate = stage.rate(within)
        for optimizer in stage.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * group.get("scale", 1.0)
            optimizer.zero_grad(set_to_none=True)
        losses = losses_of(stage, within, self.equipment)
        total = losses.total
        values = torch.stack([total, *losses.terms.values()]).detach().tolist()
        if not math.isfinite(values[0]):
            raise DivergedError(
                f"The loss became {values[0]} at step {self.step + 1}: the learning "
                "rate is too high for these images. Start again with half of it."
            )
        self._scaler.scale(total).backward()
        for optimizer in stage.optimizers:
            self._scaler.step(optimizer)
        self._scaler.update()
        coverage = None if losses.coverage is None else float(losses.coverage)
        return dict(zip(["total", *losses.terms], values, strict=True)), coverage

    def _validation_due(self) -> bool:
        every = max(1, round(self.settings.validate_every * self.total_steps))
        return self.settings.validate_every > 0 and self.step % every == 0

    def _validate(self, stage: Stage) -> dict[str, float] | None:
        """Look at the validation tiles; keep the weights that score best."""
        tiles = self.training_set.validation
        if not tiles or not self.stages.planned.validated:
            return None
        task = self.training_set.task
        scores = score_tiles(stage.predictor, tiles, self.settings, self.device, task)
        main = scores[MAIN_SCORE[task]]
        self._best.offer(main, self.step, stage.predictor)
        if isinstance(stage, Scored):
            stage.take_score(self.stages.within(self.step) - 1, main)
        return scores

    def _predictor(self) -> nn.Module:
        """The network whose latest weights count where no validation tile judges."""
        previous, planned = self.equipment.previous, self.stages.planned
        unfinished = planned.begins == "fresh" and self.step < self.total_steps
        # A network that began anew knows less than its teacher until it has ended.
        if unfinished and previous is not None:
            return previous
        return self.stages.predictor

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
        self._scaler.load_state_dict(state["scaler"])
        self._best.load_state(state["best"], self.device)
        self.stages = StageSequence(self._plan(), self.equipment)
        self.stages.load_state(state["stages"])
