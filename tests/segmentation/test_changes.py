from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_semiseg.segmentation.changes import (
    GAINED,
    LOST,
    MERGED,
    SPLIT,
    Changes,
    changes,
    drawn_changes,
    outlines,
)

MAPS = arrays(np.int32, (7, 9), elements=st.integers(-1, 5))


def blank() -> np.ndarray:
    return np.zeros((20, 40), np.int32)


def ids(found: Changes) -> tuple[list[int], list[int]]:
    """All ids that occur among the changes, of the map before and after."""
    before = [*found.lost, *(old for old, _ in found.split)]
    before += [number for old, _ in found.merged for number in old]
    before += [old for old, _ in found.kept]
    before += [number for old, _ in found.reshaped for number in old]
    after = [*found.gained, *(new for _, new in found.merged)]
    after += [number for _, new in found.split for number in new]
    after += [new for _, new in found.kept]
    after += [number for _, new in found.reshaped for number in new]
    return sorted(before), sorted(after)


def present(instances: np.ndarray) -> list[int]:
    return [number for number in np.unique(instances).tolist() if number > 0]


def test_every_kind_of_change_is_told_with_its_ids() -> None:
    before, after = blank(), blank()
    before[1:7, 1:7] = 3  # kept, a column shorter
    after[1:7, 1:6] = 12
    before[1:7, 10:20] = 4  # split
    after[1:7, 10:14], after[1:7, 15:20] = 13, 14
    before[1:7, 25:29], before[1:7, 30:34] = 5, 6  # merged
    after[1:7, 25:34] = 15
    before[12:15, 1:4] = 7  # lost
    after[12:15, 10:13] = 16  # gained
    before[11:19, 20:28] = 8  # the same object, much smaller
    after[12:15, 21:24] = 17

    found = changes(before, after)

    assert found == Changes(
        gained=(16,),
        lost=(7,),
        split=((4, (13, 14)),),
        merged=(((5, 6), 15),),
        kept=((3, 12),),
        reshaped=(((8,), (17,)),),
    )
    assert found.counts() == {
        "gained": 1,
        "lost": 1,
        "split": 1,
        "merged": 1,
        "kept": 1,
        "reshaped": 1,
    }


def test_half_of_the_smaller_one_is_not_enough_to_belong_together() -> None:
    before, after = blank(), blank()
    before[2:6, 2:6] = 1
    after[2:6, 4:8] = 1

    assert changes(before, after) == Changes(gained=(1,), lost=(1,))


def test_objects_cut_elsewhere_are_reshaped_as_a_group() -> None:
    before, after = blank(), blank()
    before[2:6, 0:10], before[2:6, 10:14] = 1, 2
    after[2:6, 0:3], after[2:6, 3:14] = 1, 2

    found = changes(before, after)

    assert found.reshaped == (((1, 2), (1, 2)),)
    assert not found.nothing


def test_maps_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        changes(blank(), blank()[:5])


def test_empty_maps_have_no_changes() -> None:
    assert changes(blank(), blank()) == Changes()
    assert changes(blank(), blank()).nothing


@given(MAPS, MAPS)
def test_each_object_is_told_of_once(before: np.ndarray, after: np.ndarray) -> None:
    assert ids(changes(before, after)) == (present(before), present(after))


@given(MAPS, MAPS)
def test_exchanged_maps_exchange_what_was_gained_and_lost(
    before: np.ndarray, after: np.ndarray
) -> None:
    there, back = changes(before, after), changes(after, before)

    assert (there.gained, there.lost) == (back.lost, back.gained)
    assert {(new, old) for old, new in there.split} == set(back.merged)
    assert {(new, old) for old, new in there.merged} == set(back.split)
    assert {(new, old) for old, new in there.kept} == set(back.kept)
    assert {(new, old) for old, new in there.reshaped} == set(back.reshaped)


@given(MAPS, st.permutations(range(1, 7)))
def test_the_same_objects_by_other_names_have_not_changed(
    instances: np.ndarray, names: list[int]
) -> None:
    renamed = np.array([0, *names], np.int32)[np.maximum(instances, 0)]

    found = changes(instances, renamed)

    assert found.nothing
    assert len(found.kept) == len(present(instances))


@given(MAPS, MAPS)
def test_only_pixels_of_what_changed_are_drawn(
    before: np.ndarray, after: np.ndarray
) -> None:
    found = changes(before, after)
    drawn = drawn_changes(before, after, found)

    assert set(after[drawn == GAINED].tolist()) <= set(found.gained)
    assert set(before[drawn == LOST].tolist()) <= set(found.lost)
    pieces = {number for _, new in found.split for number in new}
    assert set(after[drawn == SPLIT].tolist()) <= pieces
    parts = {number for old, _ in found.merged for number in old}
    assert set(before[drawn == MERGED].tolist()) <= parts
    if found.nothing or not (found.gained or found.lost or pieces or parts):
        assert not drawn.any()


def test_pieces_of_what_was_split_are_drawn_with_the_line_between_them() -> None:
    before, after = blank(), blank()
    before[2:12, 2:22] = 1
    after[2:12, 2:12], after[2:12, 12:22] = 1, 2
    found = changes(before, after)

    drawn = drawn_changes(before, after, found)

    assert (drawn[3:11, 11:13] == SPLIT).all()
    assert not drawn[4:10, 4:10].any()
    back = drawn_changes(after, before, changes(after, before))
    assert (back[3:11, 11:13] == MERGED).all()


def test_an_outline_is_as_wide_as_asked_for_and_inside_its_object() -> None:
    instances = blank()
    instances[4:14, 4:14], instances[4:14, 20:30] = 7, 9_000_000

    thin, wide = outlines(instances, [7]), outlines(instances, [7], 2)

    assert thin.sum() == 10 * 10 - 8 * 8
    assert wide.sum() == 10 * 10 - 6 * 6
    assert (instances[wide] == 7).all()
    assert not outlines(instances, []).any()
