from __future__ import annotations

import numpy as np
import pytest

from napari_semiseg.segmentation import thresholds as module
from napari_semiseg.segmentation.metrics import match
from napari_semiseg.segmentation.thresholds import (
    GRID,
    PLATEAU_DEPTH,
    PRIOR_OBJECTS,
    LabelledTruth,
    search_thresholds,
)
from napari_semiseg.segmentation.watershed import (
    Thresholds,
    instances_from_probability,
)


def discs(
    n: int, interior: float, foreground: float, rim: float = 0.0
) -> tuple[np.ndarray, LabelledTruth]:
    """``n`` discs of flat probability in a row; ``rim`` is that of the ground."""
    y, x = np.mgrid[:16, : 16 * n]
    inside = (y - 7.5) ** 2 + (x % 16 - 7.5) ** 2 < 30
    truth = np.where(inside, x // 16 + 1, 0).astype(np.int32)
    planes = np.empty((3, *truth.shape), np.float32)
    planes[0] = np.where(inside, 1 - foreground, 1 - rim)
    planes[1] = np.where(inside, interior, 0)
    planes[2] = 1 - planes[0] - planes[1]
    return planes, LabelledTruth(truth, np.ones(truth.shape, bool))


def score(planes: np.ndarray, truth: LabelledTruth, pair: Thresholds) -> float:
    return match(instances_from_probability(planes, pair), truth.instances).ap_actis


def test_grid_is_twelve_values() -> None:
    assert len(GRID) == 12
    assert (GRID[0], GRID[-1]) == pytest.approx((0.1, 0.99))


def test_plateau_takes_the_middle_and_moves_towards_one_half() -> None:
    # Right are foreground thresholds in [0.4, 0.9), seed thresholds below 0.85.
    planes, truth = discs(6, interior=0.85, foreground=0.9, rim=0.4)
    found = search_thresholds([planes], [truth])
    good_f = [t for t in GRID if 0.4 <= t < 0.9]
    good_s = [t for t in GRID if t < 0.85]
    weight = 6 / (6 + PRIOR_OBJECTS)
    assert found.best_score == found.score == 1
    assert found.plateau_size == len(good_f) * len(good_s)
    assert found.n_objects == 6
    expected = [0.5 + weight * (np.mean(good) - 0.5) for good in (good_f, good_s)]
    assert [found.thresholds.foreground, found.thresholds.seed] == pytest.approx(
        expected
    )


def test_the_more_objects_the_less_is_shrunk() -> None:
    far = []
    for n in (1, 4, 30):
        planes, truth = discs(n, interior=0.95, foreground=0.97, rim=0.85)
        found = search_thresholds([planes], [truth])
        far.append(found.thresholds.foreground)
    assert 0.5 < far[0] < far[1] < far[2] < 0.97


def test_best_is_the_best_pair_farthest_from_the_edge() -> None:
    planes, truth = discs(3, interior=0.99, foreground=1.0)
    found = search_thresholds([planes], [truth], rule="best")
    assert found.score == found.best_score == 1
    assert found.thresholds.foreground in GRID[5:7]
    assert found.thresholds.seed in GRID[5:7]


def test_18_search_is_over_pairs_not_one_threshold_after_the_other() -> None:
    """The public code fixes the seed threshold at 0.6 while it seeks the other.

    Here the objects' interior stays at 0.3: with seeds above 0.6 there is no object
    whatever the foreground, so that search learns nothing about it.
    """
    planes, truth = discs(4, interior=0.3, foreground=0.95, rim=0.6)
    at_fixed_seed = {score(planes, truth, Thresholds(f, 0.6)) for f in GRID}
    assert at_fixed_seed == {0.0}
    found = search_thresholds([planes], [truth], rule="best")
    assert found.best_score == found.score == 1
    assert found.thresholds.seed < 0.3
    assert found.thresholds.foreground > 0.6


def test_scores_are_those_of_the_whole_grid() -> None:
    rng = np.random.default_rng(0)
    planes, truth = discs(4, interior=0.6, foreground=0.8, rim=0.3)
    planes += rng.normal(0, 0.08, planes.shape).astype(np.float32)
    planes = np.clip(planes, 0.01, 1)
    planes /= planes.sum(axis=0)
    found = search_thresholds([planes], [truth])
    table = [score(planes, truth, Thresholds(f, s)) for f in GRID for s in GRID]
    assert found.best_score == max(table)
    near = np.array(table) >= max(table) - PLATEAU_DEPTH
    assert found.plateau_size == near.sum()
    assert found.score == score(planes, truth, found.thresholds)


def test_equal_masks_are_flooded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(*args: object, **options: object) -> np.ndarray:
        calls.append(args)
        return instances_from_probability(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "instances_from_probability", counted)
    planes, truth = discs(3, interior=0.8, foreground=0.9)
    search_thresholds([planes], [truth])
    assert len(calls) == 4  # Discs or nothing, seeds or none.


def test_bent_plateau_gives_one_of_its_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Good are the two arms of an L; the mean of the pairs lies between them."""

    def two_arms(tiles: object, foreground: float, seed: float) -> float:
        return float(foreground < 0.2 or seed < 0.2)

    monkeypatch.setattr(module, "_mean_score", two_arms)
    plateau = np.array([[f < 0.2 or s < 0.2 for s in GRID] for f in GRID])
    middle = module._middle([], plateau, 1.0)  # noqa: SLF001
    assert min(middle) < 0.2
    assert max(middle) < 0.5


def test_unannotated_ground_is_not_judged() -> None:
    planes, truth = discs(4, interior=0.8, foreground=0.9)
    erased = LabelledTruth(truth.instances.copy(), truth.annotated.copy())
    erased.instances[:, 32:] = 0
    erased.annotated[:, 32:] = False
    found = search_thresholds([planes], [erased], rule="best")
    assert found.best_score == 1
    assert found.n_objects == 2


def test_score_is_the_mean_over_tiles() -> None:
    planes, truth = discs(4, interior=0.8, foreground=0.9)
    nothing = LabelledTruth(np.zeros_like(truth.instances), truth.annotated)
    found = search_thresholds([planes, planes], [truth, nothing], rule="best")
    assert found.best_score == 0.5


def test_without_objects_both_are_one_half() -> None:
    planes, truth = discs(2, interior=0.0, foreground=0.1)
    nothing = LabelledTruth(np.zeros_like(truth.instances), truth.annotated)
    found = search_thresholds([planes], [nothing])
    assert found.thresholds == Thresholds(0.5, 0.5)
    assert found.n_objects == 0
    assert found.score == 1


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_precision_of_the_probabilities_does_not_matter(dtype: type) -> None:
    planes, truth = discs(3, interior=GRID[8], foreground=GRID[9], rim=GRID[2])
    found = search_thresholds([planes.astype(dtype)], [truth])
    assert found.best_score == 1


def test_form_and_size_are_tuned_with() -> None:
    planes, truth = discs(3, interior=0.8, foreground=0.9)
    assert search_thresholds([planes], [truth], form="mahotas").best_score == 1
    assert search_thresholds([planes], [truth], min_size=1000).best_score == 0


def test_arguments_must_fit() -> None:
    planes, truth = discs(2, interior=0.8, foreground=0.9)
    with pytest.raises(ValueError, match="as many truths"):
        search_thresholds([planes], [])
    with pytest.raises(ValueError, match="at least one"):
        search_thresholds([], [])
    with pytest.raises(ValueError, match="differ in shape"):
        search_thresholds([planes[:, :8]], [truth])
    with pytest.raises(ValueError, match="'best' or 'plateau'"):
        search_thresholds([planes], [truth], rule="worst")  # type: ignore[arg-type]
