"""Pseudo-labels and the mask of those pixels the loss trusts (ACTIS 3.1, Eqs. 2-4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from napari_semiseg.segmentation.selecting import FEWEST_PIXELS, MOST_PIXELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


@dataclass(frozen=True)
class PseudoLabels:
    """What the teacher says of a batch.

    Attributes
    ----------
    probability
        float32 ``(B, K, *S)``.
    label
        int64 ``(B, *S)``: most probable class.
    confidence
        float32 ``(B, *S)``: its probability.
    kinds
        The same of the objects' classes, from 0, where a head tells them apart; they
        mean something in the foreground alone.
    """

    probability: Tensor
    label: Tensor
    confidence: Tensor
    kinds: PseudoLabels | None = None

    @classmethod
    def of(cls, probability: Tensor, n_classes: int | None = None) -> PseudoLabels:
        """Hard labels of a probability map (ACTIS Eq. 2).

        Behind the first ``n_classes`` (None: all) are those of the objects' classes.
        """
        parts = probability[:, :n_classes]
        confidence, label = parts.max(1)
        several = parts.shape[1] < probability.shape[1]
        kinds = cls.of(probability[:, n_classes:]) if several else None
        return cls(parts, label, confidence, kinds)


def at_least(
    thresholds: Sequence[float | None], label: Tensor, confidence: Tensor
) -> Tensor:
    """Pixels whose confidence reaches the threshold of their class; None: never."""
    never = float("inf")
    of_classes = torch.tensor(
        [never if t is None else t for t in thresholds],
        device=confidence.device,
        dtype=confidence.dtype,
    )
    return confidence >= of_classes[label]


class PercentileFilter:
    """Keeps, of every class, the pixels above a running percentile of confidence.

    ``p_c`` is the k-quantile of the confidence of all pixels labelled c in the batch;
    its running mean is the threshold of class c (ACTIS 3.1). It starts at the first
    percentile seen. (The public code starts at 0.2, below the least possible confidence
    of three classes, and so lets everything pass for the first hundred updates; its
    schedule of k goes negative after 10,000 steps and stops with an error.)

    A class never seen selects nothing. ``>=`` instead of the paper's ``>``, so that a
    saturated confidence of exactly 1 is not the one that is dropped.
    """

    def __init__(
        self, n_classes: int, quantile: float, decay: float, *, bias_correction: bool
    ) -> None:
        self.quantile = quantile
        self.decay = decay
        self.bias_correction = bias_correction
        self.thresholds: list[float | None] = [None] * n_classes
        self._updates = [0] * n_classes

    def update(self, pseudo: PseudoLabels, valid: Tensor) -> None:
        """Take the percentiles of a batch into the running mean; bool ``(B, *S)``."""
        for c in range(len(self.thresholds)):
            confidence = pseudo.confidence[(pseudo.label == c) & valid]
            if len(confidence) < FEWEST_PIXELS:
                continue
            stride = -(-len(confidence) // MOST_PIXELS)
            observed = float(torch.quantile(confidence[::stride], self.quantile))
            self._follow(c, observed)

    def select(self, label: Tensor, confidence: Tensor) -> Tensor:
        """Mask of trusted pixels, bool of ``label``'s shape (ACTIS Eq. 4)."""
        return at_least(self.thresholds, label, confidence)

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"thresholds": list(self.thresholds), "updates": list(self._updates)}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self.thresholds = list(state["thresholds"])
        self._updates = list(state["updates"])

    def _follow(self, c: int, observed: float) -> None:
        before, n = self.thresholds[c], self._updates[c]
        self._updates[c] += 1
        if before is None:
            self.thresholds[c] = observed
            return
        decay = min(1 - 1 / (n + 1), self.decay) if self.bias_correction else self.decay
        self.thresholds[c] = decay * before + (1 - decay) * observed
