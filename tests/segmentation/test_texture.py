from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_semiseg.segmentation.texture import shrink, standardise, texture

if TYPE_CHECKING:
    from numpy.typing import NDArray


def ground(noise: float = 0.02, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return rng.normal(0.2, noise, (1, 128, 128)).astype(np.float32)


def discs(step: float, pitch: int = 32) -> NDArray[np.float32]:
    """Discs of radius 8 that differ from the ground by ``step``."""
    y, x = np.indices((128, 128))
    inside = np.hypot(y % pitch - pitch // 2, x % pitch - pitch // 2) < 8
    return ground() + np.float32(step) * inside.astype(np.float32)


@pytest.mark.parametrize("step", [0.7, -0.7])
def test_objects_stand_out_bright_or_dark(step: float) -> None:
    assert texture(discs(step)).contrast > 10 * texture(ground()).contrast


def test_noise_is_no_content() -> None:
    assert texture(ground(noise=0.3)).contrast < texture(discs(0.3)).contrast
    assert texture(np.full((1, 64, 64), 0.5, np.float32)).contrast == 0


def test_more_objects_fill_a_tile_more() -> None:
    empty, few, many = (texture(one).filled for one in (ground(), few_(), discs(0.7)))
    assert empty == 0 < few < many <= 1


def few_() -> NDArray[np.float32]:
    return np.concatenate([discs(0.7)[:, :32], ground()[:, 32:]], axis=1)


def test_the_brightest_of_several_channels_counts() -> None:
    both = np.concatenate([ground(), discs(0.7)])
    assert texture(both).contrast == texture(discs(0.7)).contrast


def test_features_weigh_the_same() -> None:
    textures = [texture(discs(step)) for step in (0.2, 0.4, 0.6, -0.4)]
    scaled = standardise(textures)
    n_brightness = textures[0].n_brightness
    parts = scaled[:, :n_brightness], scaled[:, n_brightness:]
    for part in parts:
        varied = part.std(axis=0) > 0
        np.testing.assert_allclose(part.mean(axis=0), 0, atol=1e-9)
        expected = 1 / np.sqrt(part.shape[1])
        np.testing.assert_allclose(part.std(axis=0)[varied], expected)


def test_equal_tiles_have_no_distance() -> None:
    np.testing.assert_allclose(standardise([texture(discs(0.5))] * 3), 0, atol=1e-9)


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (600, 700)])
def test_any_size_has_a_texture(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).random((1, *shape), np.float32)
    found = texture(pixels)
    assert np.isfinite(found.features).all()
    assert found.features.shape == texture(discs(0.5)).features.shape


def test_shrinking_takes_means_of_whole_steps() -> None:
    row = np.array([[1, 3, 5, 7, 100]], np.float32)
    np.testing.assert_array_equal(shrink(row, 2, -1), [[2, 6]])
    assert shrink(row, 1, -1) is row
