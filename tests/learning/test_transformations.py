"""The geometry of consistency: identity, inverses, masks, two and three dimensions."""

from __future__ import annotations

import math

import pytest
import torch

from napari_semiseg.learning.randomness import Randomness
from napari_semiseg.learning.transformation_settings import TransformationSettings
from napari_semiseg.learning.transformations import (
    Transformation,
    draw,
    identity,
    pixels,
    warp,
    warp_mask,
    warp_probability,
)

CPU = torch.device("cpu")
SHAPES = [(32, 32), (24, 40), (8, 16, 12)]
NOTHING = dict.fromkeys(("shift", "rotation", "flip", "elastic"), False)


def only(**switches) -> TransformationSettings:
    return TransformationSettings(**{**NOTHING, **switches})


def drawn(shape, seed: int = 0, n: int = 3, **switches) -> Transformation:
    return draw(n, shape, only(**switches), Randomness(seed, CPU))


def probability(n: int, shape: tuple[int, ...]) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn((n, 4, *shape), generator=generator).softmax(1)


def smooth(n: int, shape: tuple[int, ...]) -> torch.Tensor:
    """Something that interpolation hardly changes, (n, 1, *S)."""
    waves = (pixels(shape, CPU) * 0.25).sin().sum(-1)
    return waves.expand(n, 1, *shape)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_identity_changes_nothing(shape):
    p = probability(2, shape)
    where = identity(2, shape, CPU).positions()
    torch.testing.assert_close(warp_probability(p, where), p, atol=1e-5, rtol=0)
    assert warp_mask(torch.ones(2, *shape, dtype=torch.bool), where).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_with_all_switches_off_the_identity_is_drawn(shape):
    where = drawn(shape).positions()
    torch.testing.assert_close(where, identity(3, shape, CPU).positions())


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shift_moves_whole_pixels(shape):
    transformation = drawn(shape, shift=True, largest_shift=0.25)
    by = transformation.shift
    assert torch.equal(by, by.round())
    assert by.abs().max() > 0
    for axis, size in enumerate(reversed(shape)):
        assert by[:, axis].abs().max() <= size // 4
    p = probability(3, shape)
    moved = warp_probability(p, transformation.positions())
    for one, out, s in zip(p, moved, by.long().tolist(), strict=True):
        rolled = one.roll([-d for d in reversed(s)], list(range(1, one.ndim)))
        inner = [
            slice(max(0, -d), size - max(0, d))
            for d, size in zip(reversed(s), shape, strict=True)
        ]
        part = (slice(None), *inner)
        torch.testing.assert_close(out[part], rolled[part], atol=1e-4, rtol=0)


def test_every_shift_is_drawn_and_none_beyond():
    by = drawn((32, 32), n=4000, shift=True, largest_shift=2 / 32).shift
    values, counts = by.unique(return_counts=True)
    assert values.tolist() == [-2, -1, 0, 1, 2]
    assert counts.min() > 0.8 * counts.max()


@pytest.mark.parametrize("shape", [(33, 33), (5, 33, 33)])
def test_a_quarter_turn_is_that_of_the_pixels(shape):
    n_axes = len(shape)
    quarter = torch.eye(n_axes)
    quarter[:2, :2] = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    turn = Transformation(quarter[None], torch.zeros(1, n_axes), None, shape)
    p = probability(1, shape)
    turned = warp_probability(p, turn.positions())
    expected = p.rot90(1, dims=(-2, -1))
    torch.testing.assert_close(turned, expected, atol=1e-4, rtol=0)


def test_angles_fill_their_range_and_are_of_every_sample():
    matrix = drawn((32, 32), n=2000, rotation=True, largest_angle=45.0).matrix
    angle = torch.atan2(matrix[:, 1, 0], matrix[:, 0, 0]) * 180 / math.pi
    assert 44 < angle.max() <= 45.001
    assert -45.001 <= angle.min() < -44
    assert len(angle.unique()) > 1900


