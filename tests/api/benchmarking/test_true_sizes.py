"""The true sizes that the Oracle of a benchmark is told, and nobody else."""

from __future__ import annotations

import numpy as np
import pytest

from napari_semiseg.api.benchmarking.amounts import Amount
from napari_semiseg.api.benchmarking.drawing import Question, draw
from napari_semiseg.api.benchmarking.examples import Example
from napari_semiseg.api.benchmarking.true_sizes import TrueSizes
from napari_semiseg.geometry import ArraySource, Box

TRUTH = np.array([[0, 0, 1, 1], [0, 2, 2, -1]], np.int32)


def test_sizes_are_those_of_the_box() -> None:
    classes = TrueSizes(TRUTH, 3)
    assert classes.read(Box((0, 0), (2, 4))).tolist() == pytest.approx(
        [2 / 7, 2 / 7, 0]
    )
    assert classes.read(Box((0, 1), (2, 2))).tolist() == [0.25, 0.5, 0]


def test_objects_have_one_size_together() -> None:
    found = TrueSizes(TRUTH, None).read(Box((0, 0), (2, 4)))
    assert found.tolist() == pytest.approx([4 / 7])


def test_where_nothing_is_known_there_is_no_size() -> None:
    assert np.isnan(TrueSizes(TRUTH, 3).read(Box((1, 3), (1, 1)))).all()
    assert TrueSizes(TRUTH, None).read(Box((1, 3), (1, 1))).shape == (1,)


def test_unlabelled_images_of_a_benchmark_know_their_sizes() -> None:
    truth = np.zeros((40, 40), np.int32)
    truth[:10] = 3
    source = ArraySource(np.zeros((1, 40, 40), np.float32))
    pool = [Example(n, source, truth, n, n) for n in "abc"]
    drawn = draw(pool, "2", 0, Question(32, Amount.parse("0%")))
    (first, *_) = drawn.training_set.unlabelled
    assert first.sizes is not None
    assert first.sizes.read(Box((0, 0), (40, 40))).tolist() == [0.25]
