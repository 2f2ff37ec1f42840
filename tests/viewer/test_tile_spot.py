from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_semiseg.geometry import Box
from napari_semiseg.viewer.review.review_book import fields_of
from napari_semiseg.viewer.review.tile_spot import box_around, free_box

SHAPE = (100, 120)


@pytest.mark.parametrize(
    ("centre", "origin"),
    [
        ((50, 60), (34, 44)),
        ((2, 3), (0, 0)),
        ((99, 119), (68, 88)),
        ((-9, 500), (0, 88)),
    ],
)
def test_a_box_lies_around_a_place_and_in_the_image(
    centre: tuple[float, float], origin: tuple[int, int]
) -> None:
    assert box_around(centre, (32, 32), SHAPE) == Box(origin, (32, 32))
    assert box_around(centre, (200, 32), SHAPE).size == (100, 32)


def test_a_box_moves_aside_for_tiles_but_keeps_its_place() -> None:
    tile = Box((40, 40), (32, 32))
    found = free_box((50, 80), (32, 32), SHAPE, [tile])
    assert found == Box((34, 72), (32, 32))
    assert free_box((50, 60), (32, 32), SHAPE, [tile]) is None  # Inside the tile.
    between = [Box((0, 0), (100, 50)), Box((0, 70), (100, 50))]
    assert free_box((50, 60), (32, 32), SHAPE, between) is None


@given(
    st.tuples(st.integers(-5, 105), st.integers(-5, 125)),
    st.lists(st.tuples(st.integers(0, 70), st.integers(0, 90)), max_size=4),
)
def test_a_free_box_is_free_and_holds_its_place(
    centre: tuple[int, int], origins: list[tuple[int, int]]
) -> None:
    tiles = [Box(origin, (30, 30)) for origin in origins]
    found = free_box(centre, (25, 25), SHAPE, tiles)
    if found is None:
        assert any(tile.overlaps(box_around(centre, (25, 25), SHAPE)) for tile in tiles)
        return
    assert Box.whole(SHAPE).contains(found)
    assert found.size == (25, 25)
    assert not any(tile.overlaps(found) for tile in tiles)
    place = tuple(min(max(0, c), n - 1) for c, n in zip(centre, SHAPE, strict=True))
    assert found.contains(Box(place, (1, 1)))


def test_strokes_are_noted_by_fields() -> None:
    shape = (300, 200)
    assert fields_of(Box((120, 10), (20, 5)), shape) == [
        Box((0, 0), (128, 128)),
        Box((128, 0), (128, 128)),
    ]
    assert fields_of(Box((290, 190), (5, 5)), shape) == [Box((256, 128), (44, 72))]
    assert fields_of(Box((0, 0), (5000, 5000)), (5000, 5000)) == [
        Box((0, 0), (5000, 5000))
    ]
    assert fields_of(Box((3, 4), (5, 6)), None) == [Box((3, 4), (5, 6))]
