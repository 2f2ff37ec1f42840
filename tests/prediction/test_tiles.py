from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_semiseg.geometry import Box
from napari_semiseg.prediction.tiles import count_tiles, tiles_for

GRIDS = st.sampled_from([(32, 0), (64, 16), (128, 32), (96, 32), (256, 64)])
SIZES = st.integers(1, 400)


@st.composite
def regions(draw: st.DrawFn) -> tuple[tuple[int, int], Box]:
    shape = draw(SIZES), draw(SIZES)
    origin = tuple(draw(st.integers(0, size - 1)) for size in shape)
    size = tuple(
        draw(st.integers(1, s - o)) for s, o in zip(shape, origin, strict=True)
    )
    return shape, Box(origin, size)


@given(regions(), GRIDS)
def test_shares_sum_to_one_in_every_pixel(
    case: tuple[tuple[int, int], Box], grid: tuple[int, int]
) -> None:
    shape, region = case
    total = np.zeros(region.size, np.float32)
    for tile in tiles_for(region, shape, *grid):
        part = tile.box.intersection(region)
        inside = Box(
            tuple(p - r for p, r in zip(part.origin, region.origin, strict=True)),
            part.size,
        )
        total[inside.slices] += tile.share(part)
    np.testing.assert_allclose(total, 1, atol=1e-6)


@given(regions(), GRIDS)
def test_tiles_of_a_region_are_tiles_of_the_whole_image_in_the_same_order(
    case: tuple[tuple[int, int], Box], grid: tuple[int, int]
) -> None:
    shape, region = case
    whole = [t.box for t in tiles_for(Box.whole(shape), shape, *grid)]
    part = [t.box for t in tiles_for(region, shape, *grid)]
    assert part == [box for box in whole if box in part]
    assert len(part) == count_tiles(region, shape, *grid) > 0


@given(regions(), GRIDS)
def test_every_tile_lies_on_the_grid_and_in_the_image(
    case: tuple[tuple[int, int], Box], grid: tuple[int, int]
) -> None:
    shape, region = case
    for tile in tiles_for(region, shape, *grid):
        for origin, size, length in zip(
            tile.box.origin, tile.box.size, shape, strict=True
        ):
            assert origin % 32 == size % 32 == 0
            assert 0 <= origin < length
            assert origin + size < length + 32
            assert size <= grid[0]


def test_origins_of_an_axis() -> None:
    # Tiles of 128 every 64; the last is moved so that it ends just behind the image.
    tiles = tiles_for(Box.whole((300, 1)), (300, 1), 128, 32)
    assert [t.box.origin[0] for t in tiles] == [0, 64, 128, 192]


def test_a_small_image_is_one_small_tile() -> None:
    (tile,) = tiles_for(Box.whole((17, 300)), (17, 300), 512, 64)
    assert tile.box == Box((0, 0), (32, 320))
    assert all((weight == 1).all() for weight in tile.weights)


def test_margins_are_discarded_but_at_the_border_of_the_image() -> None:
    first, second = tiles_for(Box.whole((192, 32)), (192, 32), 128, 32)
    assert second.box.origin == (64, 0)
    rows = first.weights[0], second.weights[0]
    assert (rows[0][:80] == 1).all()  # to the border, and up to the ramp
    assert (rows[0][112:] == 0).all()  # 16 of the 32 px of the margin
    assert (rows[1][:16] == 0).all()
    assert (rows[1][48:] == 1).all()
    assert (np.diff(rows[0]) <= 0).all()
    np.testing.assert_allclose(rows[0][64:] + rows[1][:64], 1, atol=1e-6)


def test_a_region_needs_only_the_tiles_with_a_share_in_it() -> None:
    # Rows 112.. are in the discarded margin of the first tile.
    (tile,) = tiles_for(Box((112, 0), (10, 10)), (192, 32), 128, 32)
    assert tile.box.origin == (64, 0)


def test_volumes_have_a_grid_too() -> None:
    shape = (20, 70, 90)
    tiles = list(tiles_for(Box.whole(shape), shape, 64, 16))
    assert tiles[0].box.size == (32, 64, 64)
    assert len(tiles) == 1 * 2 * 2


@pytest.mark.parametrize(("tile", "margin"), [(100, 0), (16, 0), (64, 5), (64, 32)])
def test_impossible_grids(tile: int, margin: int) -> None:
    with pytest.raises(ValueError, match="tile"):
        list(tiles_for(Box.whole((64, 64)), (64, 64), tile, margin))