@pytest.mark.parametrize("shape", SHAPES)
def test_flips_mirror_axes(shape):
    mirrors = drawn(shape, n=64, flip=True)
    assert len({tuple(m.diagonal().tolist()) for m in mirrors.matrix}) == 2 ** len(
        shape
    )
    p = probability(64, shape)
    flipped = warp_probability(p, mirrors.positions())
    for one, out, matrix in zip(p, flipped, mirrors.matrix, strict=True):
        signs = reversed(matrix.diagonal().tolist())
        axes = [1 + axis for axis, sign in enumerate(signs) if sign < 0]
        torch.testing.assert_close(out, one.flip(axes), atol=1e-4, rtol=0)


@pytest.mark.parametrize("shape", SHAPES)
def test_volumes_turn_in_their_plane_only(shape):
    matrix = drawn(shape, rotation=True, flip=True).matrix
    eye = torch.eye(len(shape)).expand_as(matrix)
    torch.testing.assert_close(matrix @ matrix.mT, eye, atol=1e-5, rtol=0)
    if len(shape) == 3:
        assert (matrix[:, 2, :2] == 0).all()
        assert (matrix[:, :2, 2] == 0).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "switches",
    [
        {"shift": True, "rotation": True, "flip": True},
        {"elastic": True, "elastic_deviation": 1.0},
        {"shift": True, "rotation": True, "elastic": True, "elastic_deviation": 1.0},
    ],
)
def test_the_inverse_leads_back(shape, switches):
    transformation = drawn(shape, **switches)
    points = pixels(shape, CPU).expand(3, *shape, len(shape))
    back = transformation.inverse(transformation.positions())
    # Beyond the border the displacement is only continued: judge what lies inside.
    margin = tuple(slice(s // 4, -(s // 4)) for s in shape)
    error = (back - points)[(slice(None), *margin)].abs()
    assert error.max() < (0.05 if switches.get("elastic") else 1e-3)


@pytest.mark.parametrize("shape", [(48, 48), (24, 32, 32)])
def test_two_views_meet_in_the_frame_of_the_second(shape):
    """T = t2 after the inverse of t1, on something smooth."""
    switches = {"shift": True, "rotation": True, "elastic": True}
    first = drawn(shape, 1, elastic_deviation=1.0, **switches)
    second = drawn(shape, 2, elastic_deviation=1.0, **switches)
    image, mask = smooth(3, shape), torch.ones(3, *shape, dtype=torch.bool)
    to_first, to_second = first.positions(), second.positions()
    across = first.inverse(to_second)
    mapped = warp(warp(image, to_first), across)
    common = warp_mask(warp_mask(mask, to_first), across) & warp_mask(mask, to_second)
    assert common.float().mean() > 0.2
    error = (mapped - warp(image, to_second))[:, 0][common].abs()
    assert error.max() < 0.1
    assert error.mean() < 0.02


@pytest.mark.parametrize("shape", SHAPES)
def test_what_lies_beyond_is_masked(shape):
    by = torch.zeros(1, len(shape))
    by[0, 0] = 5.0  # Along x.
    where = Transformation(torch.eye(len(shape))[None], by, None, shape).positions()
    inside = warp_mask(torch.ones(1, *shape, dtype=torch.bool), where)
    assert inside[..., :-5].all()
    assert not inside[..., -5:].any()
    hole = torch.ones(1, *shape, dtype=torch.bool)
    hole[..., 8] = False
    assert not warp_mask(hole, where)[..., 3].any()


@pytest.mark.parametrize("shape", SHAPES)
def test_warped_probabilities_sum_to_one_and_carry_gradients(shape):
    logits = torch.randn(3, 4, *shape).requires_grad_()
    where = drawn(shape, rotation=True, elastic=True).positions()
    p = warp_probability(logits.softmax(1), where)
    inside = warp_mask(torch.ones(3, *shape, dtype=torch.bool), where)
    torch.testing.assert_close(p.sum(1)[inside], torch.ones(int(inside.sum())))
    p[:, 0].sum().backward()
    assert logits.grad.abs().sum() > 0


def test_a_displacement_has_the_deviation_asked_for():
    field = drawn((128, 128), n=200, elastic=True, elastic_deviation=3.0).field
    at_controls = field[:, :, 0, 0]  # A corner is a control point.
    assert at_controls.std().item() == pytest.approx(3.0, rel=0.1)
