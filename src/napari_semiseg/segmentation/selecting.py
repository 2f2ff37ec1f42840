"""Which pixels are confident enough to learn from: one limit, or a share of a class.

Methods that choose pixels of unlabelled images do it by ``confidence >= tau_c``, with
``tau_c`` one limit for all classes (FixMatch, Eq. 4), a percentile of the confidences
of class c (ACTIS 3.1), or the lower of both. Here is that rule for the pixels of one
image, so that another number can be tried on it without a training.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FEWEST_PIXELS = 32
"""A percentile of fewer is noise."""
MOST_PIXELS = 1_000_000
"""Enough for a percentile; older torch refuses 16.7 million."""

_NEVER = float("inf")  # No confidence reaches it.


@dataclass(frozen=True)
class Selecting:
    """``tau_c = min(limit, the percentile of class c)``.

    Attributes
    ----------
    limit
        Of the confidence, for all classes; None: there is none.
    left_out
        Share of the pixels of each class that is left out as least confident; None:
        no class has a percentile of its own. Of a class with fewer than 32 pixels
        nothing is known: the limit holds, or none of its pixels is kept.
    """

    limit: float | None = None
    left_out: float | None = None

    def thresholds(
        self,
        label: NDArray[np.uint8],
        confidence: NDArray[np.float32],
        n_classes: int,
        valid: NDArray[np.bool_] | None = None,
    ) -> tuple[float | None, ...]:
        """``tau_c`` of each class; None: none of its pixels is kept.

        Parameters
        ----------
        label, confidence
            ``(*S)``: the most probable class, and its probability.
        valid
            bool ``(*S)``: the pixels that count; None: all.
        """
        if self.left_out is None:
            return (0.0 if self.limit is None else self.limit,) * n_classes
        found = []
        for c in range(n_classes):
            of_class = label == c
            inside = confidence[of_class if valid is None else of_class & valid]
            seen = percentile(inside, self.left_out)
            known = [t for t in (self.limit, seen) if t is not None]
            found.append(min(known, default=None))
        return tuple(found)

    def select(
        self,
        label: NDArray[np.uint8],
        confidence: NDArray[np.float32],
        n_classes: int,
        valid: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.bool_]:
        """Mask of the pixels that are kept, bool ``(*S)``; see `thresholds`."""
        levels = self.thresholds(label, confidence, n_classes, valid)
        return at_least(levels, label, confidence)


def at_least(
    thresholds: Sequence[float | None],
    label: NDArray[np.uint8],
    confidence: NDArray[np.float32],
) -> NDArray[np.bool_]:
    """Pixels whose confidence reaches the threshold of their class; None: never."""
    of_classes = np.array([_NEVER if t is None else t for t in thresholds], np.float32)
    mask: NDArray[np.bool_] = confidence >= of_classes[label]
    return mask


def percentile(confidence: NDArray[np.float32], share: float) -> float | None:
    """The confidence below which a share of the pixels lies; None of too few pixels.

    In the arithmetic of torch, whose result a training uses: linear between two
    pixels, in single precision.
    """
    n = len(confidence)
    if n < FEWEST_PIXELS:
        return None
    taken = confidence[:: -(-n // MOST_PIXELS)]
    rank = np.float32(share) * np.float32(len(taken) - 1)
    below = int(np.floor(rank))
    above = min(below + 1, len(taken) - 1)
    ordered = np.partition(taken, (below, above))
    low, high, weight = ordered[below], ordered[above], rank - np.float32(below)
    if weight < np.float32(0.5):
        return float(low + weight * (high - low))
    return float(high - (high - low) * (np.float32(1) - weight))
