"""How much better one model is than another on the same tiles, and how sure that is."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.runs.class_evaluation import ClassEvaluation
from napari_semiseg.segmentation.semantic import mean_iou

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari_semiseg.runs.evaluation import AnyEvaluation

    Row = Mapping[str, Any]

NOISE_RULE = (
    "The noise is the standard error of the difference over the tiles (jackknife: each "
    "tile left out once). A model replaces the one in use unless it is worse by more "
    "than that noise; with a single tile no noise is known, and any loss counts."
)
"""How the guard decides, for reports."""

_CLEARLY = 2  # Standard errors from which a difference is called one.


@dataclass(frozen=True)
class PairedDifference:
    """Scores of two models on the same tiles.

    Attributes
    ----------
    new, old
        Scores of the two, in [0, 1].
    noise
        Standard error of their difference; None with a single tile.
    n_tiles
        On how many tiles.
    """

    new: float
    old: float
    noise: float | None
    n_tiles: int

    @property
    def difference(self) -> float:
        """How much more the new one has."""
        return self.new - self.old

    @property
    def worse(self) -> bool:
        """Whether the new one is worse by more than the noise."""
        return self.difference < -(self.noise or 0)

    @property
    def clear(self) -> bool:
        """Whether the difference, in either direction, is hardly chance."""
        if self.noise is None:
            return False
        return abs(self.difference) > _CLEARLY * self.noise

    @property
    def noise_words(self) -> str:
        """The difference with its noise, for a sentence."""
        if self.noise is None:
            return f"difference {self.difference:+.3f}, noise unknown with one tile"
        return f"difference {self.difference:+.3f}, noise {self.noise:.3f}"

    def as_dict(self) -> dict[str, float | int | None]:
        """Ready for JSON."""
        return {
            "score": self.new,
            "against": self.old,
            "difference": self.difference,
            "noise": self.noise,
            "n_tiles": self.n_tiles,
        }


def paired_difference(new: AnyEvaluation, old: AnyEvaluation) -> PairedDifference:
    """Compare two evaluations of the same tiles, in the same order."""
    return compare_rows(_rows(new), _rows(old))


def paired_difference_of_scores(
    new: Mapping[str, Any], old: Mapping[str, Any]
) -> PairedDifference | None:
    """Compare the ``scores.json`` of two runs; None: not measured on the same tiles."""
    ours, theirs = new.get("tiles") or [], old.get("tiles") or []
    if not ours or [*map(place_of_row, ours)] != [*map(place_of_row, theirs)]:
        return None
    return compare_rows(ours, theirs)


def compare_rows(ours: Sequence[Row], theirs: Sequence[Row]) -> PairedDifference:
    """Compare the rows of the same tiles, in the same order."""

    def difference(numbers: Sequence[int]) -> float:
        mine = score_of_rows([ours[number] for number in numbers])
        return mine - score_of_rows([theirs[number] for number in numbers])

    return PairedDifference(
        score_of_rows(ours),
        score_of_rows(theirs),
        jackknife_error(difference, len(ours)),
        len(ours),
    )


def place_of_row(row: Row) -> tuple[Any, ...]:
    """Which tile of which image a row is about."""
    return row["image_id"], tuple(row["origin"]), tuple(row["size"])


def score_of_rows(rows: Sequence[Row]) -> float:
    """The score of tiles: mean precision x recall, or mean IoU of all pixels."""
    if "confusion" not in rows[0]:
        return statistics.fmean(row["ap_actis"] for row in rows)
    score = mean_iou(np.sum([row["confusion"] for row in rows], axis=0))
    return 0.0 if math.isnan(score) else float(score)


def jackknife_error(
    statistic: Callable[[Sequence[int]], float], n: int
) -> float | None:
    """Standard error of a statistic of ``n`` things; None of a single one.

    Of a mean it is the usual standard error, s / sqrt(n). (Efron and Stein, Annals of
    Statistics 9, 1981.)

    Parameters
    ----------
    statistic
        Of the things with these numbers.
    """
    if n < 2:
        return None
    left_out = [statistic([k for k in range(n) if k != gone]) for gone in range(n)]
    return math.sqrt((n - 1) * statistics.pvariance(left_out))


def _rows(evaluation: AnyEvaluation) -> list[Row]:
    if isinstance(evaluation, ClassEvaluation):
        return [{"confusion": table} for table in evaluation.tables]
    return [{"ap_actis": one.ap_actis} for one in evaluation.scores]
