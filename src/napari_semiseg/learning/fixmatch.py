"""The first stage of FixMatch-ST with FixMatch: labelled and unlabelled tiles.

Source: Luu et al., Algorithm 1 and section 4.2. Labelled tiles under weak augmentation
are learned by cross-entropy, as in `labelled_stage`. The network predicts weak views of
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
from napari_semiseg.learning.filters import CappedFilter
from napari_semiseg.learning.labelled_stage import LabelledStage
from napari_semiseg.learning.losses import Losses, cross_entropy, supervised_loss
from napari_semiseg.learning.pseudo_labels import PseudoLabels
from napari_semiseg.learning.strong_views import TaughtTiles, covered, strong_view
from napari_semiseg.learning.supervised import labelled_losses
from napari_semiseg.learning.teacher import evaluating

if TYPE_CHECKING:
    from torch import Tensor

    from napari_semiseg.learning.equipment import Equipment
    from napari_semiseg.learning.fixmatch_st_settings import FixMatchStSettings
    from napari_semiseg.learning.said import Said


class FixMatchStage(LabelledStage):
    """Learns from labelled tiles and from its own confidence in unlabelled ones."""

    name = "fixmatch"

    def __init__(
        self, equipment: Equipment, settings: FixMatchStSettings, n_steps: int
    ) -> None:
        super().__init__(equipment, settings, n_steps)
        self.consistency = settings.fixmatch
        self.thresholds = CappedFilter(equipment.n_classes, settings.fixmatch)
        self.kind_thresholds = CappedFilter(equipment.n_kinds, settings.fixmatch)
        self.done = 0

    @property
    def warming_up(self) -> bool:
        """Whether it still learns from labelled tiles alone (Algorithm 1, line 1)."""
        return self.unlabelled_weight(self.done) == 0

    @property
    def selection(self) -> tuple[float | None, ...] | None:
        """From which confidence of each class the loss trusts a pixel now."""
        return None if self.warming_up else tuple(self.thresholds.thresholds)

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
            return labelled_losses(self.equipment, tiles, self.class_weights)
        strong = self.draw_unlabelled()
        tools, n = self.equipment, len(tiles.image)
        logits, of_kinds = tools.outputs(
            tools.network, torch.cat([tiles.image, strong.image])
        )
        supervised = supervised_loss(
            logits[:n], tiles.target, self.class_weights, tiles.weight
        )
        unsupervised = consistency_loss(logits[n:], strong)
        terms = {
            "supervised": supervised,
            "unsupervised": weight * unsupervised,
            **class_terms(of_kinds[:n], tiles.kinds, counts=tiles.weight),
            **taught_terms(of_kinds[n:], strong, weight),
        }
        return Losses(terms, covered(strong))

    def draw_unlabelled(self) -> TaughtTiles:
        """Strong views ``u'' = S(u')``, with what the network says of ``u' = W(u)``.

        Where a person has decided, their word stands in the place of the network's.
        """
        tools, random = self.equipment, self.equipment.random
        drawn = tools.unlabelled.draw(self.labelled_at_once, random)
        turns = random.integers(symmetries.N_SYMMETRIES, len(drawn.image))
        weak, valid = (
            symmetries.apply_each(plane, turns) for plane in (drawn.image, drawn.valid)
        )
        said = drawn.said.turned(turns)
        pseudo = self.pseudo_labels(weak)
        self.thresholds.update(pseudo, valid)
        selected = self.select(pseudo.label, pseudo.confidence, said) & valid
        kinds = self._taught(pseudo, said, selected, valid)
        label = said.label(pseudo.label)
        taught = TaughtTiles(weak, label, selected, valid, said.weight, kinds)
        return strong_view(taught, drawn.numbers, self.consistency.strong, random)

    def _taught(
        self, pseudo: PseudoLabels, said: Said, selected: Tensor, valid: Tensor
    ) -> Tensor | None:
        """Targets of the class head: confident kinds where the label is selected."""
        if pseudo.kinds is None:
            return None
        found = pseudo.kinds
        self.kind_thresholds.update(found, valid & (pseudo.label > 0))
        confident = self.kind_thresholds.select(found.label, found.confidence)
        label = said.label(pseudo.label)
        return said.kinds(taught_kinds(label, found.label, selected & confident))

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

    def select(self, label: Tensor, confidence: Tensor, said: Said) -> Tensor:
        """``M = 1[c >= tau]``, bool ``(B, *S)``; a person's word on a pixel wins."""
        if self.warming_up:
            return torch.zeros_like(label, dtype=torch.bool)
        return said.selected(self.thresholds.select(label, confidence))

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
            "thresholds": self.thresholds.state(),
            "kind_thresholds": self.kind_thresholds.state(),
            "done": self.done,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self.learner.load_state(state["learner"])
        self.thresholds.load_state(state["thresholds"])
        if "kind_thresholds" in state:  # Not so before objects had classes.
            self.kind_thresholds.load_state(state["kind_thresholds"])
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
    error = cross_entropy(logits, taught.label) * taught.selected * taught.weight
    return error.sum() / taught.valid.sum().clamp_min(1)
