from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from napari_semiseg.geometry import ArraySource, Box
from napari_semiseg.learning.model import ModelCard
from napari_semiseg.learning.network_settings import NetworkSettings
from napari_semiseg.prediction.rescale import (
    RescaledSource,
    rescale_factors,
    warn_pixel_size,
)


def card(pixel_size: tuple[float, ...] | None, unit: str = "um") -> ModelCard:
    return ModelCard(
        network=NetworkSettings(),
        n_channels=1,
        n_classes=3,
        pixel_size=pixel_size,
        pixel_unit=unit,
    )


def image(height: int, width: int) -> ArraySource:
    rng = np.random.default_rng(height * width)
    return ArraySource(rng.random((2, height, width), dtype=np.float32))


@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.tuples(st.floats(0.3, 3), st.floats(0.3, 3)),
    st.tuples(st.integers(0, 100), st.integers(0, 100)),
)
def test_a_pixel_is_the_same_in_every_box(
    shape: tuple[int, int], factors: tuple[float, float], corner: tuple[int, int]
) -> None:
    source = RescaledSource(image(*shape), factors)
    origin = tuple(c % s for c, s in zip(corner, source.shape, strict=True))
    box = Box(origin, (3, 5)).clip(source.shape)
    whole = source.read(Box.whole(source.shape))
    assert whole.shape == (2, *source.shape)
    assert whole.dtype == np.float32
    np.testing.assert_array_equal(source.read(box), whole[(slice(None), *box.slices)])


def test_enlarging_interpolates_as_scipy_does() -> None:
    picture = image(7, 9)
    source = RescaledSource(picture, (2.0, 3.0))
    expected = ndimage.zoom(
        picture.array, (1, 2, 3), order=1, mode="nearest", grid_mode=True
    )
    np.testing.assert_allclose(
        source.read(Box.whole(source.shape)), expected, atol=1e-6
    )


def test_shrinking_averages_instead_of_skipping() -> None:
    checkers = np.indices((64, 64)).sum(0)[None] % 2
    source = RescaledSource(ArraySource(checkers.astype(np.float32)), (0.25, 0.25))
    shrunk = source.read(Box.whole(source.shape))
    assert shrunk.shape == (1, 16, 16)
    np.testing.assert_allclose(shrunk[:, 1:-1, 1:-1], 0.5, atol=1e-6)


def test_brightness_is_kept() -> None:
    flat = ArraySource(np.full((1, 13, 17), 0.7, np.float32))
    for factor in (0.37, 1.9):
        source = RescaledSource(flat, (factor, factor))
        whole = source.read(Box.whole(source.shape))
        np.testing.assert_allclose(whole, 0.7, atol=1e-6)


def test_larger_pixels_than_the_models_ask_for_enlargement() -> None:
    assert rescale_factors(card((0.25, 0.25)), (0.5, 0.5), "um") == (2, 2)
    assert rescale_factors(card((0.25, 0.25)), (0.125, 0.25), "um") == (0.5, 1)


def test_nearly_equal_pixel_sizes_give_no_warning() -> None:
    assert warn_pixel_size(card((0.5, 0.5)), (0.5, 0.55), "um") is None


def test_unequal_pixel_sizes_are_told_with_the_remedy() -> None:
    sentence = warn_pixel_size(card((0.25, 0.25)), (0.5, 0.5), "um")
    assert sentence is not None
    assert "0.5 x 0.5 um" in sentence
    assert "0.25 x 0.25 um" in sentence
    assert "Rescale the image by 2 x 2" in sentence


@pytest.mark.parametrize(
    ("model_size", "size", "unit"),
    [
        (None, (1.0, 1.0), "um"),
        ((1.0, 1.0), None, "um"),
        ((1.0, 1.0), (9.0, 9.0), "pixel"),
        ((1.0, 1.0), (9.0, 9.0), "nm"),
        ((1.0, 1.0), (9.0, 9.0), None),
        ((1.0, 1.0, 1.0), (9.0, 9.0), "um"),
    ],
)
def test_unknown_sizes_give_no_warning(
    model_size: tuple[float, ...] | None,
    size: tuple[float, ...] | None,
    unit: str | None,
) -> None:
    assert warn_pixel_size(card(model_size), size, unit) is None
