from __future__ import annotations

import math
import statistics
from typing import Any

import numpy as np
import pytest

from napari_semiseg.runs.class_evaluation import ClassEvaluation
from napari_semiseg.runs.comparison import (
    PairedDifference,
    jackknife_error,
    paired_difference,
    paired_difference_of_scores,
)


def test_jackknife_of_a_mean_is_its_standard_error() -> None:
    values = [0.1, 0.5, 0.2, 0.9]
    found = jackknife_error(lambda kept: statistics.fmean(values[k] for k in kept), 4)
    assert found == pytest.approx(statistics.stdev(values) / math.sqrt(4))
    assert jackknife_error(lambda kept: 1.0, 1) is None


def test_classes_are_compared_by_their_pooled_table() -> None:
    perfect = np.array([[50, 0], [0, 50]])
    poor = np.array([[50, 0], [25, 25]])  # IoU 2/3 and 1/2.
    new = ClassEvaluation((perfect, perfect), ("background", "nucleus"))
    old = ClassEvaluation((poor, poor), ("background", "nucleus"))
    found = paired_difference(new, old)
    assert found.new == 1
    assert found.old == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert found.noise == pytest.approx(0)  # Both tiles say the same.
    assert found.clear
    assert not found.worse


@pytest.mark.parametrize(
    ("difference", "noise", "worse", "clear"),
    [
        (-0.05, 0.06, False, False),
        (-0.05, 0.04, True, False),
        (-0.05, 0.02, True, True),
        (0.05, 0.02, False, True),
        (-0.001, None, True, False),
        (0.5, None, False, False),
    ],
)
def test_what_counts_as_worse_and_as_clear(
    difference: float, noise: float | None, worse: bool, clear: bool
) -> None:
    found = PairedDifference(0.5 + difference, 0.5, noise, 3)
    assert (found.worse, found.clear) == (worse, clear)


def row(image: str, score: float) -> dict[str, Any]:
    return {"image_id": image, "origin": [0, 0], "size": [8, 8], "ap_actis": score}


def test_runs_are_compared_only_on_the_same_tiles() -> None:
    ours = {"tiles": [row("a", 0.9), row("b", 0.5)]}
    theirs = {"tiles": [row("a", 0.6), row("b", 0.4)]}
    found = paired_difference_of_scores(ours, theirs)
    assert found is not None
    assert found.difference == pytest.approx(0.2)
    assert found.noise == pytest.approx(0.1)  # 0.3 and 0.1.
    others = {"tiles": [row("a", 0.6), row("c", 0.4)]}
    assert paired_difference_of_scores(ours, others) is None
    assert paired_difference_of_scores({}, {}) is None
