"""How well predicted objects, or predicted classes, agree with the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from napari_semiseg.segmentation.matching import Counts, Matching, match
from napari_semiseg.segmentation.overlap import (
    Overlap,
    judged_only,
    overlap,
    pair_up,
)
from napari_semiseg.segmentation.semantic import confusion, dice, jaccard, mean_iou

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Integers: TypeAlias = NDArray[np.integer[Any]]
    Mask: TypeAlias = NDArray[np.bool_]

__all__ = [
    "IOU_THRESHOLDS",
    "SCORE_NAMES",
    "Counts",
    "ImageScores",
    "Matching",
    "PooledScores",
    "confusion",
    "dice",
    "jaccard",
    "match",
    "mean_iou",
    "pool",
    "score_image",
]

IOU_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""The nine thresholds that the scores named ``..._mean`` are averaged over."""

_AT_HALF = IOU_THRESHOLDS.index(0.5)


@dataclass(frozen=True)
class ImageScores:
    """Scores of one image, or of several images pooled.

    Attributes
    ----------
    counts
        Matches at each of `IOU_THRESHOLDS`.
    false_merges
        Predicted objects that cover more than half of each of several true ones.
    false_splits
        True objects in which several predicted ones lie with more than half of each.
    missed
        True objects of which less than half is covered by predicted ones.
    spurious
        Predicted objects of which less than half lies on true ones.
    """

    counts: tuple[Counts, ...]
    false_merges: int = 0
    false_splits: int = 0
    missed: int = 0
    spurious: int = 0

    @property
    def at_half(self) -> Counts:
        """Matches at an IoU of 0.5."""
        return self.counts[_AT_HALF]

    @property
    def precision(self) -> float:
        """Precision at an IoU of 0.5."""
        return self.at_half.precision

    @property
    def recall(self) -> float:
        """Recall at an IoU of 0.5."""
        return self.at_half.recall

    @property
    def f1(self) -> float:
        """F1 at an IoU of 0.5."""
        return self.at_half.f1

    @property
    def s_dsb(self) -> float:
        """TP / (TP + FP + FN) at an IoU of 0.5."""
        return self.at_half.s_dsb

    @property
    def ap_printed(self) -> float:
        """Precision at an IoU of 0.5, the paper's printed definition of AP."""
        return self.at_half.ap_printed

    @property
    def ap_actis(self) -> float:
        """Precision x recall at an IoU of 0.5, as in the paper's tables."""
        return self.at_half.ap_actis

    @property
    def s_dsb_mean(self) -> float:
        """`s_dsb`, mean over IoU 0.1 to 0.9."""
        return float(np.mean([counts.s_dsb for counts in self.counts]))

    @property
    def ap_printed_mean(self) -> float:
        """`ap_printed`, mean over IoU 0.1 to 0.9."""
        return float(np.mean([counts.ap_printed for counts in self.counts]))

    @property
    def ap_actis_mean(self) -> float:
        """`ap_actis`, mean over IoU 0.1 to 0.9."""
        return float(np.mean([counts.ap_actis for counts in self.counts]))

    def as_dict(self) -> dict[str, float]:
        """Every score and number by its name, ready for JSON or a table."""
        return {name: getattr(self, name) for name in SCORE_NAMES} | {
            "tp": self.at_half.tp,
            "fp": self.at_half.fp,
            "fn": self.at_half.fn,
            "false_merges": self.false_merges,
            "false_splits": self.false_splits,
            "missed": self.missed,
            "spurious": self.spurious,
        }


SCORE_NAMES = (
    "precision",
    "recall",
    "f1",
    "s_dsb",
    "ap_printed",
    "ap_actis",
    "s_dsb_mean",
    "ap_printed_mean",
    "ap_actis_mean",
)
"""The scores of an image between 0 and 1; `pool` averages these."""


def score_image(
    prediction: Integers, truth: Integers, *, annotated: Mask | None = None
) -> ImageScores:
    """Score the objects of one image, or of the annotated part of one.

    Parameters
    ----------
    prediction
        ``(*S)``, integers: ids >= 1, everything else is background.
    truth
        ``(*S)``, integers: ids >= 1, 0 background, -1 ignore.
    annotated
        bool ``(*S)``, where ``truth`` says what is there; None: everywhere. Objects are
        compared inside ``annotated`` and outside the ignored pixels. Predicted objects
        with more than half of their pixels elsewhere are not judged.

    Returns
    -------
    ImageScores
        At an IoU of 0.5, and averaged over `IOU_THRESHOLDS`.
    """
    shared = overlap(*judged_only(prediction, truth, annotated))
    counts = []
    for iou in IOU_THRESHOLDS:
        hits = len(pair_up(shared, iou))
        n_predicted, n_true = len(shared.predicted_ids), len(shared.true_ids)
        counts.append(Counts(hits, n_predicted - hits, n_true - hits))
    return ImageScores(tuple(counts), *_mistakes(shared))


@dataclass(frozen=True)
class PooledScores:
    """Scores of several images.

    Attributes
    ----------
    mean
        Mean over the images of each of `SCORE_NAMES`; an image without objects weighs
        as much as any other.
    pooled
        The scores of all objects together, as if the images were one.
    n_images
        Number of images.
    """

    mean: dict[str, float]
    pooled: ImageScores
    n_images: int


def pool(scores: Sequence[ImageScores]) -> PooledScores:
    """Scores of several images: averaged, and with all objects counted together.

    Raises
    ------
    ValueError
        Without any image there is no score.
    """
    if not scores:
        raise ValueError("There is no image to score.")
    names = {
        name: float(np.mean([getattr(image, name) for image in scores]))
        for name in SCORE_NAMES
    }
    nothing = Counts(0, 0, 0)
    counts = tuple(
        sum(at_one, start=nothing)
        for at_one in zip(*(image.counts for image in scores), strict=True)
    )
    together = ImageScores(
        counts,
        sum(image.false_merges for image in scores),
        sum(image.false_splits for image in scores),
        sum(image.missed for image in scores),
        sum(image.spurious for image in scores),
    )
    return PooledScores(names, together, len(scores))


def _mistakes(shared: Overlap) -> tuple[int, int, int, int]:
    """Numbers of false merges, false splits, missed and spurious objects."""
    n_predicted, n_true = len(shared.predicted_ids), len(shared.true_ids)
    covers = 2 * shared.pixels > shared.true_size[shared.column]
    inside = 2 * shared.pixels > shared.predicted_size[shared.row]
    merged = np.bincount(shared.row[covers], minlength=n_predicted) > 1
    split = np.bincount(shared.column[inside], minlength=n_true) > 1
    found = np.bincount(shared.column, shared.pixels, minlength=n_true)
    backed = np.bincount(shared.row, shared.pixels, minlength=n_predicted)
    missed = 2 * found < shared.true_size
    spurious = 2 * backed < shared.predicted_size
    return int(merged.sum()), int(split.sum()), int(missed.sum()), int(spurious.sum())
