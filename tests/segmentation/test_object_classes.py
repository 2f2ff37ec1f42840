"""Votes and scores of objects of several classes, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_semiseg.segmentation.matching import Counts
from napari_semiseg.segmentation.object_classes import (
    class_of_pixels,
    score_object_classes,
    vote,
)

NAMES = ("healthy", "apoptotic")
TRUTH = np.array(
    [
        [1, 1, 0, 2, 2],
        [1, 1, 0, 2, 2],
        [0, 0, 0, 0, 0],
        [3, 3, 0, 4, 4],
        [3, 3, 0, 4, 4],
    ]
)


def test_the_largest_mean_probability_wins_not_the_most_pixels() -> None:
    instances = np.array([[7, 7, 7, 0, 9]])
    second = np.array([[0.4, 0.4, 0.9, 1.0, 0.1]])
    assert vote(instances, np.stack([1 - second, second])) == {7: 2, 9: 1}
    assert vote(instances, np.zeros((0, 1, 5))) == {}
    assert vote(np.zeros((1, 5), int), np.stack([1 - second, second])) == {}


def test_of_equal_classes_the_first_wins() -> None:
    assert vote(np.array([[-1, 1, 1]]), np.full((2, 1, 3), 0.5)) == {1: 1}


def test_pixels_of_objects_without_a_class_are_of_none() -> None:
    found = class_of_pixels(np.array([[-1, 0, 3, 70, 3]]), {3: 2})
    assert found.tolist() == [[0, 0, 2, 0, 2]]


def test_objects_are_counted_class_by_class() -> None:
    """Ids differ from the truth's: 11 is 1, 12 is 2, 13 is 3; nothing is 4."""
    predicted = np.where(TRUTH == 4, 0, np.where(TRUTH > 0, TRUTH + 10, 0))
    scores = score_object_classes(
        predicted,
        {11: 1, 12: 1, 13: 2},
        TRUTH,
        {1: 1, 2: 2, 3: 2, 4: 1},
        NAMES,
    )
    assert scores.counts == (Counts(1, 1, 1), Counts(1, 0, 1))
    assert scores.table.tolist() == [[0, 0, 0], [0, 1, 0], [0, 1, 1]]
    assert scores.accuracy == pytest.approx(2 / 3)
    assert scores.average_precision == {"healthy": 0.25, "apoptotic": 0.5}
    assert scores.mean["class_ap"] == pytest.approx(0.375)
    twice = scores + scores
    assert twice.counts[0] == Counts(2, 2, 2)
    assert twice.table.sum() == 6


def test_ignored_and_unknown_ground_does_not_count() -> None:
    truth = np.where(TRUTH == 2, -1, TRUTH)
    kinds = {1: 1, 2: 1, 3: 2, 4: 2}
    annotated = np.ones(TRUTH.shape, bool)
    annotated[3:, 3:] = False
    scores = score_object_classes(
        TRUTH, kinds, truth, kinds, NAMES, annotated=annotated
    )
    assert scores.counts == (Counts(1, 0, 0), Counts(1, 0, 0))


def test_without_objects_there_is_no_accuracy() -> None:
    nothing = np.zeros((4, 4), int)
    scores = score_object_classes(nothing, {}, nothing, {}, NAMES)
    assert math.isnan(scores.accuracy)
    assert scores.mean == {"class_ap": 1.0}
    missed = score_object_classes(nothing, {}, TRUTH[:4, :4], {1: 1}, NAMES)
    assert missed.average_precision == {"healthy": 0.0}
    assert "class_accuracy" not in missed.mean


def test_a_predicted_object_of_no_class_is_wrong_where_one_is_known() -> None:
    scores = score_object_classes(TRUTH, {1: 1}, TRUTH, {1: 1, 2: 2}, NAMES)
    assert scores.table[2, 0] == 1
    assert scores.accuracy == 0.5
    assert scores.counts[1] == Counts(0, 0, 1)
