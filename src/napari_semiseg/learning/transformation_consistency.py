"""Consistency under transformations: a prediction must move along with its image.

Sources: Bortsova, Dubost, Hogeweg, Katramados, de Bruijne, "Semi-supervised medical
image segmentation via learning consistency under transformations" (MICCAI 2019), and
its reproduction by Malfliet and Bakker (2021), whose text is what we have.

Literal: one network; ``L_S + lambda L_C`` (Eq. 1); with ``sides="one"`` the batch
``[x, t(x)]`` with labels ``[y, t(y)]`` in one forward pass, with ``sides="two"`` both
views transformed and one prediction mapped onto the other (Fig. 1); the symmetric
divergence of Eq. 2; gradients through both predictions and through the map, no teacher
and no stopped gradient; on labelled and unlabelled images alike.

Reconstruction: lambda and its ramp, the elastic displacement (the original prints
neither), flips, the mask of pixels that both views show, and the weight of the
foreground. Departures of ``default`` from ``paper`` are fields of the settings.

Where the public code errs: it compares what a shift brings in from nowhere as if it
were image; it draws one rotation for all images of all epochs; it clips probabilities,
which makes one constant class an absorbing state (see :mod:`learning.divergence`); its
supervised loss is one-sided though the text says symmetric; and it reduces over the
last axis, which of a segmentation is a row of pixels, not the classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from napari_semiseg.learning import transformations
from napari_semiseg.learning.class_head import class_terms
from napari_semiseg.learning.devices import place_images
from napari_semiseg.learning.divergence import (
    clipped_kl,
    clipped_kl_to_labels,
    kl_to_labels,
    ramp_up,
    symmetric_kl,
)
from napari_semiseg.learning.losses import Losses, masked_mean, supervised_loss
from napari_semiseg.learning.paired_views import Pair, draw_pair
from napari_semiseg.learning.pseudo_labels import PseudoLabels
from napari_semiseg.learning.rates import cosine
from napari_semiseg.learning.running_mean import RunningMean
from napari_semiseg.learning.teacher import evaluating
from napari_semiseg.learning.validation import probability_forward
from napari_semiseg.segmentation.classes import IGNORE

if TYPE_CHECKING:
    from torch import Tensor, nn

    from napari_semiseg.learning.equipment import Equipment
    from napari_semiseg.learning.said import Said
    from napari_semiseg.learning.transformation_settings import (
        ConsistencySettings,
    )


class TransformationStage:
    """Learns labels, and that predictions of two views of a tile agree.

    ``weight`` is that of the consistency loss; 0: the supervised step of the paper,
    on labelled tiles alone. ``warm``: the network has learned before.
    """

    def __init__(
        self,
        equipment: Equipment,
        settings: ConsistencySettings,
        n_steps: int,
        *,
        weight: float,
        warm: bool,
    ) -> None:
        self.name = "consistency" if weight else "supervised"
        self.equipment = equipment
        self.boundary = settings.boundary
        self.settings = stage = settings.consistency
        self.n_steps = n_steps
        self.weight = weight
        self.class_weights = equipment.class_weights(stage.class_weights)
        self.first_rate = stage.warm_learning_rate if warm else stage.learning_rate
        optimizer = torch.optim.AdamW(
            equipment.network.parameters(),
            lr=self.first_rate,
            weight_decay=stage.weight_decay,
        )
        self.optimizers = (optimizer,)
        self.mean = RunningMean(equipment.network, stage.average_half_life)
        # Consistency alone has a trivial solution, so that labels must have come first.
        self.has_seen_labels = torch.tensor(warm, device=equipment.device)

    @property
    def predictor(self) -> nn.Module:
        """The network that predicts: the mean of the weights, if there is one."""
        return self.mean.predictor

    @property
    def selection(self) -> tuple[float, ...] | None:
        """All pixels of unlabelled images are in the consistency loss."""
        return (0.0,) * self.equipment.n_classes if self.weight else None

    def rate(self, step: int) -> float:
        """Cosine decay over the stage; constant where both ends are equal."""
        last = min(self.settings.final_learning_rate, self.first_rate)
        return cosine(self.first_rate, last, step / self.n_steps)

    @property
    def cost(self) -> tuple[int, int]:
        """Forward passes and samples through a network in one step."""
        settings = self.settings
        n = self.equipment.batch(settings.labelled_batch, 1)
        if self.weight:
            n += self.equipment.batch(settings.unlabelled_batch, 1)
        return 1, 2 * n

    def losses(self, step: int) -> Losses:
        """``L_S + lambda L_C`` of one batch (Eq. 1).

        Where objects have classes, the class head learns them of both views of the
        labelled tiles.
        """
        pair = self.draw_pair()
        logits, of_kinds = self.equipment.outputs(self.equipment.network, pair.image)
        first, second = logits.chunk(2)
        terms = {"supervised": self.supervised(logits, pair)}
        terms |= class_terms(of_kinds, pair.kinds, counts=pair.weight)
        self.has_seen_labels |= (pair.target != IGNORE).any()
        if not self.weight:
            return Losses(terms)
        divergence, compared = self.divergence(first, second, pair)
        share = self.weight * self.ramp(step) * self.has_seen_labels
        terms["consistency"] = share * divergence
        return Losses(terms, coverage=compared.float().mean())

    def supervised(self, logits: Tensor, pair: Pair) -> Tensor:
        """L_S over the pixels of both views that are known."""
        target, weight = pair.target, pair.weight
        known = (target != IGNORE) * weight
        if self.settings.divergence == "clipped":
            return masked_mean(clipped_kl_to_labels(logits, target), known)
        if self.settings.supervised_loss == "symmetric-kl":
            return masked_mean(kl_to_labels(logits, target), known)
        return supervised_loss(logits, target, self.class_weights, weight)

    def divergence(
        self, first: Tensor, second: Tensor, pair: Pair
    ) -> tuple[Tensor, Tensor]:
        """L_C between the mapped first prediction and the second, and where it counts.

        ``first`` and ``second`` are logits ``(B, K, *S)``.
        """
        p = transformations.warp_probability(first.softmax(1), pair.positions)
        q = second.softmax(1)
        compared = transformations.warp_mask(pair.first, pair.positions) & pair.second
        foreground = (1 - (p[:, 0] + q[:, 0]) / 2).detach()
        weight = (1 + self.settings.foreground_weight * foreground) * compared
        if self.settings.divergence == "clipped":
            error = (clipped_kl(p, q) + clipped_kl(q, p)) / 2
        else:
            error = symmetric_kl(p, q)
        return masked_mean(error, weight), compared

    def draw_pair(self) -> Pair:
        """Two views of labelled and, unless supervised, unlabelled tiles."""
        unlabelled = bool(self.weight)
        return draw_pair(self.equipment, self.settings, self.boundary, unlabelled)

    def ramp(self, step: int) -> float:
        """How much of its weight the consistency loss has by now."""
        rise = self.settings.ramp * self.n_steps
        return ramp_up((step + 1) / max(rise, 1.0))

    # -- what a watcher sees: no pseudo-label, but what the loss compares --------------

    @property
    def labelled_at_once(self) -> int:
        """Unlabelled tiles a step."""
        return self.equipment.batch(self.settings.unlabelled_batch, 1)

    def class_probability(self, image: Tensor) -> Tensor:
        """What the model predicts, float32 ``(B, K, *S)``."""
        device = self.equipment.device
        with evaluating(self.predictor):
            forward = probability_forward(self.predictor, device)
            return forward(place_images(image, device))

    def pseudo_labels(self, image: Tensor) -> PseudoLabels:
        """The predicted classes; no loss holds them to be true."""
        return PseudoLabels.of(self.class_probability(image))

    def select(self, label: Tensor, confidence: Tensor, said: Said) -> Tensor:
        """Pixels on which views shall agree, or that are known; bool ``(B, *S)``."""
        if not self.weight:
            return torch.zeros_like(label, dtype=torch.bool)
        return said.selected(torch.ones_like(said.ignored))

    # -- between steps -----------------------------------------------------------------

    def after_step(self, step: int) -> None:
        """Let the running mean follow."""
        self.mean.follow(self.n_steps)

    def state(self) -> dict[str, Any]:
        """For a checkpoint, besides network and optimiser."""
        seen = bool(self.has_seen_labels)
        return {"has_seen_labels": seen, **self.mean.state()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self.has_seen_labels.fill_(state["has_seen_labels"])
        self.mean.load_state(state)
