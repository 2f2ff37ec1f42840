"""How far two views of the same pixels differ, on maps drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest

from napari_semiseg.geometry import Box
from napari_semiseg.segmentation.doubts import (
    difference,
    join,
    mean_confidence,
    object_change,
    pixel_change,
    tile_grid,
)


def probability(objects: np.ndarray, sure: float = 1.0) -> np.ndarray:
    inside = np.where(objects > 0, sure, 0.0)
    return np.stack([1 - inside, inside, 0 * inside]).astype(np.float32)


@pytest.fixture
def objects() -> np.ndarray:
    drawn = np.zeros((32, 64), np.int32)
    drawn[4:12, 4:12] = 1
    drawn[4:12, 40:48] = 2
    return drawn


def test_equal_views_do_not_differ(objects: np.ndarray) -> None:
    seen = probability(objects)
    found = difference(seen, seen, objects, objects)

    whole = Box.whole(objects.shape)
    assert pixel_change(found, whole) == 0
    assert object_change(found.objects, whole) == 0


def test_an_object_that_only_one_view_has_counts_where_it_lies(
    objects: np.ndarray,
) -> None:
    less = np.where(objects == 2, 0, objects).astype(np.int32)
    left, right = Box((0, 0), (32, 32)), Box((0, 32), (32, 32))
    for one, other in ((objects, less), (less, objects)):
        found = difference(probability(one), probability(other), one, other)
        assert (pixel_change(found, left), object_change(found.objects, left)) == (0, 0)
        assert (pixel_change(found, right), object_change(found.objects, right)) == (
            1,
            1,
        )
        assert object_change(found.objects, Box.whole(objects.shape)) == pytest.approx(
            0.5
        )


def test_one_changed_object_does_not_outweigh_many(objects: np.ndarray) -> None:
    less = np.where(objects == 2, 0, objects).astype(np.int32)
    found = difference(probability(objects), probability(less), objects, less)
    right = Box((0, 32), (32, 32))

    assert object_change(found.objects, right) == 1
    assert object_change(found.objects, right, calm=4) == pytest.approx(0.2)
    assert object_change(found.objects, Box((20, 0), (12, 64)), calm=4) == 0


def test_a_shifted_object_changes_by_what_it_does_not_share(
    objects: np.ndarray,
) -> None:
    moved = np.zeros_like(objects)
    moved[4:12, 6:14] = 5
    moved[4:12, 40:48] = 9
    found = difference(probability(objects), probability(moved), objects, moved)

    # 6 of 8 columns are shared by two objects of 8: IoU 6 / 10.
    assert object_change(found.objects, Box((0, 0), (32, 32))) == pytest.approx(0.4)


def test_what_hardly_has_foreground_hardly_differs() -> None:
    none = np.zeros((64, 64), np.int32)
    faint = probability(none)
    faint[:, 3, 3] = [0.9, 0.1, 0.0]
    found = difference(probability(none), faint, none, none)

    assert 0 < pixel_change(found, Box.whole(none.shape)) < 0.01


def test_pieces_join_to_what_the_whole_would_be(objects: np.ndarray) -> None:
    moved = np.roll(objects, 2, axis=0)
    one, other = probability(objects), probability(moved)
    whole = difference(one, other, objects, moved)
    pieces = []
    for box in (Box((0, 0), (32, 32)), Box((0, 32), (32, 32))):
        inside = (slice(None), *box.slices)
        labels = objects[box.slices], moved[box.slices]
        pieces.append((box, difference(one[inside], other[inside], *labels)))

    joined = join(pieces, objects.shape)

    np.testing.assert_array_equal(joined.pixels, whole.pixels)
    np.testing.assert_array_equal(joined.foreground, whole.foreground)
    np.testing.assert_allclose(joined.objects.places, whole.objects.places)
    np.testing.assert_allclose(joined.objects.sizes, whole.objects.sizes)


@pytest.mark.parametrize("shape", [(50, 300), (64, 64), (20, 30), (128, 65)])
def test_tiles_are_of_one_size_and_cover_the_image(shape: tuple[int, int]) -> None:
    boxes = tile_grid(shape, 64)

    seen = np.zeros(shape, int)
    for box in boxes:
        seen[box.slices] += 1
        assert Box.whole(shape).contains(box)
    assert seen.min() >= 1
    assert len({box.size for box in boxes}) == 1
    assert len(set(boxes)) == len(boxes)


def test_a_very_large_image_has_no_more_tiles_than_needed() -> None:
    assert len(tile_grid((20_000, 20_000), 128)) == 157**2


def test_confidence_is_that_of_the_foreground_if_there_is_any() -> None:
    confidence = np.array([[0.5, 0.9]], np.float32)

    assert mean_confidence(confidence, np.array([[True, False]])) == 0.5
    assert mean_confidence(confidence, np.array([[False, False]])) == pytest.approx(0.7)
