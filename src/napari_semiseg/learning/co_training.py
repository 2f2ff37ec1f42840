"""Co-training of two networks with fixed and dynamic pseudo-labels.

Source: Kumari and Singh, "Leveraging fixed and dynamic pseudo-labels for
semi-supervised medical image segmentation" (arXiv 2405.07256), of which we have the
abstract and the captions; there is no public code.

Known: two subnets SN1 and SN2; a supervised loss on both; of every unlabelled image a
fixed random crop and four shifted ones beside it; the *fixed* pseudo-label of the crop,
the *temporary* one of a shifted crop, and COM, which makes the *dynamic* one: temporary
where the crops overlap, fixed elsewhere. When SN1 learns from SN2 both see the original
crop; when SN2 learns from SN1 it sees the CutMix of two different unlabelled images,
whose pseudo-labels are cut alike. alpha is a weight in the supervised loss.

Reconstruction, all of it: the equations, that alpha weighs cross-entropy against Dice,
hard labels, the weights of the losses and their ramp, one random shift a step (or all
four), how far crops are shifted, the law of CutMix's boxes, batches, optimisers, the
warm-up, the confidence limit, and that the mean of both networks predicts. Numbers are
those of the closest published relatives (TraCoCo, BCP, SSL4MIS).

Where these relatives err: TraCoCo takes ``1 - label`` for the other class, which holds
for two classes only, and a softmax over an axis of space; neither is repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from napari_semiseg.learning import symmetries
from napari_semiseg.learning.averaged_network import AveragedNetwork
from napari_semiseg.learning.class_head import class_terms
from napari_semiseg.learning.devices import place_images
from napari_semiseg.learning.divergence import ramp_up
from napari_semiseg.learning.lessons import Lesson, cut_and_mixed
from napari_semiseg.learning.losses import Losses, dice_loss, supervised_loss
from napari_semiseg.learning.optimizers import make_optimizer
from napari_semiseg.learning.pseudo_labels import PseudoLabels
from napari_semiseg.learning.rates import cosine, poly
from napari_semiseg.learning.running_mean import RunningMean
from napari_semiseg.learning.shifted_crops import (
    ShiftedBatch,
    ShiftedSampler,
    overlay,
    turn_shifts,
)
from napari_semiseg.learning.supervised import draw_tiles
from napari_semiseg.learning.teacher import evaluating
from napari_semiseg.learning.validation import probability_forward

if TYPE_CHECKING:
    from torch import Tensor, nn

    from napari_semiseg.learning.co_training_settings import CoTrainingSettings
    from napari_semiseg.learning.equipment import Equipment
    from napari_semiseg.learning.said import Said
    from napari_semiseg.learning.supervised import LabelledTiles


class CoTrainingStage:
    """Two networks that learn from labels, and from each other's pseudo-labels."""

    name = "co-training"

    def __init__(
        self, equipment: Equipment, settings: CoTrainingSettings, n_steps: int
    ) -> None:
        self.equipment = equipment
        self.boundary = settings.boundary
        self.settings = stage = settings.co_training
        self.n_steps = n_steps
        self.class_weights = equipment.class_weights(stage.class_weights)
        self.networks = (equipment.network, equipment.origin.partner(1))
        self.optimizers = tuple(
            make_optimizer(network.parameters(), stage) for network in self.networks
        )
        self.both = AveragedNetwork(self.networks)
        self.mean = RunningMean(self.both, stage.average_half_life)
        self.sampler = ShiftedSampler(
            equipment.unlabelled.images,
            equipment.unlabelled.size,
            equipment.device,
            stage.shift,
            equipment.unlabelled.rules,
        )
        self._done = 0

    @property
    def predictor(self) -> nn.Module:
        """The mean of both networks' probabilities."""
        return self.mean.predictor

    @property
    def selection(self) -> tuple[float, ...]:
        """One limit for all classes."""
        return (self.settings.confidence,) * self.equipment.n_classes

    def rate(self, step: int) -> float:
        """Cosine decay (AdamW) or polynomial decay (SGD) over the stage."""
        settings, t = self.settings, step / self.n_steps
        if settings.optimizer == "sgd":
            return poly(settings.learning_rate, t)
        return cosine(settings.learning_rate, settings.final_learning_rate, t)

    @property
    def cost(self) -> tuple[int, int]:
        """Forward passes and samples through a network in one step."""
        settings = self.settings
        labelled = 2 * self.equipment.batch(settings.labelled_batch)
        if not self.unlabelled_weight(self._done):
            return 2, labelled
        views = 2 + (settings.n_shifts if settings.dynamic_weight else 0)
        crops = self.equipment.batch(settings.unlabelled_batch)
        return 4, labelled + 2 * views * crops

    def losses(self, step: int) -> Losses:
        """``L = sum of L_sup + lambda (L_fix + beta L_dyn)`` over both networks.

        Where objects have classes, either class head learns them of the labelled tiles.
        """
        settings = self.settings
        labelled = self.draw_labelled()
        weight = self.unlabelled_weight(step)
        lessons = self.teach(labelled) if weight else (None, None)
        weights = {"fixed": settings.fixed_weight, "dynamic": settings.dynamic_weight}
        sums: dict[str, list[Tensor]] = {n: [] for n in ("supervised", *weights)}
        for network, tiles, lesson in zip(
            self.networks, labelled, lessons, strict=True
        ):
            network.train()
            image, n = tiles.image, len(tiles.image)
            seen = image if lesson is None else torch.cat([image, lesson.image])
            logits, of_kinds = self.equipment.outputs(network, seen)
            sums["supervised"].append(self.supervised(logits[:n], tiles))
            kinds = class_terms(of_kinds[:n], tiles.kinds, counts=tiles.weight)
            for name, error in kinds.items():
                sums.setdefault(name, []).append(error)
            if lesson is None:
                continue
            for name, error in lesson.losses(logits[n:]).items():
                if weights[name]:
                    sums[name].append(weight * weights[name] * error)
        terms = {n: torch.stack(parts).sum() for n, parts in sums.items() if parts}
        first = lessons[0]
        if first is None:
            return Losses(terms)
        return Losses(terms, coverage=first.coverage)

    def supervised(self, logits: Tensor, tiles: LabelledTiles) -> Tensor:
        """``alpha CE + (1 - alpha) Dice`` over the annotated pixels."""
        alpha, target, weight = self.settings.alpha, tiles.target, tiles.weight
        error = alpha * supervised_loss(logits, target, self.class_weights, weight)
        return error + (1 - alpha) * dice_loss(logits, target, weight)

    def draw_labelled(self) -> list[LabelledTiles]:
        """Augmented labelled tiles and their targets, for each network."""
        settings = self.settings
        n = self.equipment.batch(settings.labelled_batch)
        still = settings.intensity.model_copy(update={"probability": 0.0})
        draws = [
            draw_tiles(
                self.equipment,
                n,
                self.boundary,
                settings.geometry if settings.warped else None,
                settings.intensity if settings.warped else still,
            )
            for _ in range(2 if settings.separate_batches else 1)
        ]
        return draws if settings.separate_batches else draws * 2

    def teach(self, labelled: list[LabelledTiles]) -> tuple[Lesson, Lesson]:
        """What each network learns of unlabelled crops: the other's pseudo-labels."""
        tools, settings = self.equipment, self.settings
        n = tools.batch(settings.unlabelled_batch)
        beside = settings.n_shifts if settings.dynamic_weight else 0
        batch = self.turned(self.sampler.draw_shifted(n, beside, tools.random))
        for_second, for_first = (
            self.label(network, batch) for network in self.networks
        )
        if settings.cutmix:
            numbers = batch.fixed.numbers
            if len({number for number, _ in batch.fixed.places}) == 1:
                # Nothing else to mix with than what is labelled.
                others = Lesson.of_labels(labelled[1])
                for_second = cut_and_mixed(for_second, numbers, tools.random, others)
            else:
                for_second = cut_and_mixed(for_second, numbers, tools.random)
        return for_first, for_second

    def turned(self, batch: ShiftedBatch) -> ShiftedBatch:
        """Every crop flipped and turned, those beside it with it."""
        fixed = batch.fixed
        turns = self.equipment.random.integers(
            symmetries.N_SYMMETRIES, len(fixed.image)
        )
        image, valid, fields, crops = (
            symmetries.apply_each(x, turns)
            for x in (fixed.image, fixed.valid, fixed.fields, batch.crops)
        )
        said = fixed.said.turned(turns)
        turned = type(fixed)(image, valid, said, fields, fixed.places)
        return ShiftedBatch(turned, crops, turn_shifts(batch.shifts, turns))

    def label(self, network: nn.Module, batch: ShiftedBatch) -> Lesson:
        """Fixed and dynamic pseudo-labels by one network, in evaluation mode.

        Where a person has decided, their word stands in the place of both.
        """
        fixed, n = batch.fixed, len(batch.fixed.image)
        said = fixed.said
        p = self.probability(
            network, torch.cat([fixed.image, batch.crops.flatten(0, 1)])
        )
        of_fixed = PseudoLabels.of(p[:n])
        counts = self.select(of_fixed.label, of_fixed.confidence, said)
        counts = counts & fixed.valid
        dynamic, dynamic_counts = of_fixed.label, torch.zeros_like(counts)
        if batch.crops.shape[1]:
            temporary = p[n:].unflatten(0, batch.crops.shape[:2])
            laid_over, overlapping = overlay(p[:n], temporary, batch.shifts)
            of_both = PseudoLabels.of(laid_over)
            dynamic = of_both.label
            chosen = self.select(dynamic, of_both.confidence, said) & fixed.valid
            # Without any overlap there is no second opinion to learn.
            some = overlapping.flatten(1).any(1).view(-1, *(1,) * (chosen.ndim - 1))
            dynamic_counts = chosen & some
        return Lesson(
            fixed.image,
            said.label(of_fixed.label),
            said.label(dynamic),
            counts,
            dynamic_counts,
            fixed.valid,
            said.weight,
        )

    def probability(self, network: nn.Module, image: Tensor) -> Tensor:
        """float32 ``(B, K, *S)`` without gradients, in evaluation mode."""
        device = self.equipment.device
        with evaluating(network):
            return probability_forward(network, device)(place_images(image, device))

    def unlabelled_weight(self, step: int) -> float:
        """lambda: 0 while warming up, then rising as ``exp(-5 (1 - t)^2)``."""
        settings = self.settings
        if not (settings.fixed_weight or settings.dynamic_weight):
            return 0.0
        warm = round(settings.warm_up * self.n_steps)
        if step < warm:
            return 0.0
        rise = settings.ramp * (self.n_steps - warm)
        return ramp_up((step - warm + 1) / max(rise, 1.0))

    # -- what a watcher sees -----------------------------------------------------------

    @property
    def labelled_at_once(self) -> int:
        """Unlabelled crops a step."""
        return self.equipment.batch(self.settings.unlabelled_batch)

    def class_probability(self, image: Tensor) -> Tensor:
        """What both networks predict on average."""
        return self.probability(self.predictor, image)

    def pseudo_labels(self, image: Tensor) -> PseudoLabels:
        """The class that both networks predict on average; each teaches its own."""
        return PseudoLabels.of(self.class_probability(image))

    def select(self, label: Tensor, confidence: Tensor, said: Said) -> Tensor:
        """Mask of the pixels the loss trusts, bool ``(B, *S)``."""
        return said.selected(confidence >= self.settings.confidence)

    # -- between steps -----------------------------------------------------------------

    def after_step(self, step: int) -> None:
        """Let the running mean of both networks follow."""
        self._done = step + 1
        self.mean.follow(self.n_steps)

    def state(self) -> dict[str, Any]:
        """For a checkpoint, besides the first network and the optimisers."""
        second = self.networks[1].state_dict()
        return {"second": second, "done": self._done, **self.mean.state()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self.networks[1].load_state_dict(state["second"])
        self._done = state["done"]
        self.mean.load_state(state)
