from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_semiseg.project.owners import Owner, merge


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
    np.testing.assert_array_equal(merge(human, teacher), expected)


def test_half_an_object_stays() -> None:
    np.testing.assert_array_equal(merge(ids("1100"), ids("0550")), ids("1160"))


def test_erased_ground_stays_empty() -> None:
    claimed = np.array([[True, True, False, False]])
    found = merge(ids("0000"), ids("0222"), claimed)
    np.testing.assert_array_equal(found, ids("0022"))


def test_ignored_ground_stays_ignored() -> None:
    np.testing.assert_array_equal(merge(ids("-000"), ids("2222")), ids("-222"))


def test_no_human_leaves_the_teacher_alone() -> None:
    teacher = ids("0904")
    np.testing.assert_array_equal(merge(teacher * 0, teacher), teacher)


@given(
    arrays.arrays(np.int32, (5, 6), elements=st.integers(-1, 3)),
    arrays.arrays(np.int32, (5, 6), elements=st.integers(0, 4)),
    arrays.arrays(np.bool_, (5, 6)),
)
def test_no_human_pixel_is_ever_written(
    human: np.ndarray, teacher: np.ndarray, claimed: np.ndarray
) -> None:
    merged = merge(human, teacher, claimed)
    np.testing.assert_array_equal(merged[claimed], human[claimed])
    assert not np.isin(merged[~claimed], human[human > 0]).any(), "ids do not mix"


def test_owners_are_ordered_by_their_right() -> None:
    assert Owner.NOBODY < Owner.TEACHER < Owner.ACCEPTED < Owner.HUMAN
