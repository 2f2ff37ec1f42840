"""Scores of an arm over seeds and images, and paired differences of arms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_semiseg.api.benchmarking.judging import OBJECT_SCORES
from napari_semiseg.segmentation.semantic import jaccard

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_RESAMPLES = 10_000
MAIN_SCORE = {"instances": "ap", "semantic": "mean_iou"}


class Score(Protocol):
    """A score of several seeds as a function of how often each test image counts."""

    def __call__(self, weights: Floats) -> Floats:
        """``(R, n_images)`` weights to ``(R, n_seeds)`` scores."""
        ...


@dataclass(frozen=True, eq=False)
class MeanScore:
    """Mean over images of scores ``(n_seeds, n_images)``."""

    values: Floats

    def __call__(self, weights: Floats) -> Floats:
        """See `Score`."""
        mean: Floats = weights @ self.values.T / weights.sum(1, keepdims=True)
        return mean


@dataclass(frozen=True, eq=False)
class ConfusionScore:
    """Intersection over union from one table of all images.

    ``tables`` ``(n_seeds, n_images, K, K)``; ``which``: of one class, None: the mean
    over the classes that occur, background included. A mean over images would be
    another number.
    """

    tables: Floats
    which: int | None = None

    def __call__(self, weights: Floats) -> Floats:
        """See `Score`."""
        summed = np.einsum("ri,sikl->rskl", weights, self.tables)
        hits = np.diagonal(summed, axis1=-2, axis2=-1)
        union = summed.sum(-1) + summed.sum(-2) - hits
        iou = np.divide(hits, union, out=np.full(hits.shape, np.nan), where=union > 0)
        found: Floats = (
            np.nanmean(iou, -1) if self.which is None else iou[..., self.which]
        )
        return found


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % interval, and for how many seeds it was above 0."""

    mean: float
    low: float
    high: float
    n_better: int
    n_seeds: int


def scores_of(
    results: Sequence[Mapping[str, Any]], classes: Sequence[str] | None
) -> dict[str, Score]:
    """Scores of results of several seeds, by name; the main one first.

    Parameters
    ----------
    results
        With ``images``: rows of `judging.score_test`, of the same images.
    classes
        Names without the background; None: of objects.
    """
    names = sorted(results[0]["images"])
    rows = [[result["images"][name] for name in names] for result in results]
    if classes is None:
        return {
            score: MeanScore(np.array([[row[score] for row in one] for one in rows]))
            for score in OBJECT_SCORES
        }
    tables = np.array([[row["confusion"] for row in one] for one in rows], float)
    of_classes = {
        f"iou {name}": ConfusionScore(tables, number)
        for number, name in enumerate(("background", *classes))
    }
    return {"mean_iou": ConfusionScore(tables), **of_classes}


def of_all(score: Score, n_images: int) -> Floats:
    """The score of each seed, every image counting once: ``(n_seeds,)``."""
    each: Floats = score(np.ones((1, n_images)))[0]
    return each


def image_value(row: Mapping[str, Any], score: str) -> float:
    """A score of one image by itself, for a table of images."""
    if score != "mean_iou":
        return float(row[score])
    values = jaccard(np.array(row["confusion"]))
    return float(np.nanmean(values)) if np.isfinite(values).any() else math.nan


def paired_interval(ours: Score, theirs: Score, n_images: int) -> Interval:
    """Interval of the difference of two arms, by a hierarchical bootstrap.

    Seeds are drawn with replacement, and images are; both are random choices of the
    experiment. The same images are tested by every seed and arm, so that one draw of
    them serves all.
    """
    rng = np.random.default_rng(0)
    difference = of_all(ours, n_images) - of_all(theirs, n_images)
    n_seeds = len(difference)
    chances = np.full(n_images, 1 / n_images)
    weights = rng.multinomial(n_images, chances, _RESAMPLES).astype(float)
    drawn = ours(weights) - theirs(weights)  # (R, n_seeds)
    seeds = rng.integers(n_seeds, size=(_RESAMPLES, n_seeds))
    means = np.take_along_axis(drawn, seeds, 1).mean(1)
    low, high = np.nanpercentile(means, (2.5, 97.5))
    return Interval(
        float(difference.mean()),
        float(low),
        float(high),
        int((difference > 0).sum()),
        n_seeds,
    )


def tiles_needed(curve: Sequence[tuple[int, float]], score: float) -> str:
    """How many labelled tiles a curve needs to reach a score, in words.

    Parameters
    ----------
    curve
        Number of tiles, rising, and score; between two points the score is taken to
        rise with the logarithm of the number.
    """
    before: tuple[int, float] | None = None
    for n, reached in curve:
        if reached >= score:
            return (
                f"<= {n}"
                if before is None
                else f"{_between(before, n, reached, score)}"
            )
        before = (n, reached)
    return f"> {curve[-1][0]}" if curve else ""


def _between(before: tuple[int, float], n: int, reached: float, score: float) -> int:
    share = (score - before[1]) / (reached - before[1])
    return math.ceil(math.exp(math.log(before[0]) + share * math.log(n / before[0])))
