from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import ArraySource, Box
from napari_semiseg.learning.network_settings import NetworkSettings
from napari_semiseg.learning.networks import build_network
from napari_semiseg.prediction.predict import (
    PredictionStoppedError,
    predict_probability,
    read_tile,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    Forward = Callable[[Tensor], Tensor]


def random_image(shape: tuple[int, ...], n_channels: int = 1) -> ArraySource:
    rng = np.random.default_rng(sum(shape))
    return ArraySource(rng.random((n_channels, *shape), dtype=np.float32))


def pixelwise(images: Tensor) -> Tensor:
    """Probabilities that depend on nothing but the pixel itself."""
    return torch.cat([images[:, :1], 1 - images[:, :1]], dim=1)


def of_tile(images: Tensor) -> Tensor:
    """Probabilities that depend on the whole tile, as squeeze-and-excite's do."""
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return mean.expand(-1, 2, *images.shape[2:])


@pytest.fixture(scope="module")
def unet() -> Forward:
    settings = NetworkSettings(encoder="resnet18", weights="none")
    network, _ = build_network(settings, 1, 3)
    network.eval()

    return lambda images: network(images).softmax(dim=1)


@given(
    st.tuples(st.integers(1, 150), st.integers(1, 150)),
    st.sampled_from([(32, 0), (64, 16), (96, 32)]),
    st.integers(1, 5),
)
def test_any_size_is_put_together_again(
    shape: tuple[int, int], grid: tuple[int, int], batch: int
) -> None:
    image = random_image(shape)
    tile, margin = grid
    result = predict_probability(
        pixelwise, image, tile=tile, margin=margin, batch=batch
    )
    assert result.shape == (2, *shape)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result[0], image.array[0], atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (17, 300), (33, 95)])
def test_sizes_no_network_likes(unet: Forward, shape: tuple[int, int]) -> None:
    result = predict_probability(unet, random_image(shape), tile=64, margin=16)
    assert result.shape == (3, *shape)
    np.testing.assert_allclose(result.sum(0), 1, atol=1e-5)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(
    "region",
    [
        Box((0, 0), (150, 180)),
        Box((37, 61), (50, 41)),
        Box((149, 179), (1, 1)),
        Box((64, 0), (64, 180)),
    ],
)
def test_a_region_alone_equals_the_region_of_the_whole(
    unet: Forward, region: Box, batch: int
) -> None:
    image = random_image((150, 180))

    def predict(region: Box | None) -> NDArray[np.float32]:
        return predict_probability(
            unet, image, region=region, tile=96, margin=16, batch=batch
        )

    whole = predict(None)[(slice(None), *region.slices)]
    np.testing.assert_array_equal(predict(region), whole)


@given(
    st.tuples(st.integers(0, 149), st.integers(0, 149)),
    st.tuples(st.integers(1, 150), st.integers(1, 150)),
)
def test_any_region_equals_that_of_the_whole_even_if_tiles_see_all_of_themselves(
    origin: tuple[int, int], size: tuple[int, int]
) -> None:
    image = random_image((150, 150))
    region = Box(origin, size).clip(image.shape)
    whole = predict_probability(of_tile, image, tile=64, margin=16)
    part = predict_probability(of_tile, image, region=region, tile=64, margin=16)
    np.testing.assert_array_equal(part, whole[(slice(None), *region.slices)])


def test_the_tile_size_changes_nothing_at_margins_of_the_receptive_field(
    unet: Forward,
) -> None:
    image = random_image((896, 128))
    inner = (slice(None), slice(64, -64))

    def predict(tile: int, margin: int) -> NDArray[np.float32]:
        return predict_probability(unet, image, tile=tile, margin=margin)[inner]

    one_tile = predict(896, 0)
    assert one_tile.std() > 0.2  # The probabilities say something.
    assert np.abs(predict(576, 256) - one_tile).max() < 1e-3
    # Without the margin it would: the test can fail.
    assert np.abs(predict(256, 0) - one_tile).max() > 0.1


def test_predicting_draws_no_random_numbers(unet: Forward) -> None:
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    predict_probability(unet, random_image((40, 40)), tile=32, margin=0)
    assert torch.equal(torch.get_rng_state(), torch_state)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)


def test_the_result_may_be_a_file(tmp_path: Path) -> None:
    image = random_image((70, 50))
    path = tmp_path / "probability.npy"
    out = np.lib.format.open_memmap(path, "w+", np.dtype(np.float32), (2, 70, 50))
    out[...] = 7  # What was there before does not count.
    result = predict_probability(pixelwise, image, tile=32, margin=0, out=out)
    assert result is out
    out.flush()
    np.testing.assert_allclose(np.load(path)[0], image.array[0], atol=1e-6)


def test_progress_counts_tiles_not_the_filling_of_the_last_batch() -> None:
    seen: list[tuple[int, int]] = []
    batches: list[int] = []

    def forward(images: Tensor) -> Tensor:
        batches.append(len(images))
        return pixelwise(images)

    predict_probability(
        forward,
        random_image((64, 64)),
        tile=32,
        margin=0,
        batch=3,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(3, 4), (4, 4)]
    assert batches == [3, 3]


def test_a_prediction_can_be_stopped() -> None:
    answers = iter([False, True])
    with pytest.raises(PredictionStoppedError):
        predict_probability(
            pixelwise,
            random_image((64, 64)),
            tile=32,
            margin=0,
            should_stop=lambda: next(answers),
        )


@pytest.mark.parametrize("region", [Box((0, 0), (0, 4)), Box((0,), (4,))])
def test_an_empty_region(region: Box) -> None:
    with pytest.raises(SemisegError, match="empty"):
        predict_probability(pixelwise, random_image((9, 9)), region=region)


@pytest.mark.parametrize("region", [Box((-1, 0), (4, 4)), Box((8, 8), (2, 1))])
def test_a_region_outside_of_the_image(region: Box) -> None:
    with pytest.raises(SemisegError, match="9 x 9 pixels"):
        predict_probability(pixelwise, random_image((9, 9)), region=region)


def test_tiles_behind_the_image_are_mirrored_or_repeat_the_last_pixel() -> None:
    image = random_image((40, 3), n_channels=2)
    pixels = read_tile(image, Box((0, 0), (64, 32)))
    mirrored = np.pad(image.array, [(0, 0), (0, 24), (0, 0)], mode="reflect")
    expected = np.pad(mirrored, [(0, 0), (0, 0), (0, 29)], mode="edge")
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_predicts_as_a_cpu_does(unet: Forward) -> None:
    settings = NetworkSettings(encoder="resnet18", weights="none")
    network, _ = build_network(settings, 1, 3)
    network.eval().cuda()
    image = random_image((100, 70))

    def forward(images: Tensor) -> Tensor:
        return network(images).softmax(dim=1)

    cuda = torch.device("cuda")
    result = predict_probability(forward, image, tile=64, margin=16, device=cuda)
    expected = predict_probability(unet, image, tile=64, margin=16)
    np.testing.assert_allclose(result, expected, atol=1e-2)
