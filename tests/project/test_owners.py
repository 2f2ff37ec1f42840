from __future__ import annotations

import numpy as np
import pytest
import skimage
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_semiseg.geometry import Box
from napari_semiseg.project.owners import (
    OVERLAP,
    Conflict,
    Owner,
    lay_over,
    merge,
    overlap_of,
)


def ids(text: str) -> np.ndarray:
    """An array drawn as rows of digits; ``-`` is -1."""
    rows = text.split()
    return np.array(
        [[-1 if c == "-" else int(c) for c in row] for row in rows], np.int32
    )


def test_human_objects_lie_on_top() -> None:
    human = ids("""
        0000000
        0110000
        0110000
        0000000""")
    teacher = ids("""
        3000022
        3330022
        0330022
        0000022""")
    # Of object 3 (six pixels) two remain: it was the human's object all along.
    expected = ids("""
        0000033
        0110033
        0110033
        0000033""")
    found = merge(human, teacher)
    np.testing.assert_array_equal(found.instances, expected)
    assert found.conflicts == (Conflict(3, (1,), 1 - 2 / 6, Box((0, 0), (3, 3))),)


def test_a_little_overlap_is_cut_off_and_more_is_an_end() -> None:
    little = merge(ids("1100"), ids("0555"), overlap=0.34)
    np.testing.assert_array_equal(little.instances, ids("1166"))
    assert not little.conflicts
    more = merge(ids("1100"), ids("0555"), overlap=0.3)
    np.testing.assert_array_equal(more.instances, ids("1100"))
    (conflict,) = more.conflicts
    assert (conflict.teacher_id, conflict.human_ids) == (5, (1,))
    assert conflict.share == pytest.approx(1 / 3)


def test_small_pieces_go_and_halves_do_not_stay() -> None:
    teacher = ids("222222222222")
    merged = merge(ids("010000000000"), teacher)
    np.testing.assert_array_equal(merged.instances, ids("013333333333"))
    halves = merge(ids("000001000000"), teacher)
    np.testing.assert_array_equal(halves.instances, ids("000001000000"))
    assert halves.conflicts[0].share == pytest.approx(0.5)


def test_an_object_drawn_anew_is_no_conflict() -> None:
    found = merge(ids("11110"), ids("02222"))
    np.testing.assert_array_equal(found.instances, ids("11110"))
    assert not found.conflicts


def test_conflicts_name_what_lies_there_and_the_largest_comes_first() -> None:
    human = ids("""
        -0011
        00011""")
    teacher = ids("""
        44333
        44333""")
    claimed = human != 0
    claimed[1, 0] = True  # Erased.
    found = merge(human, teacher, claimed)
    below = {one.teacher_id: one.human_ids for one in found.conflicts}
    assert below == {3: (1,), 4: ()}
    assert not (found.instances > 1).any()


def test_erased_ground_stays_empty() -> None:
    claimed = np.array([[True, False, False, False, False, False]])
    found = merge(ids("000000"), ids("022222"), claimed)
    np.testing.assert_array_equal(found.instances, ids("022222"))
    claimed[0, 1] = True
    found = merge(ids("000000"), ids("022222"), claimed)
    np.testing.assert_array_equal(found.instances, ids("002222"))


def test_ignored_ground_stays_ignored() -> None:
    found = merge(ids("-00000"), ids("222222"))
    np.testing.assert_array_equal(found.instances, ids("-22222"))


def test_no_human_leaves_the_teacher_alone() -> None:
    teacher = ids("0904")
    np.testing.assert_array_equal(merge(teacher * 0, teacher).instances, teacher)
    scattered = ids("90904")
    untouched = merge(ids("00001"), scattered).instances
    expected = np.where(scattered == 9, 10, ids("00001"))
    np.testing.assert_array_equal(untouched, expected)


def test_the_setting_of_a_project() -> None:
    assert overlap_of({}) == OVERLAP
    assert overlap_of({"overlap": 0.6}) == 0.6
    assert overlap_of({"overlap": 7}) == 1
    assert overlap_of({"overlap": "much"}) == OVERLAP


def test_newer_labels_of_a_person_lie_over_older_ones() -> None:
    upper, lower = ids("0011000000"), ids("2222003303")
    laid = lay_over(upper, lower, upper != 0)
    np.testing.assert_array_equal(laid, ids("3311004404"))


@st.composite
def scenes(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Discs of a person, of a teacher, and ground that the person erased."""
    shape = (24, 30)
    rows, columns = np.ogrid[: shape[0], : shape[1]]

    def discs(most: int) -> np.ndarray:
        found = np.zeros(shape, np.int32)
        for number in range(1, draw(st.integers(0, most)) + 1):
            y, x = draw(st.integers(0, shape[0])), draw(st.integers(0, shape[1]))
            height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
            inside = ((rows - y) / height) ** 2 + ((columns - x) / width) ** 2 <= 1
            found[inside] = number
        return found

    human, teacher, erased = discs(4), discs(5), discs(2) > 0
    # A teacher's object is one piece: later ones may have cut earlier ones.
    pieces = skimage.measure.label(teacher, connectivity=2).astype(np.int32)
    human[(human == 0) & erased & draw(st.booleans())] = -1
    return human, pieces, erased | (human != 0)


@given(scenes(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]))
def test_no_sliver_no_ring_no_piece_is_ever_left(scene, overlap) -> None:
    """Each object that stays is one piece and at least ``1 - overlap`` of itself."""
    human, teacher, claimed = scene
    found = merge(human, teacher, claimed, overlap=overlap)
    top = max(int(human.max()), 0)
    np.testing.assert_array_equal(found.instances[claimed], human[claimed])
    theirs = np.where(found.instances > top, found.instances - top, 0)
    theirs[claimed] = 0
    gone = {one.teacher_id for one in found.conflicts}
    for number in range(1, teacher.max(initial=0) + 1):
        before, after = teacher == number, theirs == number
        assert not (after & ~before).any()
        if not (before & claimed).any():
            np.testing.assert_array_equal(after, before)
        elif after.any():
            assert skimage.measure.label(after, connectivity=2).max() == 1
            assert after.sum() >= (1 - overlap) * before.sum() - 1e-6
            assert number not in gone
        else:
            free = skimage.measure.label(before & ~claimed, connectivity=2)
            largest = np.bincount(free.ravel())[1:].max(initial=0)
            assert largest < max(1, (1 - overlap) * before.sum())
            # In conflict: what much was left of.
            assert (number in gone) == (largest > 0.25 * before.sum())
    for one in found.conflicts:
        rows, columns = np.nonzero(teacher == one.teacher_id)
        assert one.box.origin == (rows.min(), columns.min())
        assert one.box.end == (rows.max() + 1, columns.max() + 1)
        under = human[(teacher == one.teacher_id) & claimed]
        assert one.human_ids == tuple(np.unique(under[under > 0]))


@given(
    arrays.arrays(np.int32, (5, 6), elements=st.integers(-1, 3)),
    arrays.arrays(np.int32, (5, 6), elements=st.integers(0, 4)),
    arrays.arrays(np.bool_, (5, 6)),
)
def test_no_human_pixel_is_ever_written(
    human: np.ndarray, teacher: np.ndarray, claimed: np.ndarray
) -> None:
    merged = merge(human, teacher, claimed).instances
    np.testing.assert_array_equal(merged[claimed], human[claimed])
    assert not np.isin(merged[~claimed], human[human > 0]).any(), "ids do not mix"


def test_owners_are_ordered_by_their_right() -> None:
    assert Owner.NOBODY < Owner.TEACHER < Owner.ACCEPTED < Owner.HUMAN
