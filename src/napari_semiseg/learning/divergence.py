"""Kullback-Leibler divergences between two predictions, and to labels.

Source: "Semi-supervised medical image segmentation via learning consistency under
transformations" (reproduction by Malfliet and Bakker, 2021), Eq. 2 made symmetric: half
of the divergence in either direction.

The public code clips probabilities to [1e-7, 1] (that of Keras). Once a true class has
less than that, its gradient is exactly 0, while a constant prediction is perfectly
consistent: training cannot leave it ("0.1 %" in the paper's table is chance, 10 %).
:func:`symmetric_kl` mixes in a uniform distribution instead, and
:func:`kl_to_labels` works on logits, so that a wrong label always pulls.
:func:`clipped_kl` is the published form, to show the collapse.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from torch.nn import functional

from napari_semiseg.segmentation.classes import IGNORE

if TYPE_CHECKING:
    from torch import Tensor

MIXED_IN = 1e-4
"""Share of the uniform distribution in each that is compared."""
CLIPPED_AT = 1e-7
"""Where Keras clips a probability."""


def symmetric_kl(p: Tensor, q: Tensor) -> Tensor:
    """``(KL(p || q) + KL(q || p)) / 2`` of every pixel, with gradients into both.

    Parameters
    ----------
    p, q
        float ``(B, K, *S)``, probabilities over K; a uniform distribution is mixed in.

    Returns
    -------
    Tensor
        float ``(B, *S)``; 0 where both are equal, and finite everywhere.
    """
    p, q = (_mixed(x) for x in (p, q))
    # Both directions together: (p - q) (log p - log q), half of it, summed over K.
    return ((p - q) * (p.log() - q.log())).sum(1) / 2


def clipped_kl(p: Tensor, q: Tensor) -> Tensor:
    """``KL(p || q)`` of every pixel as Keras computes it, without gradient if clipped.

    float ``(B, K, *S)`` to ``(B, *S)``.
    """
    p, q = (x.clamp(CLIPPED_AT, 1.0) for x in (p, q))
    return (p * (p / q).log()).sum(1)


def kl_to_labels(logits: Tensor, target: Tensor) -> Tensor:
    """Symmetric divergence of a prediction from smoothed labels, 0 where ignored.

    Parameters
    ----------
    logits
        float ``(B, K, *S)``.
    target
        int64 ``(B, *S)``, ``IGNORE`` where unknown.

    Returns
    -------
    Tensor
        float ``(B, *S)``. Labels hold `MIXED_IN` of the uniform distribution, else one
        direction would be infinite; logits are never clipped.
    """
    known = target != IGNORE
    labels = _mixed(_one_hot(target.where(known, 0), logits))
    log_p = logits.float().log_softmax(1)
    divergence = ((log_p.exp() - labels) * (log_p - labels.log())).sum(1) / 2
    return divergence * known


def clipped_kl_to_labels(logits: Tensor, target: Tensor) -> Tensor:
    """``KL(label || prediction)`` as the public code has it, 0 where ignored.

    Parameters as in :func:`kl_to_labels`. Of a class that the prediction gives less
    than `CLIPPED_AT` it is ``-log(CLIPPED_AT)`` = 16.1, without any gradient.
    """
    known = target != IGNORE
    labels = _one_hot(target.where(known, 0), logits)
    return clipped_kl(labels, logits.float().softmax(1)) * known


def ramp_up(t: float) -> float:
    """``exp(-5 (1 - t)^2)`` up to t = 1, 1 from there (Laine and Aila, 2017)."""
    return math.exp(-5.0 * (1.0 - min(1.0, t)) ** 2)


def _mixed(p: Tensor) -> Tensor:
    return p * (1 - MIXED_IN) + MIXED_IN / p.shape[1]


def _one_hot(target: Tensor, like: Tensor) -> Tensor:
    """float32 ``(B, K, *S)``."""
    return functional.one_hot(target, like.shape[1]).movedim(-1, 1).float()
