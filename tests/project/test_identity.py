from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_semiseg.project import identity
from napari_semiseg.project.identity import content_hash, fingerprint

if TYPE_CHECKING:
    from napari_semiseg.geometry import Box


class Raw:
    """An image in memory, as it is in a file."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.shape = array.shape[1:]
        self.n_channels = array.shape[0]
        self.dtype = array.dtype

    def read(self, box: Box) -> np.ndarray:
        return self.array[(slice(None), *box.slices)]


@given(
    arrays.arrays(np.uint16, arrays.array_shapes(min_dims=3, max_dims=4, max_side=7)),
    st.integers(1, 200),
)
def test_the_height_of_the_slabs_changes_nothing(array: np.ndarray, size: int) -> None:
    whole = fingerprint(Raw(array))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identity, "_SLAB_BYTES", size)
        assert fingerprint(Raw(array)) == whole
        assert content_hash(Raw(array)) == whole.content_hash


def test_percentiles_are_those_of_numpy() -> None:
    array = np.random.default_rng(0).normal(size=(2, 50, 70)).astype(np.float32)
    low, high = np.percentile(array.reshape(2, -1), [1, 99.8], axis=1)
    marks = fingerprint(Raw(array))
    np.testing.assert_allclose(marks.low, low, rtol=1e-6)
    np.testing.assert_allclose(marks.high, high, rtol=1e-6)


def test_a_large_image_is_sampled_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "_SAMPLE_PIXELS", 1000)
    monkeypatch.setattr(identity, "_SLAB_BYTES", 3000)
    ramp = np.arange(100 * 200, dtype=np.uint16).reshape(1, 100, 200)
    marks = fingerprint(Raw(ramp))
    grid = ramp[0, ::5, ::5]
    assert (marks.low[0], marks.high[0]) == tuple(np.percentile(grid, [1, 99.8]))


@pytest.mark.parametrize(
    "other",
    [
        np.zeros((1, 4, 6), np.uint8),
        np.zeros((1, 6, 4), np.uint16),
        np.zeros((2, 4, 3), np.uint16),
        np.eye(4, 6, dtype=np.uint16)[None],
    ],
)
def test_shape_type_and_pixels_make_the_identity(other: np.ndarray) -> None:
    zeros = np.zeros((1, 4, 6), np.uint16)
    assert content_hash(Raw(zeros)) != content_hash(Raw(other))


def test_the_byte_order_of_the_file_is_no_part_of_it() -> None:
    array = np.arange(24, dtype="<u2").reshape(1, 4, 6)
    assert content_hash(Raw(array)) == content_hash(Raw(array.astype(">u2")))


def test_few_bright_spots_do_not_amplify_noise() -> None:
    array = np.zeros((1, 100, 100), np.uint16)
    array[0, 3, 3] = 500
    marks = fingerprint(Raw(array))
    assert (marks.low, marks.high) == ((0.0,), (500.0,))


def test_an_image_without_finite_pixels_has_a_range() -> None:
    marks = fingerprint(Raw(np.full((1, 3, 3), np.nan, np.float32)))
    assert (marks.low, marks.high) == ((0.0,), (0.0,))
