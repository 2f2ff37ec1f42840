"""Crops beside crops: where they lie, and what both make together."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
import torch
from tests.learning.conftest import SIZE

from napari_semiseg.geometry import ArraySource, Box
from napari_semiseg.learning import symmetries
from napari_semiseg.learning.randomness import Randomness
from napari_semiseg.learning.shift_sizes import diagonals, reach
from napari_semiseg.learning.shifted_crops import (
    ShiftedSampler,
    overlay,
    seen_from_fixed,
    turn_shifts,
)
from napari_semiseg.learning.training_set import UnlabelledImage

CPU = torch.device("cpu")


def coordinates(shape: tuple[int, ...]) -> np.ndarray:
    """An image (D, *S) whose pixels hold where they are."""
    return np.stack(np.indices(shape)).astype(np.float32)


def sampler(*shapes, excluded=(), fraction=0.25) -> ShiftedSampler:
    images = [
        UnlabelledImage(ArraySource(coordinates(shape)), f"{n}", excluded)
        for n, shape in enumerate(shapes)
    ]
    return ShiftedSampler(images, SIZE, CPU, fraction)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((200, 200), (8, 8)),
        ((48, 47), (8, 7)),
        ((41, 39), (4, 0)),
        ((32, 300), (0, 8)),
        ((20, 31), (0, 0)),
        ((64, 64, 64), (8, 8, 8)),
    ],
)
def test_how_far_there_is_room(shape, expected):
    assert reach(shape, SIZE, 0.25) == expected


def test_shifts_lie_on_diagonals():
    assert set(diagonals((3, 5))) == {(-3, -5), (-3, 5), (3, -5), (3, 5)}
    assert diagonals((0, 5)) == [(0, -5), (0, 5)]
    assert diagonals((0, 0)) == []
    assert len(diagonals((1, 2, 3))) == 8


@pytest.mark.parametrize("beside", [0, 1, 4])
def test_overlaps_round_trip_a_coordinate_image(beside):
    """Each pixel of the overlap shows its own coordinates, from either crop."""
    random = Randomness(0, CPU)
    batch = sampler((80, 90), (60, 41)).draw_shifted(12, beside, random)
    assert batch.crops.shape == (12, beside, 2, SIZE, SIZE)
    for k in range(beside):
        moved, inside = seen_from_fixed(batch.crops[:, k], batch.shifts[:, k])
        assert torch.equal(
            moved.where(inside[:, None], -1),
            batch.fixed.image.where(inside[:, None], -1),
        )
        real = (batch.shifts[:, k].abs() < SIZE).all(1)
        assert (inside.flatten(1).any(1) == real).all()


def test_overlaps_round_trip_in_a_volume():
    volume = torch.from_numpy(coordinates((20, 24, 28)))
    size, origin = (8, 10, 12), (5, 6, 7)
    fixed = volume[(slice(None), *Box(origin, size).slices)][None]
    for shift in itertools.product((-3, 0, 2), (-4, 4), (-5, 0)):
        moved = Box(tuple(o + d for o, d in zip(origin, shift, strict=True)), size)
        crop = volume[(slice(None), *moved.slices)][None]
        seen, inside = seen_from_fixed(crop, torch.tensor([shift]))
        overlap = moved.intersection(Box(origin, size))
        assert int(inside.sum()) == np.prod(overlap.size)
        part = (0, *overlap.relative_to(Box(origin, size)).slices)
        assert inside[part].all()
        assert torch.equal(
            seen.where(inside[:, None], 0), fixed.where(inside[:, None], 0)
        )


@pytest.mark.parametrize("shape", [(9, 9), (4, 6, 8)])
def test_com_takes_the_overlap_from_the_shifted_crop(shape):
    generator = torch.Generator().manual_seed(0)
    fixed, temporary = (
        torch.rand((2, 3, *shape), generator=generator).softmax(1) for _ in range(2)
    )
    shift = (-1, 2, 3)[: len(shape)]
    laid, where = overlay(fixed, temporary[:, None], torch.tensor([[shift]] * 2))
    inside = tuple(
        slice(max(0, d), s + min(0, d)) for d, s in zip(shift, shape, strict=True)
    )
    source = tuple(
        slice(a.start - d, a.stop - d) for a, d in zip(inside, shift, strict=True)
    )
    expected = fixed.clone()
    expected[(..., *inside)] = temporary[(..., *source)]
    assert torch.equal(laid, expected)
    marked = torch.zeros((2, *shape), dtype=torch.bool)
    marked[(slice(None), *inside)] = True
    assert torch.equal(where, marked)


@pytest.mark.parametrize("shape", [(8, 8), (4, 6, 8)])
def test_com_without_a_shift_and_without_an_overlap(shape):
    fixed, temporary = torch.rand(2, 2, 3, *shape).softmax(2)
    still = torch.zeros((2, 1, len(shape)), dtype=torch.int64)
    laid, inside = overlay(fixed, temporary[:, None], still)
    assert torch.equal(laid, temporary)
    assert inside.all()
    for far in (torch.tensor(shape), -torch.tensor(shape), torch.tensor(shape) + 3):
        laid, inside = overlay(fixed, temporary[:, None], far.expand(2, 1, -1))
        assert torch.equal(laid, fixed)
        assert not inside.any()


def test_com_averages_where_several_overlap():
    fixed = torch.zeros(1, 2, 4, 4)
    temporary = torch.stack([torch.full((2, 4, 4), v) for v in (0.2, 0.6)])[None]
    laid, inside = overlay(fixed, temporary, torch.tensor([[[2, 0], [-2, 0]]]))
    torch.testing.assert_close(laid[0, 0, :2], torch.full((2, 4), 0.6))
    torch.testing.assert_close(laid[0, 0, 2:], torch.full((2, 4), 0.2))
    laid, _ = overlay(fixed, temporary, torch.tensor([[[1, 0], [0, 0]]]))
    torch.testing.assert_close(laid[0, 0, 1:], torch.full((3, 4), 0.4))
    assert inside.all()


@pytest.mark.parametrize("symmetry", range(8))
def test_shifts_turn_with_their_crops(symmetry):
    random = Randomness(1, CPU)
    batch = sampler((90, 90)).draw_shifted(6, 2, random)
    turns = [symmetry] * 6
    fixed = symmetries.apply_each(batch.fixed.image, turns)
    crops = symmetries.apply_each(batch.crops, turns)
    shifts = turn_shifts(batch.shifts, turns)
    for k in range(2):
        moved, inside = seen_from_fixed(crops[:, k], shifts[:, k])
        assert inside.float().mean() == 0.75**2
        here = inside[:, None]
        assert torch.equal(moved.where(here, -1), fixed.where(here, -1))


def test_all_directions_are_drawn_alike_where_there_is_room():
    random = Randomness(2, CPU)
    one = sampler((300, 300))
    seen = Counter(
        tuple(shift)
        for _ in range(60)
        for shift in one.draw_shifted(4, 1, random).shifts[:, 0].tolist()
    )
    assert set(seen) == set(diagonals((8, 8)))
    assert min(seen.values()) > 30


def test_crops_stay_in_their_image_and_off_excluded_boxes():
    """The excluded box is one where no coordinate of any crop may lie."""
    hidden = Box((40, 40), (30, 30))
    random = Randomness(3, CPU)
    one = sampler((120, 130), excluded=(hidden,))
    for _ in range(20):
        batch = one.draw_shifted(4, 4, random)
        y, x = batch.crops.unbind(2)
        assert not ((y >= 40) & (y < 70) & (x >= 40) & (x < 70)).any()
        real = (batch.shifts.abs() < SIZE).all(-1)
        first = batch.fixed.image[:, None, :, 0, 0] + batch.shifts
        assert torch.equal(batch.crops[..., 0, 0][real], first[real].float())


def test_images_without_room_have_no_shifted_crop():
    batch = sampler((SIZE + 5, SIZE)).draw_shifted(3, 1, Randomness(0, CPU))
    assert (batch.shifts == SIZE).all()
    assert torch.equal(batch.crops[:, 0], batch.fixed.image)
    small = sampler((20, 17)).draw_shifted(2, 1, Randomness(0, CPU))
    assert not small.fixed.valid.all()
    assert (small.shifts == SIZE).all()
