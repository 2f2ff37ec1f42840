"""The first stage of FixMatch-ST: labelled tiles, with FixMatch or without.

Source: Luu et al., Algorithm 1 and section 4.2. Labelled tiles under weak augmentation
are learned by cross-entropy. With FixMatch the network predicts weak views of
unlabelled tiles; its confident classes are the targets of strong views of the same
tiles.

Literal: weak and strong view, threshold, the loss of both together. Algorithm 1 prints
the strong view of ``u_j``; it is made of the weak view here, as in all public code, so
that pixels and labels lie upon one another. It prints ``>`` for the threshold, the code
of FixMatch has ``>=``, which is kept. It runs FixMatch in every epoch of "M", the text
in the first stage alone: the text is followed.

Reconstruction, where the paper is silent: the mean is over all valid pixels, not over
the selected (FixMatch, UniMatch), so that an unconfident network counts for less;
pseudo-labels come from the network in evaluation mode, so that what a watcher sees is
what the step used; UniMatch halves the sum of both losses, here the weight is 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from napari_semiseg.learning import symmetries
from napari_semiseg.learning.class_head import (
    class_terms,
    probabilities_of,
    taught_kinds,
    taught_terms,
)
from napari_semiseg.learning.devices import place_images, precision
from napari_semiseg.learning.learner import Learner
from napari_semiseg.learning.losses import Losses, cross_entropy, supervised_loss
from napari_semiseg.learning.pseudo_labels import PercentileFilter, PseudoLabels
from napari_semiseg.learning.reliability import keep_checkpoint
from napari_semiseg.learning.strong_views import TaughtTiles, strong_view
from napari_semiseg.learning.supervised import draw_tiles
from napari_semiseg.learning.teacher import evaluating
from napari_semiseg.segmentation.trust import apply_trust

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from napari_semiseg.learning.equipment import Equipment
    from napari_semiseg.learning.fixmatch_st_settings import (
        FixMatchSettings,
        FixMatchStSettings,
    )
    from napari_semiseg.learning.supervised import LabelledTiles


class LabelledStage:
    """Learns from the labelled tiles alone (SupOnly)."""

    name = "supervised"

    def __init__(
        self, equipment: Equipment, settings: FixMatchStSettings, n_steps: int
    ) -> None:
        self.equipment = equipment
        self.settings = settings
        self.n_steps = n_steps
        self.learner = Learner(equipment.network, settings.learner)
        self.optimizers = (self.learner.optimizer,)
        self.class_weights = equipment.class_weights(settings.labelled.class_weights)

    @property
    def predictor(self) -> nn.Module:
        """The network whose predictions count."""
        return self.learner.predictor

    @property
    def selection(self) -> tuple[float | None, ...] | None:
        """No unlabelled pixel is in this loss."""
        return None

    def rate(self, step: int) -> float:
        """By the schedule, over the stage."""
        return self.learner.rate(step / self.n_steps)

    @property
    def cost(self) -> tuple[int, int]:
        """Forward passes and samples through a network in one step."""
        return 1, self.equipment.batch(self.settings.supervised_batch)

    def losses(self, step: int) -> Losses:
        """``CE(f(W(x)), y)`` of one batch."""
        tiles = self.draw_labelled(self.settings.supervised_batch, smallest=2)
        return self.supervised(tiles)

    def supervised(self, tiles: LabelledTiles) -> Losses:
        """Weighted cross-entropy over the annotated pixels.

        Where objects have classes, that of the class head inside them is added.
        """
        tools = self.equipment
        logits, of_kinds = tools.outputs(tools.network, tiles.image)
        loss = supervised_loss(logits, tiles.target, self.class_weights)
        return Losses({"supervised": loss, **class_terms(of_kinds, tiles.kinds)})

    def draw_labelled(self, wanted: int, smallest: int = 1) -> LabelledTiles:
        """Labelled tiles under weak augmentation, and their targets."""
        labelled = self.settings.labelled
        return draw_tiles(
            self.equipment,
            self.equipment.batch(wanted, smallest),
            self.settings.boundary,
            labelled.geometry,
            labelled.intensity,
        )

    def after_step(self, step: int) -> None:
        """Let the mean follow; keep what ST++ compares later."""
        self.learner.follow(self.n_steps)
        if self.settings.self_training == "st++":
            keep_checkpoint(
                self.equipment.handed_on,
                self.predictor,
                (step + 1) / self.n_steps,
                self.settings.reliability.checkpoints,
            )

    def state(self) -> dict[str, Any]:
        """For a checkpoint, besides network and optimiser."""
        return self.learner.state()

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self.learner.load_state(state)


class FixMatchStage(LabelledStage):
    """Learns from labelled tiles and from its own confidence in unlabelled ones."""

    name = "fixmatch"

    def __init__(
        self, equipment: Equipment, settings: FixMatchStSettings, n_steps: int
    ) -> None:
        super().__init__(equipment, settings, n_steps)
        self.consistency = settings.fixmatch
        self.thresholds = Thresholds(equipment.n_classes, settings.fixmatch)
        self.kind_thresholds = Thresholds(equipment.n_kinds, settings.fixmatch)
        self.done = 0

    @property
    def warming_up(self) -> bool:
        """Whether it still learns from labelled tiles alone (Algorithm 1, line 1)."""
        return self.unlabelled_weight(self.done) == 0

    @property
    def selection(self) -> tuple[float | None, ...] | None:
        """From which confidence of each class the loss trusts a pixel now."""
        return None if self.warming_up else tuple(self.thresholds.values)

    @property
    def cost(self) -> tuple[int, int]:
        """Forward passes and samples through a network in one step."""
        tools, settings = self.equipment, self.consistency
        labelled = tools.batch(settings.labelled_batch, 1)
        if self.warming_up:
            return 1, labelled
        return 2, labelled + 2 * self.labelled_at_once

    @property
    def labelled_at_once(self) -> int:
        """Unlabelled tiles a step."""
        return self.equipment.batch(self.consistency.unlabelled_batch, 1)

    def losses(self, step: int) -> Losses:
        """``CE(f(x'), y) + w sum(M CE(f(u''), y_hat)) / sum(v)`` (Algorithm 1).

        Where objects have classes, the class head learns both likewise: inside the
        labelled objects, and inside the foreground that the network is sure of.
        """
        tiles = self.draw_labelled(self.consistency.labelled_batch)
        weight = self.unlabelled_weight(step)
        if not weight:
            return self.supervised(tiles)
        strong = self.draw_unlabelled()
        tools, n = self.equipment, len(tiles.image)
        logits, of_kinds = tools.outputs(
            tools.network, torch.cat([tiles.image, strong.image])
        )
        supervised = supervised_loss(logits[:n], tiles.target, self.class_weights)
        unsupervised = consistency_loss(logits[n:], strong)
        terms = {
            "supervised": supervised,
            "unsupervised": weight * unsupervised,
            **class_terms(of_kinds[:n], tiles.kinds),
            **taught_terms(of_kinds[n:], strong, weight),
        }
        return Losses(terms, strong.selected.sum() / strong.valid.sum().clamp_min(1))

    def draw_unlabelled(self) -> TaughtTiles:
        """Strong views ``u'' = S(u')``, with what the network says of ``u' = W(u)``."""
        tools, random = self.equipment, self.equipment.random
        drawn = tools.unlabelled.draw(self.labelled_at_once, random)
        turns = random.integers(symmetries.N_SYMMETRIES, len(drawn.image))
        weak, valid, trust = (
            symmetries.apply_each(plane, turns)
            for plane in (drawn.image, drawn.valid, drawn.trust)
        )
        pseudo = self.pseudo_labels(weak)
        self.thresholds.update(pseudo, valid)
        selected = self.select(pseudo.label, pseudo.confidence, trust) & valid
        kinds = self._taught(pseudo, selected, valid)
        taught = TaughtTiles(weak, pseudo.label, selected, valid, kinds)
        return strong_view(taught, drawn.numbers, self.consistency.strong, random)

    def _taught(
        self, pseudo: PseudoLabels, selected: Tensor, valid: Tensor
    ) -> Tensor | None:
        """Targets of the class head: confident kinds where the label is selected."""
        if pseudo.kinds is None:
            return None
        found = pseudo.kinds
        self.kind_thresholds.update(found, valid & (pseudo.label > 0))
        confident = self.kind_thresholds.select(found.label, found.confidence)
        return taught_kinds(pseudo.label, found.label, selected & confident)

    def class_probability(self, image: Tensor) -> Tensor:
        """``softmax f(u')``, in evaluation mode."""
        return self.all_probability(image)[:, : self.equipment.n_classes]

    def pseudo_labels(self, image: Tensor) -> PseudoLabels:
        """The most probable class of each pixel, and its probability."""
        with precision(self.equipment.device):
            return PseudoLabels.of(
                self.all_probability(image), self.equipment.n_classes
            )

    def all_probability(self, image: Tensor) -> Tensor:
        """The same, and behind it that of the objects' classes."""
        placed = place_images(image, self.equipment.device)
        with evaluating(self.predictor):
            return probabilities_of(self.predictor, placed)

    def select(self, label: Tensor, confidence: Tensor, trust: Tensor) -> Tensor:
        """``M = 1[c >= tau]``, bool ``(B, *S)``; a person's word on a pixel wins."""
        if self.warming_up:
            return torch.zeros_like(label, dtype=torch.bool)
        return apply_trust(self.thresholds.select(label, confidence), trust)

    def unlabelled_weight(self, step: int) -> float:
        """0 during the warm-up, then a linear rise."""
        settings = self.consistency
        first = settings.warm_up * self.n_steps
        if step < first:
            return 0.0
        rise = settings.ramp * self.n_steps
        return settings.unlabelled_weight * min(1.0, (step + 1 - first) / max(rise, 1))

    def after_step(self, step: int) -> None:
        """Count it, besides what every first stage does."""
        super().after_step(step)
        self.done = step + 1

    def state(self) -> dict[str, Any]:
        """For a checkpoint, besides network and optimiser."""
        return {
            "learner": self.learner.state(),
            "thresholds": self.thresholds.percentiles.state(),
            "kind_thresholds": self.kind_thresholds.percentiles.state(),
            "done": self.done,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self.learner.load_state(state["learner"])
        self.thresholds.percentiles.load_state(state["thresholds"])
        if "kind_thresholds" in state:  # Not so before objects had classes.
            self.kind_thresholds.percentiles.load_state(state["kind_thresholds"])
        self.done = state["done"]


def consistency_loss(logits: Tensor, taught: TaughtTiles) -> Tensor:
    """Cross-entropy of the selected pixels, divided by the number of all valid ones.

    Parameters
    ----------
    logits
        float ``(B, K, *S)`` of the strong views.
    taught
        The views, with their labels and masks.
    """
    error = cross_entropy(logits, taught.label) * taught.selected
    return error.sum() / taught.valid.sum().clamp_min(1)


class Thresholds:
    """From which confidence of each class a pseudo-label counts.

    FixMatch has one for all, ``tau``. A thin boundary is seldom that certain: all of it
    would be left out, and objects that touch be taught to merge. Class-wise,
    ``tau_c = min(tau, p_c)`` with ``p_c`` the running percentile of class c's own
    confidences: the more certain share of each class always counts.
    """

    def __init__(self, n_classes: int, settings: FixMatchSettings) -> None:
        self.settings = settings
        self.percentiles = PercentileFilter(
            n_classes,
            settings.quantile,
            settings.quantile_decay,
            bias_correction=True,
        )

    @property
    def values(self) -> Sequence[float]:
        """``tau_c`` of each class; ``tau`` of one not seen yet."""
        highest = self.settings.threshold
        return [
            highest if p is None else min(highest, p)
            for p in self.percentiles.thresholds
        ]

    def update(self, pseudo: PseudoLabels, valid: Tensor) -> None:
        """Take a batch's percentiles into the running mean; bool ``(B, *S)``."""
        if self.settings.class_wise:
            self.percentiles.update(pseudo, valid)

    def select(self, label: Tensor, confidence: Tensor) -> Tensor:
        """Mask of the confident pixels, bool of ``label``'s shape."""
        limits = torch.tensor(
            self.values, device=confidence.device, dtype=confidence.dtype
        )
        return confidence >= limits[label]
