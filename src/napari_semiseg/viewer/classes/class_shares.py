"""How much the teacher sees of each class, and how sure it is; pure numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST = 512 * 512  # Pixels that are counted; of larger windows every second, third ...


class ClassShare(NamedTuple):
    """One class in what the teacher has looked at.

    Attributes
    ----------
    area
        Fraction of the pixels.
    confidence
        Mean over its pixels, 0 to 1; None: it has no pixel.
    kept
        Fraction of its pixels that the loss uses; None: it has no pixel.
    """

    area: float
    confidence: float | None
    kept: float | None


def class_shares(
    label: NDArray[np.uint8],
    confidence: NDArray[np.float32],
    selected: NDArray[np.bool_],
    known: NDArray[np.bool_],
    n_classes: int,
) -> tuple[ClassShare, ...]:
    """What the teacher sees of each class, the background first.

    Parameters
    ----------
    label, confidence, selected
        ``(*S)``, as in `Answer`.
    known
        bool ``(*S)``: where the teacher has looked.
    n_classes
        With the background.

    Returns
    -------
    tuple of ClassShare
        Empty when nothing is known.
    """
    step = max(1, int(np.ceil((label.size / _MOST) ** (1 / label.ndim))))
    every = (slice(None, None, step),) * label.ndim
    there = known[every]
    kinds = label[every][there]
    if not kinds.size:
        return ()
    n = np.bincount(kinds, minlength=n_classes)
    sure = np.bincount(kinds, confidence[every][there], minlength=n_classes)
    kept = np.bincount(kinds, selected[every][there], minlength=n_classes)
    return tuple(
        ClassShare(
            float(n[k] / kinds.size),
            float(sure[k] / n[k]) if n[k] else None,
            float(kept[k] / n[k]) if n[k] else None,
        )
        for k in range(n_classes)
    )
