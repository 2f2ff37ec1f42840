"""What is labelled, judged and tested: by seed, groups on one side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from benchmark_examples import example

from napari_semiseg.api.benchmarking.amounts import Amount
from napari_semiseg.api.benchmarking.drawing import (
    Question,
    draw,
    hold_out,
    tile_size_for,
)
from napari_semiseg.errors import SemisegError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_semiseg.geometry import Box
    from napari_semiseg.learning.training_set import LabelledTile

NONE = Question(32, Amount(0))
FIFTH = Question(32, Amount(0.2, is_share=True))


def places(tiles: Sequence[LabelledTile]) -> list[tuple[str, Box]]:
    return [(tile.image_id, tile.box) for tile in tiles]


def test_more_tiles_include_fewer() -> None:
    pool = [example(seed) for seed in range(12)]

    few = draw(pool, "4", 0, NONE).training_set
    many = draw(pool, "9", 0, NONE).training_set

    assert places(many.training)[:4] == places(few.training)
    assert len({tile.image_id for tile in many.training}) == 9
    assert places(draw(pool, "4", 0, NONE).training_set.training) == places(
        few.training
    )
    assert places(draw(pool, "4", 1, NONE).training_set.training) != places(
        few.training
    )


def test_validation_images_are_nowhere_else() -> None:
    pool = [example(seed, group=f"patient{seed // 2}") for seed in range(12)]

    drawn = draw(pool, "10", 3, FIFTH)

    known = drawn.training_set
    group = {one.name: one.group for one in pool}
    judging = {group[tile.image_id] for tile in known.validation}
    learning = {group[tile.image_id] for tile in known.training}
    unlabelled = {group[image.image_id] for image in known.unlabelled}
    assert (len(known.training), len(known.validation)) == (8, 2)
    assert not judging & (learning | unlabelled)
    assert judging | unlabelled == set(group.values())


def test_tiles_of_one_image_do_not_overlap() -> None:
    pool = [example(0), example(1)]

    tiles = draw(pool, "6", 0, Question(24, Amount(0))).training_set.training

    assert len(tiles) == 6
    for first in tiles:
        for second in tiles:
            same = first.image_id == second.image_id
            assert first is second or not (same and first.box.overlaps(second.box))


def test_tiles_hold_objects_and_cut_edges_are_unknown() -> None:
    tiles = draw([example(s) for s in range(8)], "8", 0, NONE).training_set.labelled

    for tile in tiles:
        assert (tile.instances > 0).any()
        assert tile.instances.shape == (32, 32)
        np.testing.assert_array_equal(tile.image, tile.source.read(tile.box))
    assert sum(tile.annotated.all() for tile in tiles) < 4  # Most cut a square.


def test_all_labels_every_image_wholly() -> None:
    pool = [example(seed) for seed in range(5)]

    drawn = draw(pool, "all", 0, FIFTH)

    known = drawn.training_set
    assert {tile.instances.shape for tile in known.labelled} == {(64, 64)}
    assert (len(known.training), len(known.validation)) == (4, 1)
    assert drawn.n_tiles == 5 * 4
    assert all(tile.annotated.all() for tile in known.labelled)


def test_too_many_tiles_are_refused() -> None:
    empty = example(1, truth=np.zeros((64, 64), np.int32))

    with pytest.raises(SemisegError, match="Only 1 tiles"):
        draw([example(0), empty], "2", 0, Question(64, Amount(0)))


def test_classes_are_labels_of_their_own() -> None:
    truth = np.zeros((64, 64), np.int32)
    truth[10:30, 10:30], truth[40:50] = 2, -1
    pool = [example(0, truth=truth)]

    known = draw(
        pool, "1", 0, Question(64, Amount(0), ("cytoplasm", "nucleus"))
    ).training_set

    (tile,) = known.labelled
    assert (known.task, known.classes) == ("semantic", ("cytoplasm", "nucleus"))
    np.testing.assert_array_equal(tile.known_classes(), np.where(truth < 0, 255, truth))


def test_the_test_images_are_whole_groups() -> None:
    examples = [example(seed, group=f"patient{seed // 3}") for seed in range(12)]

    pool, test = hold_out(examples, Amount(0.3, is_share=True))

    assert not {one.group for one in pool} & {one.group for one in test}
    assert len(test) == 6  # Two patients: one would be too few.
    assert len(pool) + len(test) == 12


def test_a_single_group_cannot_be_split() -> None:
    with pytest.raises(SemisegError, match="--test-images"):
        hold_out([example(s, group="stack") for s in range(3)], Amount(1))


def test_training_tiles_are_multiples_of_32() -> None:
    assert [tile_size_for(n) for n in (16, 32, 48, 128, 2000)] == [
        32,
        32,
        64,
        128,
        1024,
    ]
