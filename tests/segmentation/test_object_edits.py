from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_semiseg.segmentation.object_cuts import separate, split_along
from napari_semiseg.segmentation.object_edits import (
    apply,
    erase,
    fill_holes,
    grow,
    merge,
    shrink,
)
from napari_semiseg.segmentation.object_places import (
    object_around,
    objects_inside,
    places_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

WHOLE = np.ones((3, 3))


def grid(text: str) -> np.ndarray:
    rows = [line.split() for line in text.strip().splitlines()]
    return np.array(rows).astype(np.int32)


def fresh_from(number: int) -> Callable[[], int]:
    return itertools.count(number).__next__


def n_pieces(mask: np.ndarray) -> int:
    return int(ndimage.label(mask, WHOLE)[1])


@st.composite
def label_images(draw: Any, side: int = 14) -> np.ndarray:
    """Blobs, rings and crumbs of a few ids, with pixels to ignore."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    labels = np.zeros((side, side + 3), np.int32)
    for number in draw(st.lists(st.integers(1, 5), min_size=1, max_size=6)):
        y, x = rng.integers(0, side, 2)
        height, width = rng.integers(1, 9, 2)
        labels[y : y + height, x : x + width] = number
        if rng.random() < 0.4:
            labels[y + 1 : y + height - 1, x + 1 : x + width - 1] = 0
    labels[rng.random(labels.shape) < draw(st.sampled_from([0, 0.1]))] = 0
    labels[rng.random(labels.shape) < 0.02] = -1
    return labels


points = st.tuples(st.floats(-4, 20), st.floats(-4, 20))


# -- cutting --------------------------------------------------------------------------


def test_a_line_across_an_object_cuts_it_and_loses_no_pixel() -> None:
    labels = np.zeros((9, 12), np.int32)
    labels[2:7, 1:11] = 4
    labels[8, :] = 6

    (edit,) = split_along(labels, (0, 7), (7, 7), fresh_from(9))

    after = apply(labels, [edit])
    assert edit.pieces == {9: 4}
    assert edit.objects == (4,)
    assert (after[2:7, 1:7] == 4).all()  # The larger piece keeps the id.
    assert (after[2:7, 8:11] == 9).all()
    assert np.array_equal(after > 0, labels > 0)
    assert (after[8] == 6).all()


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ((0, 7), (4, 7)),  # Ends inside.
        ((3, 3), (5, 8)),  # Begins and ends inside.
        ((0, 0), (0, 11)),  # Beside it.
        ((4, 7), (4, 7)),  # No line at all.
        ((-9, -9), (-2, -5)),  # Outside the image.
    ],
)
def test_a_line_that_does_not_cross_cuts_nothing(start: Any, end: Any) -> None:
    labels = np.zeros((9, 12), np.int32)
    labels[2:7, 1:11] = 4

    assert split_along(labels, start, end, fresh_from(9)) == []


def test_a_line_cuts_all_objects_that_it_crosses() -> None:
    labels = np.zeros((20, 30), np.int32)
    for number, x in enumerate((2, 12, 22), start=1):
        labels[4:16, x : x + 6] = number

    after = apply(labels, split_along(labels, (9.5, -1), (9.5, 31), fresh_from(50)))

    assert set(np.unique(after)) == {0, 1, 2, 3, 50, 51, 52}
    for number in (1, 2, 3):
        assert np.count_nonzero(after == number) == 36


def test_a_diagonal_leaves_no_bridge_over_corners() -> None:
    labels = np.full((16, 16), 3, np.int32)

    after = apply(labels, split_along(labels, (-1, -0.4), (16, 15.7), fresh_from(7)))

    assert (after > 0).all()
    assert n_pieces(after == 3) == n_pieces(after == 7) == 1
    assert abs(int((after == 3).sum()) - int((after == 7).sum())) < 40


def test_a_bent_object_falls_into_as_many_pieces_as_there_are() -> None:
    labels = np.zeros((14, 20), np.int32)
    labels[2:12, 2:5] = labels[2:12, 8:11] = labels[2:12, 14:17] = 1
    labels[2:4, 2:17] = 1  # A comb with three teeth.

    after = apply(labels, split_along(labels, (7, 0), (7, 19), fresh_from(5)))

    assert set(np.unique(after)) == {0, 1, 5, 6, 7}
    assert all(n_pieces(after == n) == 1 for n in (1, 5, 6, 7))
    assert (after[2] == labels[2]).all()


def test_single_pixels_at_a_ragged_rim_are_no_pieces() -> None:
    labels = np.zeros((12, 24), np.int32)
    labels[4:10, 2:22] = 1
    labels[3, 3:22:3] = 1  # Teeth of one pixel, which the line cuts off.

    assert split_along(labels, (3.8, 0), (3.8, 23), fresh_from(5)) == []


def test_what_a_line_leaves_whole_stays_as_it_is() -> None:
    labels = np.zeros((10, 20), np.int32)
    labels[2:8, 1:9] = labels[2:8, 12:19] = 2

    after = apply(labels, split_along(labels, (0, 4.5), (9, 4.5), fresh_from(3)))

    assert (after[2:8, 12:19] == 2).all()
    assert set(np.unique(after[2:8, 1:9])) == {2, 3}


@settings(max_examples=200, deadline=None)
@given(label_images(), points, points)
def test_cutting_keeps_all_pixels_and_makes_whole_pieces(labels, start, end) -> None:
    edits = split_along(labels, start, end, fresh_from(100))
    after = apply(labels, edits)

    # What was an object is one, what was none is none.
    assert np.array_equal(
        np.where(after > 0, 1, after), np.where(labels > 0, 1, labels)
    )
    named = {new: old for edit in edits for new, old in edit.pieces.items()}
    assert len(named) == sum(len(edit.pieces) for edit in edits)
    for new, old in named.items():
        assert set(np.unique(labels[after == new])) == {old}
        assert n_pieces(after == new) == 1
        assert (after == new).any()
    untouched = set(np.unique(labels)) - set(named.values())
    for number in untouched:
        assert np.array_equal(after == number, labels == number)
    for edit in edits:
        (number,) = edit.objects
        pieces = [int((after == n).sum()) for n in edit.pieces]
        assert (after == number).sum() >= max(pieces)
        assert n_pieces(after == number) <= n_pieces(labels == number)


@settings(max_examples=100, deadline=None)
@given(label_images(), st.integers(1, 5))
def test_separating_gives_each_piece_an_id(labels: np.ndarray, number: int) -> None:
    count = n_pieces(labels == number)
    edits = separate(labels, number, fresh_from(100))
    after = apply(labels, edits)

    assert sum(len(edit.pieces) for edit in edits) == max(0, count - 1)
    assert n_pieces(after == number) == min(1, count)
    others = labels != number
    assert np.array_equal(after[others], labels[others])


# -- merging and erasing --------------------------------------------------------------


def test_merging_gives_one_object_the_pixels_of_the_other() -> None:
    labels = grid("""
        1 1 0 2
        1 0 3 2
    """)
    (edit,) = merge(labels, 1, 2)

    assert edit.objects == (1,)
    assert (
        apply(labels, [edit]).tolist()
        == grid("""
        1 1 0 1
        1 0 3 1
    """).tolist()
    )
    assert merge(labels, 1, 1) == merge(labels, 1, 9) == []


def test_a_box_holds_what_lies_in_it_by_more_than_half() -> None:
    labels = grid("""
        1 1 0 2 2
        1 1 0 2 2
        0 0 0 3 -1
        4 4 4 4 4
    """)
    box = (slice(0, 4), slice(1, 4))

    # Of 1 and 2 half lies inside, of 4 three pixels of five.
    assert objects_inside(labels, box) == [3, 4]
    assert objects_inside(labels, (slice(2, 3), slice(0, 2))) == []


@settings(max_examples=150, deadline=None)
@given(label_images(), st.tuples(*[st.integers(0, 17)] * 4))
def test_erasing_a_box_touches_no_object_outside(labels, corners) -> None:
    y0, y1 = sorted(min(c, labels.shape[0]) for c in corners[:2])
    x0, x1 = sorted(min(c, labels.shape[1]) for c in corners[2:])
    box = (slice(y0, y1), slice(x0, x1))
    inside = objects_inside(labels, box)
    edits = erase(labels, inside)
    after = apply(labels, edits)

    assert not np.isin(after, inside).any()
    left = ~np.isin(labels, inside)
    assert np.array_equal(after[left], labels[left])
    for number in set(np.unique(labels)) - {0, -1}:
        within = int((labels[box] == number).sum())
        assert (number in inside) == (2 * within > int((labels == number).sum()))
    assert all(edit.objects == () for edit in edits)


# -- growing and shrinking ------------------------------------------------------------


def test_growing_takes_a_pixel_on_each_side_where_there_is_room() -> None:
    labels = grid("""
        0 0  0 0 0
        0 1  0 2 0
        0 1 -1 0 0
        0 0  0 0 0
    """)
    (edit,) = grow(labels, 1)

    assert (
        apply(labels, [edit]).tolist()
        == grid("""
        0 1  0 0 0
        1 1  1 2 0
        1 1 -1 0 0
        0 1  0 0 0
    """).tolist()
    )


def test_growing_takes_what_is_allowed_and_nothing_else() -> None:
    labels = grid("1 0 0 2 3")
    take = {1: grow(labels, 1, lambda place, mask: ~mask)}
    assert apply(labels, take[1]).tolist() == [[1, 1, 0, 2, 3]]
    assert apply(labels, grow(labels, 2, lambda place, mask: ~mask)).tolist() == [
        [1, 0, 2, 2, 2]
    ]
    assert grow(labels, 2, lambda place, mask: np.zeros_like(mask)) == []
    assert grow(labels, 9) == []


def test_shrinking_keeps_the_rim_of_the_image_and_never_ends_an_object() -> None:
    labels = grid("""
        1 1 1 0 0 0
        1 1 1 0 2 0
        1 1 1 0 2 0
        0 0 0 0 0 0
    """)
    (edit,) = shrink(labels, 1)

    assert edit.objects == (1,)
    assert (
        apply(labels, [edit]).tolist()
        == grid("""
        1 1 0 0 0 0
        1 1 0 0 2 0
        0 0 0 0 2 0
        0 0 0 0 0 0
    """).tolist()
    )
    assert shrink(labels, 2) == []  # It would be gone.
    assert shrink(labels, 9) == []


def test_shrinking_leaves_the_side_on_which_an_object_may_go_on() -> None:
    labels = np.zeros((7, 7), np.int32)
    labels[1:6, 1:4] = 1

    def beyond(place: Any, mask: np.ndarray) -> np.ndarray:
        columns = np.arange(place[1].start, place[1].stop)
        return np.broadcast_to(columns >= 4, mask.shape)

    after = apply(labels, shrink(labels, 1, beyond))

    assert (after[2:5, 2:4] == 1).all()
    assert np.count_nonzero(after) == 6


@settings(max_examples=150, deadline=None)
@given(label_images(), st.integers(1, 5))
def test_growing_overwrites_nothing(labels: np.ndarray, number: int) -> None:
    after = apply(labels, grow(labels, number))

    taken = labels != 0
    assert np.array_equal(after[taken], labels[taken])
    new = (after == number) & (labels != number)
    near = ndimage.binary_dilation(labels == number)
    assert np.array_equal(new, near & (labels == 0))


@settings(max_examples=150, deadline=None)
@given(label_images(), st.integers(1, 5))
def test_shrinking_only_takes_from_the_object(labels: np.ndarray, number: int) -> None:
    after = apply(labels, shrink(labels, number))

    others = labels != number
    assert np.array_equal(after[others], labels[others])
    assert set(np.unique(after[~others])) <= {0, number}
    assert (after == number).any() == (labels == number).any()


# -- holes ----------------------------------------------------------------------------


def test_holes_are_filled_but_for_what_lies_in_them() -> None:
    labels = grid("""
        1 1 1 1 1 0
        1 0 0 2 1 0
        1 0 -1 0 1 0
        1 1 1 1 1 0
    """)
    after = apply(labels, fill_holes(labels, [1, 2]))

    assert (
        after.tolist()
        == grid("""
        1 1 1 1 1 0
        1 1 1 2 1 0
        1 1 -1 1 1 0
        1 1 1 1 1 0
    """).tolist()
    )
    assert fill_holes(after, [1, 2]) == []


def test_the_object_around_a_hole_is_found_from_within() -> None:
    labels = np.zeros((12, 12), np.int32)
    labels[2:8, 2:8] = 5
    labels[4:6, 4:6] = 0
    assert object_around(labels, (4, 5)) == 5
    assert object_around(labels, (10, 10)) == 0  # Open to the rim.
    assert object_around(labels, (2, 2)) == 0  # On an object.

    labels[3, 4] = 6
    assert object_around(labels, (4, 5)) == 0  # Between two.


@settings(max_examples=100, deadline=None)
@given(label_images())
def test_filling_changes_background_alone(labels: np.ndarray) -> None:
    after = apply(labels, fill_holes(labels, range(1, 6)))

    taken = labels != 0
    assert np.array_equal(after[taken], labels[taken])
    assert (after >= -1).all()


def test_places_are_those_of_the_ids_asked_for() -> None:
    labels = np.zeros((20, 30), np.int32)
    labels[3:5, 4:9] = 7
    labels[10:12, 20:21] = 900_000
    labels[0, 0] = -1

    found = places_of(labels, [7, 900_000, 11, 0, -1])

    assert found == {
        7: (slice(3, 5), slice(4, 9)),
        900_000: (slice(10, 12), slice(20, 21)),
    }
    assert places_of(labels, [7]) == {7: found[7]}
    assert places_of(labels, []) == places_of(labels, [11]) == {}
