"""Whether a ranking of images agrees with the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from benchmark_examples import example

from napari_semiseg.api.benchmarking.ranked import (
    measure_reliability,
    summarise_reliability,
)
from napari_semiseg.geometry import Box
from napari_semiseg.learning.methods import make_settings
from napari_semiseg.learning.training import Training
from napari_semiseg.learning.training_set import (
    LabelledTile,
    TrainingSet,
    UnlabelledImage,
)

if TYPE_CHECKING:
    from napari_semiseg.learning.report import ImageReliability


def test_a_ranking_that_is_right_correlates() -> None:
    measured = [
        {"image": str(n), "reliability": n / 10, "mean_iou": n / 20} for n in range(10)
    ]
    unranked = {"image": "none", "reliability": None, "mean_iou": 1.0}

    (found,) = summarise_reliability([[unranked, *reversed(measured)]])

    assert found["n"] == 10
    assert found["rho"] == pytest.approx(1)
    assert found["p"] < 0.05
    np.testing.assert_allclose(found["parts"], [0.025, 0.125, 0.225, 0.325, 0.425])


def test_too_few_images_say_nothing() -> None:
    assert summarise_reliability([[], []]) == []


@pytest.mark.slow
def test_pseudo_masks_are_compared_when_they_are_ranked() -> None:
    pool = [example(seed) for seed in range(4)]
    truth = pool[0].truth
    tiles = (
        LabelledTile(pool[0].source.read(Box.whole(truth.shape)), truth, truth >= 0),
    )
    images = tuple(UnlabelledImage(one.source, one.name) for one in pool)
    settings = make_settings(
        "fixmatch-st",
        changes={
            "steps": 6,
            "self_training": "st++",
            "tile_size": 32,
            "network": {"encoder": "mobilenet_v2", "weights": "none"},
        },
    )
    training = Training(TrainingSet(tiles, images), settings, device="cpu")

    ranking: tuple[ImageReliability, ...] = ()
    for report in training:
        if report.reliability:
            ranking = report.reliability
            found = measure_reliability(training, ranking, pool)

    assert {one["image"] for one in found} == {one.image_id for one in ranking}
    assert all(0 <= one["mean_iou"] <= 1 for one in found)
