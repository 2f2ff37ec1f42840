"""Losses on the annotated or selected pixels of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from napari_semiseg.segmentation.classes import IGNORE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


@dataclass(frozen=True)
class Losses:
    """Named, already weighted terms of one step's loss, and the teacher's coverage."""

    terms: Mapping[str, Tensor]
    coverage: Tensor | None = None

    @property
    def total(self) -> Tensor:
        """What is minimised: the sum of the terms."""
        return torch.stack(list(self.terms.values())).sum()


def masked_mean(value: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean; 0 with a gradient when no pixel counts.

    Parameters
    ----------
    value, weight
        float ``(B, *S)``; weights may be boolean.
    """
    weight = weight.to(value.dtype)
    return (value * weight).sum() / weight.sum().clamp_min(1e-6)


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of every pixel, 0 where the target is ``IGNORE``.

    Parameters
    ----------
    logits
        float ``(B, K, *S)``.
    target
        int64 ``(B, *S)``.

    Returns
    -------
    Tensor
        float ``(B, *S)``. Never reduced here: torch's own mean is NaN on a batch in
        which every pixel is ignored.
    """
    return functional.cross_entropy(
        logits.float(), target, ignore_index=IGNORE, reduction="none"
    )


def supervised_loss(
    logits: Tensor,
    target: Tensor,
    class_weights: Tensor,
    weight: Tensor | float = 1.0,
) -> Tensor:
    """Cross-entropy over the annotated pixels, weighted by class (ACTIS 3.2, Eq. 6).

    Normalised by the sum of the weights, as a weighted mean is; the public code divides
    by the number of all pixels, ignored ones too. ``weight``, float ``(B, *S)``, is how
    much each pixel counts besides.
    """
    return masked_mean(
        cross_entropy(logits, target), pixel_weights(target, class_weights) * weight
    )


def dice_loss(logits: Tensor, target: Tensor, weight: Tensor | float = 1.0) -> Tensor:
    """``1 - 2 |p y| / (|p| + |y|)``, the mean over the classes that the target holds.

    Soft Dice over the annotated pixels of the whole batch (V-Net, Milletari et al.
    2016, without its squares). A class that nobody has labelled there is left out: its
    loss would be 1 whatever is predicted. 0 with a gradient when no pixel is known.

    Parameters
    ----------
    logits
        float ``(B, K, *S)``.
    target
        int64 ``(B, *S)``, ``IGNORE`` where unknown.
    weight
        float ``(B, *S)``: how much each pixel counts.
    """
    known = target != IGNORE
    n_classes = logits.shape[1]
    truth = functional.one_hot(target.where(known, 0), n_classes).movedim(-1, 1)
    counts = (known * weight)[:, None]
    truth = truth * counts
    p = logits.float().softmax(1) * counts
    over = [0, *range(2, logits.ndim)]
    of_class = truth.sum(over)
    dice = 2 * (p * truth).sum(over) / (p.sum(over) + of_class).clamp_min(1e-6)
    return masked_mean(1 - dice, of_class > 0)


def pixel_weights(target: Tensor, class_weights: Tensor) -> Tensor:
    """Weight of each pixel's class, 0 where ignored; float of ``target``'s shape."""
    known = target != IGNORE
    return class_weights[target.where(known, 0)] * known
