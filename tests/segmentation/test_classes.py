from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal
from skimage.segmentation import find_boundaries

from napari_semiseg.geometry import Box
from napari_semiseg.segmentation.classes import (
    BOUNDARY,
    IGNORE,
    INTERIOR,
    class_targets,
    mark_cut_edges,
    split_components,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

small_maps = hnp.arrays(
    np.int32,
    hnp.array_shapes(min_dims=2, max_dims=3, max_side=9),
    elements=st.integers(0, 3),
)


def ids(*rows: str) -> NDArray[np.int32]:
    """Object ids from a drawing: '.' is 0, '-' is -1 (ignore), 'a' is 1, ..."""
    letters = {".": 0, "-": -1} | {c: i for i, c in enumerate("abcdefgh", 1)}
    return np.array([[letters[c] for c in row] for row in rows], np.int32)


def classes(*rows: str) -> NDArray[np.uint8]:
    """Class targets from a drawing: '.' background, 'i' interior, 'b' boundary, 'x'."""
    letters = {".": 0, "i": 1, "b": 2, "x": 255}
    return np.array([[letters[c] for c in row] for row in rows], np.uint8)


def everywhere(array: NDArray[np.int32]) -> NDArray[np.bool_]:
    """A mask that is True on the whole array."""
    return np.ones(array.shape, bool)


def square(size: int = 9, start: int = 2, stop: int = 8) -> np.ndarray:
    instances = np.zeros((size, size), np.int32)
    instances[start:stop, start:stop] = 1
    return instances


def test_inner_object_is_interior_and_boundary_exactly() -> None:
    drawn = ids(
        "........",
        ".aaaaaa.",
        ".aaaaaa.",
        ".aaaaaa.",
        ".aaaaaa.",
        ".aaaaaa.",
        "........",
    )
    expected = classes(
        "........",
        ".bbbbbb.",
        ".biiiib.",
        ".biiiib.",
        ".biiiib.",
        ".bbbbbb.",
        "........",
    )
    assert_array_equal(class_targets(drawn, everywhere(drawn)), expected)


def test_outer_boundary_lies_around_an_object_and_on_both_sides_of_a_contact() -> None:
    drawn = ids(
        "........",
        ".aaabbb.",
        ".aaabbb.",
        ".aaabbb.",
        "........",
    )
    expected = classes(
        ".bbbbbb.",
        "biibbiib",
        "biibbiib",
        "biibbiib",
        ".bbbbbb.",
    )
    result = class_targets(drawn, everywhere(drawn), mode="outer")
    assert_array_equal(result, expected)


def test_small_object_falls_back_to_outer_by_itself() -> None:
    drawn = np.zeros((8, 16), np.int32)
    drawn[1:7, 1:7] = 1
    drawn[3:5, 11:13] = 2
    expected = classes(
        "................",
        ".bbbbbb.........",
        ".biiiib....bb...",
        ".biiiib...biib..",
        ".biiiib...biib..",
        ".biiiib....bb...",
        ".bbbbbb.........",
        "................",
    )
    assert_array_equal(class_targets(drawn, everywhere(drawn)), expected)


def test_thin_object_keeps_an_interior() -> None:
    drawn = np.zeros((6, 20), np.int32)
    drawn[2:4, 2:18] = 5
    target = class_targets(drawn, everywhere(drawn))
    assert (target[drawn == 5] == INTERIOR).all()


def test_large_ids_need_no_large_table() -> None:
    few = square()
    many = np.where(few > 0, np.int32(2_000_000_000), 0).astype(np.int32)
    assert_array_equal(
        class_targets(many, everywhere(many)), class_targets(few, everywhere(few))
    )


def test_array_edge_makes_no_boundary() -> None:
    drawn = np.ones((6, 6), np.int32)
    assert (class_targets(drawn, everywhere(drawn)) == INTERIOR).all()


def test_padding_is_ignored_and_nobodys_neighbour() -> None:
    drawn = square()
    valid = everywhere(drawn)
    valid[:, 5:] = False
    drawn[:, 5:] = 7  # Whatever the padding holds.
    target = class_targets(drawn, everywhere(drawn), valid=valid)
    assert (target[:, 5:] == IGNORE).all()
    assert_array_equal(target[3:7, 4], INTERIOR)


@given(hnp.arrays(np.int32, (8, 10), elements=st.integers(0, 2)))
def test_padding_is_like_the_array_ending_there(drawn: np.ndarray) -> None:
    valid = everywhere(drawn)
    valid[:, 6:] = False
    cut = drawn[:, :6]
    target = class_targets(drawn, everywhere(drawn), mode="outer", valid=valid)
    assert_array_equal(target[:, :6], class_targets(cut, everywhere(cut), mode="outer"))
    assert (target[:, 6:] == IGNORE).all()


def test_unannotated_and_ignored_pixels_are_ignored() -> None:
    drawn = square()
    drawn[0, 0] = -1
    annotated = everywhere(drawn)
    annotated[8, 8] = False
    target = class_targets(drawn, annotated)
    assert target[0, 0] == target[8, 8] == IGNORE
    assert (target == IGNORE).sum() == 2


def test_outline_beside_unannotated_ground_is_a_boundary() -> None:
    drawn = square()
    target = class_targets(drawn, drawn > 0)
    assert (target[2, 2:8] == BOUNDARY).all()
    assert (target[drawn == 0] == IGNORE).all()


def test_outer_outline_on_unannotated_ground_is_a_boundary() -> None:
    drawn = square()
    target = class_targets(drawn, drawn > 0, mode="outer")
    assert (target[drawn > 0] == INTERIOR).all()
    assert (target[1, 2:8] == BOUNDARY).all()
    assert target[0, 0] == target[1, 1] == IGNORE


def test_outline_beside_ignored_ground_is_a_boundary() -> None:
    drawn = square()
    drawn[drawn == 0] = -1
    target = class_targets(drawn, everywhere(drawn))
    assert (target[2, 2:8] == BOUNDARY).all()


def test_16_no_object_number_is_special() -> None:
    """The public code sets id 1 to 0 for one data set, and so erases an object."""
    drawn = square()
    target = class_targets(drawn, everywhere(drawn))
    assert (target == INTERIOR).any()
    assert_array_equal(target, class_targets(drawn * 9, everywhere(drawn)))


def test_ids_beyond_sixteen_bits_stay_apart() -> None:
    """65,536 more is another object: 16-bit ids would join the two."""
    drawn = np.zeros((8, 16), np.int32)
    drawn[1:7, 1:8] = 1
    drawn[1:7, 8:15] = 65_537
    target = class_targets(drawn, everywhere(drawn))
    assert (target[1:7, 7:9] == BOUNDARY).all()


def test_empty_tile_is_background() -> None:
    drawn = np.zeros((4, 5), np.int32)
    assert not class_targets(drawn, everywhere(drawn)).any()


def test_unknown_mode_names_the_choices() -> None:
    drawn = square()
    with pytest.raises(ValueError, match="'inner' or 'outer'"):
        class_targets(drawn, everywhere(drawn), mode="thick")  # type: ignore[arg-type]


@given(small_maps)
def test_outer_equals_find_boundaries(instances: np.ndarray) -> None:
    target = class_targets(instances, everywhere(instances), mode="outer")
    expected = np.where(instances > 0, INTERIOR, 0)
    expected[find_boundaries(instances, mode="outer")] = BOUNDARY
    assert_array_equal(target, expected)


@given(small_maps)
def test_inner_equals_find_boundaries_for_large_objects(instances: np.ndarray) -> None:
    large = np.kron(instances, np.ones((6,) * instances.ndim, np.int32))
    target = class_targets(large, everywhere(large))
    expected = np.where(large > 0, INTERIOR, 0)
    expected[find_boundaries(large, mode="inner")] = BOUNDARY
    assert_array_equal(target, expected)


@given(small_maps, st.integers(1, 5))
def test_targets_do_not_depend_on_the_numbers(instances: np.ndarray, n: int) -> None:
    other = np.where(instances > 0, (instances + n) * 7, 0).astype(np.int32)
    for mode in ("inner", "outer"):
        assert_array_equal(
            class_targets(instances, everywhere(instances), mode=mode),  # type: ignore[arg-type]
            class_targets(other, everywhere(other), mode=mode),  # type: ignore[arg-type]
        )


def test_cut_edge_keeps_ids_but_is_not_known() -> None:
    whole = np.zeros((20, 20), np.int32)
    whole[5:15, 5:15] = 1
    box = Box((0, 8), (20, 12))  # Cuts the object at its left only.
    tile = whole[box.slices]
    known = mark_cut_edges(tile, everywhere(tile), box, whole.shape)
    expected = everywhere(tile)
    expected[5:15, 0] = False
    assert_array_equal(known, expected)

    target = class_targets(tile, known)
    true = class_targets(whole, everywhere(whole))[box.slices]
    assert_array_equal(target[known], true[known])
    assert (target[~known] == IGNORE).all()


def test_edge_of_the_image_is_not_cut() -> None:
    drawn = np.ones((6, 6), np.int32)
    known = mark_cut_edges(drawn, everywhere(drawn), Box((0, 0), (6, 6)), (6, 6))
    assert known.all()


def test_marking_cut_edges_leaves_its_argument_alone() -> None:
    drawn = np.ones((6, 6), np.int32)
    annotated = everywhere(drawn)
    known = mark_cut_edges(drawn, annotated, Box((1, 1), (6, 6)), (9, 9))
    assert annotated.all()
    assert known.sum() == 16


def test_split_gives_the_smaller_piece_a_new_id() -> None:
    drawn = ids(
        "aa..bb",
        "aa..bb",
        "......",
        "-a.aaa",
        "...aaa",
    )
    result, report = split_components(drawn)
    assert_array_equal(
        result,
        ids(
            "cc..bb",
            "cc..bb",
            "......",
            "-d.aaa",
            "...aaa",
        ),
    )
    assert report.split == {1: (1, 3, 4)}
    assert report.n_objects == 4


def test_split_leaves_corners_together() -> None:
    drawn = ids("a..", ".a.", "..b")
    result, report = split_components(drawn)
    assert_array_equal(result, drawn)
    assert report.split == {}
    assert report.n_objects == 2


@given(small_maps)
def test_split_twice_is_split_once(instances: np.ndarray) -> None:
    once, _ = split_components(instances)
    twice, report = split_components(once)
    assert_array_equal(once, twice)
    assert not report.split
    assert_array_equal(once > 0, instances > 0)
