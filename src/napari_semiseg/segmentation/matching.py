"""Objects found, invented and missed: the one-to-one matching and its scores.

Two definitions go by the name "average precision": TP / (TP + FP), as printed in the
paper of ACTIS, and precision x recall, which is what its tables and its code hold. Here
they are ``ap_printed`` and ``ap_actis``, and every score says which it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from napari_semiseg.segmentation.overlap import overlap, pair_up

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Integers: TypeAlias = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Counts:
    """Objects found, invented and missed, and the scores these numbers make.

    Without any object, true or predicted, every score is 1; with only true or only
    predicted objects every score is 0.

    Attributes
    ----------
    tp, fp, fn
        True positives, false positives, false negatives.
    """

    tp: int
    fp: int
    fn: int

    @property
    def precision(self) -> float:
        """TP / (TP + FP): the share of predicted objects that are true."""
        return self._share(self.tp + self.fp)

    @property
    def recall(self) -> float:
        """TP / (TP + FN): the share of true objects that were found."""
        return self._share(self.tp + self.fn)

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN), the harmonic mean of precision and recall."""
        return 2 * self.tp / (2 * self.tp + self.fp + self.fn) if self._any else 1.0

    @property
    def s_dsb(self) -> float:
        """TP / (TP + FP + FN), the score of the Data Science Bowl 2018."""
        return self._share(self.tp + self.fp + self.fn)

    @property
    def ap_printed(self) -> float:
        """Average precision as the paper of ACTIS prints it: the precision."""
        return self.precision

    @property
    def ap_actis(self) -> float:
        """Average precision as the code and tables of ACTIS have it: P x R."""
        return self.precision * self.recall

    @property
    def _any(self) -> bool:
        return self.tp + self.fp + self.fn > 0

    def _share(self, total: int) -> float:
        if not self._any:
            return 1.0
        return self.tp / total if total else 0.0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)


@dataclass(frozen=True)
class Matching(Counts):
    """Which predicted object is which true one.

    Attributes
    ----------
    pairs
        (predicted id, true id) of every match, by predicted id.
    ious
        Intersection over union of every pair.
    """

    pairs: tuple[tuple[int, int], ...] = ()
    ious: tuple[float, ...] = ()


def match(prediction: Integers, truth: Integers, iou: float = 0.5) -> Matching:
    """Match objects one to one where their overlap is at least ``iou``.

    As many pairs as possible are made, and among these the ones of largest summed IoU
    (an optimal assignment; at ``iou`` > 0.5 there is no choice).

    Parameters
    ----------
    prediction, truth
        ``(*S)``, integers: ids >= 1, everything else is background.
    iou
        Least intersection over union of a match, in (0, 1]; just this much is enough.

    Returns
    -------
    Matching
        Counts, pairs of ids and their IoU.

    Raises
    ------
    ValueError
        When the shapes differ, or ``iou`` is not in (0, 1].
    """
    if not 0 < iou <= 1:
        raise ValueError(f"The IoU threshold is {iou}; it must lie in (0, 1].")
    shared = overlap(prediction, truth)
    chosen = pair_up(shared, iou)
    pairs = tuple(
        (int(shared.predicted_ids[p]), int(shared.true_ids[t]))
        for p, t in zip(shared.row[chosen], shared.column[chosen], strict=True)
    )
    n_hits = len(chosen)
    return Matching(
        n_hits,
        len(shared.predicted_ids) - n_hits,
        len(shared.true_ids) - n_hits,
        pairs,
        tuple(shared.iou[chosen].tolist()),
    )
