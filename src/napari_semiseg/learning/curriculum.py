"""Curriculum learning: the sizes of regions first, then segmentation within them.

Source: Kervadec, Dolz, Granger and Ben Ayed, "Curriculum semi-supervised segmentation"
(MICCAI 2019), and its public code, from which the weight of the penalty is: the paper
prints none.

Literal: a regressor of its own, made first and from the labelled images alone (Eq. 2);
inequality constraints on the sum of the probabilities of unlabelled images (Eq. 3) as a
quadratic penalty outside (1 - gamma) R to (1 + gamma) R (Eqs. 4 and 5); cross-entropy
on labelled images; the arms FS (weight 0), Proposals and Oracle.

Reconstruction: sizes are shares, so that no number depends on how large tiles are;
sizes of several classes; tiles in the place of whole images. Of a task of objects there
is one size, that of interior and boundary together. Departures of ``default`` from
``paper`` are fields of the settings.

Where the public code errs: an epoch takes all labelled batches and then all unlabelled
ones, so that it ends on the penalty alone; here a step has both. Its learning rate is
halved in epoch 0 already, and later only when the epoch is a multiple of the best one's
number plus 20; here it is halved when the score has not improved for so long. Its
regressor does not see two edges of the image (:mod:`learning.size_regressor`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import torch

from napari_semiseg.learning import intensity
from napari_semiseg.learning.attributes import regions
from napari_semiseg.learning.devices import place_images
from napari_semiseg.learning.divergence import ramp_up
from napari_semiseg.learning.losses import (
    Losses,
    cross_entropy,
    masked_mean,
    supervised_loss,
)
from napari_semiseg.learning.rates import Plateau, cosine
from napari_semiseg.learning.running_mean import RunningMean
from napari_semiseg.learning.size_bands import attribute_penalty
from napari_semiseg.learning.size_measuring import SizeMeasuring
from napari_semiseg.learning.size_sources import REGRESSOR
from napari_semiseg.learning.supervised import LabelledTiles, draw_tiles
from napari_semiseg.learning.targets import targets_of, weights_of
from napari_semiseg.learning.validation import probability_forward
from napari_semiseg.segmentation.classes import IGNORE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

    from napari_semiseg.learning.curriculum_settings import (
        CurriculumSettings,
        CurriculumStageSettings,
    )
    from napari_semiseg.learning.equipment import Equipment
    from napari_semiseg.learning.sampling import UnlabelledBatch
    from napari_semiseg.learning.size_report import SizeReport
    from napari_semiseg.learning.size_sources import Bounds


class UnlabelledLoss(Protocol):
    """What unlabelled tiles are asked for."""

    name: str
    weight: float
    forwards: int
    """Passes of further networks a step."""

    def __call__(self, logits: Tensor, drawn: UnlabelledBatch) -> Tensor:
        """The loss of predictions ``(B, K, *S)``."""
        ...


class SizePenalty:
    """L_U: sizes shall lie within their bounds (Eqs. 4 and 5)."""

    name = "size"

    def __init__(
        self, equipment: Equipment, settings: CurriculumStageSettings, bounds: Bounds
    ) -> None:
        self.task = equipment.task
        self.clip = settings.clip
        self.wanted = settings.size_weight
        self.bounds = bounds
        self.forwards = int(bounds.origin == "regressed")

    @property
    def weight(self) -> float:
        """Of the settings; 0 where no class has bounds."""
        return self.wanted if any(self.bounds.judgement.used) else 0.0

    def __call__(self, logits: Tensor, drawn: UnlabelledBatch) -> Tensor:
        """0 for tiles whose sizes are all within their bounds."""
        p = regions(logits.softmax(1), self.task)
        band = self.bounds.band(drawn, None)
        return attribute_penalty(p, drawn.valid, band, clip=self.clip)


class Proposals:
    """The paper's comparison: frozen predictions of foreground are held to be true.

    Cross-entropy over the pixels that the network of the stage before predicts as a
    class of foreground, and no term for background: that is the paper's definition, and
    it pushes all to the foreground. The public code makes such predictions once; a
    frozen network makes the same ones at every step.
    """

    name = "proposals"
    weight = 1.0
    forwards = 1

    def __init__(self, equipment: Equipment) -> None:
        self.equipment = equipment

    def __call__(self, logits: Tensor, drawn: UnlabelledBatch) -> Tensor:
        """The mean over the pixels proposed."""
        device, teacher = self.equipment.device, self.equipment.previous
        if teacher is None:
            raise ValueError("proposals need the network of the stage before")
        with torch.no_grad():
            forward = probability_forward(teacher, device)
            label = forward(place_images(drawn.image, device)).argmax(1)
        label = drawn.said.label(label)
        proposed = (label > 0) & drawn.valid
        target = label.where(proposed, IGNORE)
        return masked_mean(cross_entropy(logits, target), proposed)


class CurriculumStage:
    """Learns labels, and what is asked of unlabelled tiles; None: labels alone."""

    def __init__(
        self,
        equipment: Equipment,
        settings: CurriculumSettings,
        n_steps: int,
        name: str,
        unlabelled: SizePenalty | Proposals | None,
    ) -> None:
        self.name = name
        self.equipment = equipment
        self.boundary = settings.boundary
        self.settings = stage = settings.curriculum
        self.n_steps = n_steps
        self.unlabelled = unlabelled
        self.class_weights = equipment.class_weights(stage.class_weights)
        optimizer = torch.optim.AdamW(
            equipment.network.parameters(),
            lr=stage.learning_rate,
            betas=(0.9, stage.second_moment),
            weight_decay=stage.weight_decay,
        )
        self.optimizers = (optimizer,)
        self.plateau = Plateau()
        self.mean = RunningMean(equipment.network, stage.average_half_life)
        self.measuring: SizeMeasuring | None = None
        if isinstance(unlabelled, SizePenalty):
            self.measuring = SizeMeasuring(equipment, settings, unlabelled.bounds)

    @property
    def predictor(self) -> nn.Module:
        """The network that predicts: the mean of the weights, if there is one."""
        return self.mean.predictor

    @property
    def selection(self) -> None:
        """No single pixel of an unlabelled image is in this loss."""
        return

    def rate(self, step: int) -> float:
        """By the schedule, over the stage."""
        settings = self.settings
        if settings.schedule == "plateau":
            return settings.learning_rate * self.plateau.factor
        last = min(settings.final_learning_rate, settings.learning_rate)
        return cosine(settings.learning_rate, last, step / self.n_steps)

    @property
    def cost(self) -> tuple[int, int]:
        """Forward passes and samples through a network in one step."""
        labelled, unlabelled = self._batches
        if self.unlabelled is None or not unlabelled:
            return 1, labelled
        further = self.unlabelled.forwards
        return 1 + further, labelled + (1 + further) * unlabelled

    def prepare(self) -> Iterator[str]:
        """The curriculum's first task: learn the sizes, and judge them."""
        if self.measuring is not None:
            yield from self.measuring.prepare()
            self.equipment.handed_on.pop(REGRESSOR, None)

    def losses(self, step: int) -> Losses:
        """``L_Y + lambda L_U`` of one batch of labelled and unlabelled tiles."""
        tiles = self.draw_labelled()
        target, counts = tiles.target, tiles.weight
        tools = self.equipment
        if self.unlabelled is None or not self._batches[1]:
            logits = tools.logits(tools.network, tiles.image)
            return Losses({"supervised": self.supervised(logits, target, counts)})
        drawn = tools.unlabelled.draw(self._batches[1], tools.random)
        seen = torch.cat([tiles.image, self.altered(drawn.image)])
        logits = tools.logits(tools.network, seen)
        n, weight = len(target), self.unlabelled.weight * self.ramp(step)
        # What a person said of unlabelled tiles is labelled, too.
        target = torch.cat([target, drawn.said.target.long()])
        counts = torch.cat([counts, drawn.said.weight])
        terms = {
            "supervised": self.supervised(logits, target, counts),
            # The bounds are those of the tile itself, its intensities unaltered.
            self.unlabelled.name: weight * self.unlabelled(logits[n:], drawn),
        }
        return Losses(terms)

    def supervised(self, logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """L_Y over the annotated pixels (Eq. 1)."""
        return supervised_loss(logits, target, self.class_weights, weight)

    def draw_labelled(self) -> LabelledTiles:
        """Labelled tiles and their targets."""
        tools, settings, n = self.equipment, self.settings, self._batches[0]
        if settings.augmented:
            return draw_tiles(
                tools, n, self.boundary, settings.geometry, settings.intensity
            )
        drawn = tools.labelled.centre(tools.labelled.draw(n, tools.random))
        target = targets_of(drawn.fields, tools.task, self.boundary)
        weight = weights_of(drawn.fields)
        return LabelledTiles(drawn.image, target, None, weight)

    @property
    def takes_words(self) -> bool:
        """Whether it draws unlabelled tiles, with what a person says of them."""
        return bool(self._batches[1])

    def altered(self, image: Tensor) -> Tensor:
        """Unlabelled tiles with other intensities: no region changes its size."""
        if not self.settings.augmented:
            return image
        return intensity.augment(image, self.settings.intensity, self.equipment.random)

    def ramp(self, step: int) -> float:
        """How much of its weight the loss on unlabelled tiles has by now."""
        rise = self.settings.ramp * self.n_steps
        return ramp_up((step + 1) / max(rise, 1.0))

    @property
    def _batches(self) -> tuple[int, int]:
        """Labelled and unlabelled tiles a step."""
        tools, settings = self.equipment, self.settings
        labelled = tools.batch(settings.labelled_batch, 1)
        if self.unlabelled is None or not self.unlabelled.weight:
            return labelled, 0
        return labelled, tools.batch(settings.unlabelled_batch, 1)

    # -- what is known of sizes --------------------------------------------------------

    @property
    def sizes(self) -> SizeReport | None:
        """Sizes labelled, predicted and reached; None: this stage asks for none."""
        return None if self.measuring is None else self.measuring.report

    def conclude(self) -> Iterator[str]:
        """Measure the sizes that the network gives to unlabelled images."""
        if self.measuring is not None:
            yield from self.measuring.measure(self.predictor)

    # -- between steps -----------------------------------------------------------------

    def take_score(self, step: int, score: float) -> None:
        """Halve the learning rate when the score no longer improves."""
        self.plateau.take(step / self.n_steps, score)

    def after_step(self, step: int) -> None:
        """Let the running mean follow."""
        self.mean.follow(self.n_steps)

    def state(self) -> dict[str, Any]:
        """For a checkpoint, besides network and optimiser."""
        state = {"plateau": self.plateau.state(), **self.mean.state()}
        if self.measuring is not None:
            state["bounds"] = self.measuring.bounds.state()
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self.plateau.load_state(state["plateau"])
        self.mean.load_state(state)
        if self.measuring is not None:
            self.measuring.bounds.load_state(state["bounds"])
