from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as arrays

from napari_semiseg.project.sources import normalise


def test_closed_form_without_clipping() -> None:
    raw = np.array([[[0, 100, 300, 1000]]], np.uint16)
    found = normalise(raw, (100.0,), (300.0,))
    np.testing.assert_allclose(found, [[[-0.5, 0, 1, 4.5]]])
    assert found.dtype == np.float32


def test_each_channel_by_its_own_percentiles() -> None:
    raw = np.ones((2, 1, 1), np.float64) * 30
    found = normalise(raw, (10.0, 20.0), (20.0, 40.0))
    np.testing.assert_allclose(found.ravel(), [2, 0.5])


@pytest.mark.parametrize("value", [0, 7, 65535])
def test_a_constant_image_is_zero(value: int) -> None:
    raw = np.full((1, 3, 3), value, np.uint16)
    np.testing.assert_array_equal(normalise(raw, (value,), (value,)), 0)


def test_pixels_that_are_no_number_count_as_low() -> None:
    raw = np.array([[[np.nan, np.inf, -np.inf, 2.0]]])
    np.testing.assert_array_equal(normalise(raw, (1.0,), (3.0,)), [[[0, 0, 0, 0.5]]])


@given(arrays.arrays(np.float32, (1, 4, 4)))
def test_always_finite(raw: np.ndarray) -> None:
    assert np.isfinite(normalise(raw, (0.0,), (1.0,))).all()
    assert np.isfinite(normalise(raw, (0.0,), (0.0,))).all()
