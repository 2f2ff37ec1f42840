"""Scores, intervals and curves against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from napari_semiseg.api.benchmarking.confidence import N_BINS, calibration, tally
from napari_semiseg.api.benchmarking.statistics import (
    ConfusionScore,
    MeanScore,
    image_value,
    of_all,
    paired_interval,
    scores_of,
    tiles_needed,
)
from napari_semiseg.segmentation.semantic import mean_iou


def test_scores_of_images_are_averaged() -> None:
    score = MeanScore(np.array([[0.0, 1.0], [0.5, 0.7]]))

    np.testing.assert_allclose(of_all(score, 2), [0.5, 0.6])
    np.testing.assert_allclose(score(np.array([[0.0, 2.0]])), [[1.0, 0.7]])


def test_tables_are_added_before_they_are_scored() -> None:
    rng = np.random.default_rng(0)
    tables = rng.integers(0, 50, (2, 4, 3, 3)).astype(float)
    tables[1, :, 2], tables[1, :, :, 2] = 0, 0  # A class that does not occur.

    found = of_all(ConfusionScore(tables), 4)

    expected = [mean_iou(one.sum(0).astype(np.int64)) for one in tables]
    np.testing.assert_allclose(found, expected)
    assert np.isnan(of_all(ConfusionScore(tables, 2), 4)[1])
    twice = ConfusionScore(tables)(np.array([[2.0, 0, 0, 1]]))[0]
    expected = [mean_iou((2 * a[0] + a[3]).astype(np.int64)) for a in tables]
    np.testing.assert_allclose(twice, expected)


def test_results_become_scores() -> None:
    row = {
        "ap": 0.5,
        "s_dsb": 0.6,
        "f1": 0.7,
        "precision": 1,
        "recall": 1,
        "ap_mean": 0,
    }
    objects = [{"images": {"a": row, "b": {**row, "ap": 0.1}}}]
    table = [[8, 2, 0], [0, 5, 0], [0, 0, 5]]
    classes = [{"images": {"a": {"confusion": table}}}]

    assert next(iter(scores_of(objects, None))) == "ap"
    assert of_all(scores_of(objects, None)["ap"], 2) == pytest.approx([0.3])
    found = scores_of(classes, ("cytoplasm", "nucleus"))
    assert list(found) == ["mean_iou", "iou background", "iou cytoplasm", "iou nucleus"]
    assert of_all(found["iou cytoplasm"], 1) == pytest.approx([5 / 7])
    expected = (8 / 10 + 5 / 7 + 1) / 3
    assert image_value(classes[0]["images"]["a"], "mean_iou") == pytest.approx(expected)


def test_a_constant_difference_has_no_width() -> None:
    theirs = np.random.default_rng(0).uniform(size=(3, 20))

    found = paired_interval(MeanScore(theirs + 0.1), MeanScore(theirs), 20)

    assert (found.mean, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))
    assert (found.n_better, found.n_seeds) == (3, 3)


def test_the_interval_knows_both_kinds_of_chance() -> None:
    rng = np.random.default_rng(0)
    n_seeds, n_images = 8, 60
    of_seeds = rng.normal(0, 0.04, (n_seeds, 1))
    of_images = rng.normal(0, 0.2, (1, n_images))
    theirs = np.zeros((n_seeds, n_images))

    both = paired_interval(
        MeanScore(0.02 + of_seeds + of_images), MeanScore(theirs), n_images
    )
    images_alone = paired_interval(
        MeanScore(0.02 + of_images.repeat(n_seeds, 0)), MeanScore(theirs), n_images
    )

    # Independent parts: their variances add up.
    width = 2 * 1.96 * np.hypot(of_seeds.std() / 8**0.5, of_images.std() / 60**0.5)
    assert both.high - both.low == pytest.approx(width, rel=0.1)
    alone = 2 * 1.96 * of_images.std() / 60**0.5
    assert images_alone.high - images_alone.low == pytest.approx(alone, rel=0.1)


def test_tiles_needed_are_read_off_the_curve() -> None:
    curve = [(5, 0.6), (10, 0.7), (20, 0.8)]

    assert tiles_needed(curve, 0.5) == "<= 5"
    assert tiles_needed(curve, 0.7) == "10"
    assert tiles_needed(curve, 0.75) == "15"  # 10 * sqrt(2), rounded up.
    assert tiles_needed(curve, 0.9) == "> 20"
    assert tiles_needed([], 0.5) == ""


def test_confidence_is_counted_and_calibrated() -> None:
    label = np.array([0, 0, 1, 1, 1])
    confidence = np.array([0.95, 0.91, 0.62, 0.64, 1.0])
    selected = np.array([True, True, False, False, True])
    true = np.array([0, 1, 1, 1, 255])

    counted = tally(label, confidence, selected, true, 2)
    rows = calibration(
        dict(zip(("pixels", "correct", "confidence"), counted.tolist(), strict=True))
    )

    assert counted.shape == (3, 2, 2, N_BINS)
    assert counted[0].sum() == 4  # The pixel of unknown truth is left out.
    first, second = rows
    assert (first["class"], first["selected"], first["share"]) == (0, True, 0.5)
    assert (first["accuracy"], first["confidence"]) == pytest.approx((0.5, 0.93))
    assert first["calibration_error"] == pytest.approx(0.43)
    assert (second["class"], second["selected"]) == (1, False)
    assert second["calibration_error"] == pytest.approx(1 - 0.63)
