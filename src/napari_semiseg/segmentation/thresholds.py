"""The two thresholds of the watershed, chosen on tiles whose truth is known.

Few tiles hold few objects, and the best pair of a grid then owes much to chance. So the
rule `plateau` takes the middle of all pairs that are nearly as good, and moves it
towards 0.5 the more the fewer objects there were to judge by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from napari_semiseg.segmentation.matching import match
from napari_semiseg.segmentation.overlap import judged_only
from napari_semiseg.segmentation.watershed import (
    Form,
    Thresholds,
    instances_from_probability,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.floating[Any]]

Rule: TypeAlias = Literal["best", "plateau"]

GRID = tuple(float(value) for value in np.linspace(0.1, 0.99, 12))
"""Values that are tried for each threshold."""

PLATEAU_DEPTH = 0.01
"""Pairs whose score is this close to the best belong to the plateau."""

PRIOR_OBJECTS = 10
"""Weight of the prior 0.5: that of the evidence of so many objects."""

_PRIOR = 0.5


@dataclass(frozen=True, eq=False)
class LabelledTruth:
    """What is known about a tile.

    Attributes
    ----------
    instances
        int32 ``(*S)``: 0 no object, -1 ignore, ids >= 1.
    annotated
        bool ``(*S)``, where ``instances`` says what is there.
    """

    instances: NDArray[np.int32]
    annotated: NDArray[np.bool_]


@dataclass(frozen=True)
class ThresholdSearch:
    """Thresholds, and how they came about.

    Attributes
    ----------
    thresholds
        The chosen pair.
    score
        What the chosen pair scores: mean over the tiles of precision x recall at an
        IoU of 0.5.
    best_score
        The same for the best pair of the grid.
    plateau_size
        Number of pairs of the grid within `PLATEAU_DEPTH` of the best, of 144.
    n_objects
        Number of true objects that were judged.
    tuned_on
        What the tiles were ("validation tiles"); for the caller to fill.
    """

    thresholds: Thresholds
    score: float
    best_score: float
    plateau_size: int
    n_objects: int
    tuned_on: str = ""


def search_thresholds(
    probabilities: Sequence[Floats],
    truths: Sequence[LabelledTruth],
    *,
    form: Form = "components",
    min_size: int = 0,
    rule: Rule = "plateau",
) -> ThresholdSearch:
    """Choose the thresholds of the watershed by the objects of labelled tiles.

    All 12 x 12 pairs of `GRID` are tried, the two thresholds together and not one after
    the other. A score is the mean over the tiles of precision x recall at an IoU of
    0.5, on annotated pixels; predicted objects mostly outside of them are not judged.

    Parameters
    ----------
    probabilities
        One ``(3, *S)`` per tile: background, interior, boundary (softmax).
    truths
        What is known about each tile.
    form, min_size
        As in `instances_from_probability`; tune with what will be used.
    rule
        ``best``: the best pair, of equal ones that farthest from the grid's edge.
        ``plateau``: the mean of all pairs within `PLATEAU_DEPTH` of the best, or the
        member of that plateau nearest to it should the plateau be bent; then
        ``0.5 + w * (mean - 0.5)`` with ``w = n / (n + PRIOR_OBJECTS)`` for ``n`` judged
        objects.

    Returns
    -------
    ThresholdSearch
        Without any true object the rule `plateau` gives 0.5 for both.

    Raises
    ------
    ValueError
        Without tiles, or when tiles and truths do not belong together.
    """
    if not probabilities or len(probabilities) != len(truths):
        raise ValueError(
            f"Expected as many truths as probability maps, at least one; got "
            f"{len(truths)} and {len(probabilities)}."
        )
    if rule not in ("best", "plateau"):
        raise ValueError(f"No rule {rule!r}; choose 'best' or 'plateau'.")
    tiles = [
        _Tile(probability, truth, form, min_size)
        for probability, truth in zip(probabilities, truths, strict=True)
    ]
    n_objects = sum(tile.n_objects for tile in tiles)
    scores = np.array([[_mean_score(tiles, f, s) for s in GRID] for f in GRID])
    plateau = scores >= scores.max() - PLATEAU_DEPTH
    if rule == "best":
        chosen = _best_pair(scores)
    else:
        weight = n_objects / (n_objects + PRIOR_OBJECTS)
        middle = _middle(tiles, plateau, float(scores.max()))
        chosen = _PRIOR + weight * (middle - _PRIOR)
    foreground, seed = (float(value) for value in chosen)
    return ThresholdSearch(
        Thresholds(foreground, seed),
        _mean_score(tiles, foreground, seed),
        float(scores.max()),
        int(plateau.sum()),
        n_objects,
    )


class _Tile:
    """One tile and the scores of the pairs tried on it so far."""

    def __init__(
        self, probability: Floats, truth: LabelledTruth, form: Form, min_size: int
    ) -> None:
        if probability.shape[1:] != truth.instances.shape:
            raise ValueError(
                f"Probability and truth differ in shape: {probability.shape[1:]} "
                f"against {truth.instances.shape}."
            )
        precision = np.result_type(probability, np.float32)
        self.probability = probability.astype(precision, copy=False)
        self.truth = truth
        self.form: Form = form
        self.min_size = min_size
        known = truth.annotated & (truth.instances > 0)
        self.n_objects = len(np.unique(truth.instances[known]))
        self._foreground = np.sort(1 - self.probability[0], axis=None)
        self._interior = np.sort(self.probability[1], axis=None)
        self._scores: dict[tuple[int, int], float] = {}

    def score(self, thresholds: Thresholds) -> float:
        """Precision x recall at an IoU of 0.5."""
        # Masks above rising thresholds are nested: of equal size they are equal, and so
        # are the objects. A sure network needs a handful of watersheds, not 144.
        key = (
            _n_above(self._foreground, thresholds.foreground),
            _n_above(self._interior, thresholds.seed),
        )
        if key not in self._scores:
            self._scores[key] = self._compute(thresholds)
        return self._scores[key]

    def _compute(self, thresholds: Thresholds) -> float:
        found = instances_from_probability(
            self.probability, thresholds, min_size=self.min_size, form=self.form
        )
        judged = judged_only(found, self.truth.instances, self.truth.annotated)
        return match(*judged, iou=0.5).ap_actis


def _n_above(ascending: Floats, threshold: float) -> int:
    # In the array's own precision, as the comparison with the threshold has it.
    value = ascending.dtype.type(threshold)
    return len(ascending) - int(np.searchsorted(ascending, value, side="right"))


def _mean_score(tiles: Sequence[_Tile], foreground: float, seed: float) -> float:
    thresholds = Thresholds(foreground, seed)
    return float(np.mean([tile.score(thresholds) for tile in tiles]))


def _best_pair(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """The best pair; of equal ones the one farthest from the edge of the grid."""
    best = np.argwhere(scores >= scores.max() - 1e-12)
    to_edge = np.minimum(best, len(GRID) - 1 - best)
    nearest, other = to_edge.min(axis=1), to_edge.max(axis=1)
    row, column = best[np.lexsort((-other, -nearest))[0]]
    return np.array([GRID[row], GRID[column]])


def _middle(
    tiles: Sequence[_Tile], plateau: NDArray[np.bool_], best: float
) -> NDArray[np.float64]:
    """The mean of the pairs of a plateau, or its member nearest to the mean."""
    pairs = np.array(GRID)[np.argwhere(plateau)]  # (n, 2)
    mean: NDArray[np.float64] = pairs.mean(axis=0)
    if _mean_score(tiles, float(mean[0]), float(mean[1])) >= best - PLATEAU_DEPTH:
        return mean
    nearest: NDArray[np.float64] = pairs[((pairs - mean) ** 2).sum(axis=1).argmin()]
    return nearest
