"""Colours of objects: one grey is kept for what is to be ignored."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from napari.layers import Labels

from napari_semiseg.viewer.colours import (
    class_colours,
    free_number,
    free_numbers,
    object_colours,
    trust_colours,
)


def colour(layer: Labels, number: int) -> list[float]:
    return np.round(layer.get_color(number), 3).tolist()


def test_ignored_pixels_are_grey() -> None:
    layer = Labels(np.array([[0, -1, 1]], np.int32), colormap=object_colours())

    red, green, blue, _ = colour(layer, -1)

    assert red == green == blue
    assert len(set(colour(layer, 1)[:3])) > 1


@given(st.integers(0, 100_000))
def test_a_free_number_never_looks_ignored(taken: int) -> None:
    number = free_number(taken)
    drawn = object_colours().map(np.array([number, -1]))

    assert number > taken
    assert not np.array_equal(drawn[0], drawn[1])


@given(st.integers(0, 5000), st.integers(0, 2000))
def test_free_numbers_are_those_one_would_draw_one_by_one(
    taken: int, count: int
) -> None:
    one_by_one = []
    for _ in range(min(count, 300)):
        one_by_one.append(free_number(one_by_one[-1] if one_by_one else taken))

    found = free_numbers(taken, count)

    assert len(found) == count
    assert found[:300].tolist() == one_by_one


def test_background_of_classes_and_unset_trust_are_transparent() -> None:
    for colormap, n_labels in ((class_colours(3), 3), (trust_colours(), 3)):
        shown = colormap.map(np.arange(n_labels))
        assert shown[0, 3] == 0
        assert (shown[1:, 3] == 1).all()
