from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import ArraySource, Box
from napari_semiseg.learning.model import Model, ModelCard
from napari_semiseg.learning.network_settings import NetworkSettings
from napari_semiseg.learning.networks import SegmentationNetwork
from napari_semiseg.prediction.predictor import Predictor

if TYPE_CHECKING:
    from torch import Tensor


class Threshold(nn.Module):
    """Bright pixels are interior, all others background."""

    def forward(self, image: Tensor) -> Tensor:
        # The input is standardised: 0.5 of the image lies near 0.2 there.
        bright = (image[:, :1] - 0.2) * 40
        return torch.cat([-bright, bright, torch.full_like(bright, -9)], dim=1)


def predictor(
    n_channels: int = 1, body: nn.Module | None = None, **facts: Any
) -> Predictor:
    settings = NetworkSettings(encoder="mobilenet_v2", weights="none")
    network = SegmentationNetwork(body or Threshold(), settings, n_channels, 3)
    options: dict[str, Any] = {"tile_size": 64, "tile_margin": 16, **facts}
    card = ModelCard(network=settings, n_channels=n_channels, n_classes=3, **options)
    return Predictor(Model(network, card))


def two_squares() -> ArraySource:
    pixels = np.zeros((1, 90, 110), np.float32)
    pixels[0, 5:15, 5:15] = 1
    pixels[0, 50:80, 60:100] = 1
    return ArraySource(pixels)


def test_a_prediction_holds_all_there_is_to_say() -> None:
    prediction = predictor().predict(two_squares())
    truth = two_squares().array[0] > 0
    assert prediction.region == Box((0, 0), (90, 110))
    assert prediction.probability.shape == (3, 90, 110)
    assert prediction.instances.dtype == np.int32
    assert prediction.classes.dtype == np.uint8
    np.testing.assert_array_equal(prediction.instances > 0, truth)
    np.testing.assert_array_equal(prediction.classes == 1, truth)
    assert set(np.unique(prediction.instances)) == {0, 1, 2}
    np.testing.assert_array_equal(prediction.confidence, prediction.probability.max(0))


def test_a_region_holds_its_part() -> None:
    region = Box((40, 50), (50, 60))
    whole = predictor().probability(two_squares())
    prediction = predictor().predict(two_squares(), region)
    part = whole[(slice(None), *region.slices)]
    np.testing.assert_array_equal(prediction.probability, part)
    assert prediction.instances.max() == 1


def test_small_objects_are_dropped_by_the_models_rule() -> None:
    assert predictor(min_size=200).predict(two_squares()).instances.max() == 1


def test_the_models_thresholds_are_used() -> None:
    probability = np.zeros((3, 8, 8), np.float32)
    probability[1, 2:5, 2:5] = 0.5
    probability[0] = 1 - probability[1]
    assert predictor(thresholds=(0.4, 0.4)).instances(probability).max() == 1
    assert predictor(thresholds=(0.4, 0.6)).instances(probability).max() == 0


def test_semantic_models_give_connected_pieces() -> None:
    probability = np.zeros((3, 1, 6), np.float32)
    probability[[0, 1, 2, 2, 0, 1], 0, range(6)] = 1
    instances = predictor(task="semantic").instances(probability)
    assert len(np.unique(instances[instances > 0])) == 3
    assert instances[0, 2] == instances[0, 3] != instances[0, 1]


def test_the_wrong_number_of_channels_is_refused() -> None:
    rgb = ArraySource(np.zeros((3, 40, 40), np.float32))
    with pytest.raises(SemisegError, match=r"1 channel\(s\), but this one has 3"):
        predictor().probability(rgb)


@pytest.mark.parametrize("shape", [(1, 1), (17, 300)])
def test_tiny_and_thin_images(shape: tuple[int, int]) -> None:
    image = ArraySource(np.ones((1, *shape), np.float32))
    assert (predictor().predict(image).instances == 1).all()


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_rescaled_prediction_has_the_images_pixels(factor: float) -> None:
    image = two_squares()
    rescale = (factor, factor)
    prediction = predictor().predict(image, rescale=rescale)
    assert prediction.instances.shape == (90, 110)
    wrong = (prediction.instances > 0) != (image.array[0] > 0)
    assert wrong.mean() < 0.01
    region = Box((41, 53), (40, 50))
    np.testing.assert_array_equal(
        predictor().probability(image, region, rescale=rescale),
        prediction.probability[(slice(None), *region.slices)],
    )


def test_rescaled_predictions_can_be_written_to_a_file_too() -> None:
    out = np.empty((3, 90, 110), np.float32)
    result = predictor().probability(two_squares(), rescale=(2.0, 2.0), out=out)
    assert result is out


class OutOfMemory(Threshold):
    """Fails as a GPU does, when it is given more images than it can hold."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def forward(self, image: Tensor) -> Tensor:
        if len(image) > self.room:
            raise torch.OutOfMemoryError
        return super().forward(image)


def test_a_batch_too_large_for_the_memory_is_halved() -> None:
    cramped = predictor(body=OutOfMemory(2))
    cramped.batch = 8
    result = cramped.probability(two_squares())
    assert cramped.batch == 2
    np.testing.assert_allclose(
        result, predictor().probability(two_squares()), atol=1e-6
    )


def test_a_memory_too_small_for_one_tile() -> None:
    with pytest.raises(SemisegError, match="memory of the GPU is too small"):
        predictor(body=OutOfMemory(0)).probability(two_squares())


def test_predicting_draws_no_random_numbers() -> None:
    body = nn.Sequential(Threshold(), nn.Dropout(0.9))
    before = torch.get_rng_state()
    first, second = (predictor(body=body).probability(two_squares()) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(first, second)
