"""Attributes of soft regions, and the penalty outside of a band."""

from __future__ import annotations

import pytest
import torch

from napari_semiseg.learning.attributes import (
    centroid,
    regions,
    second_moments,
    size,
)
from napari_semiseg.learning.size_bands import Band, attribute_penalty, band_penalty

EVERYWHERE = torch.ones(1, 8, 12, dtype=torch.bool)


def rectangle(y: slice, x: slice, shape: tuple[int, int] = (8, 12)) -> torch.Tensor:
    p = torch.zeros(1, 1, *shape)
    p[..., y, x] = 1
    return p


def band(low: float, high: float, shape: tuple[int, ...] = (1, 1)) -> Band:
    return Band(torch.full(shape, low), torch.full(shape, high))


def test_size_is_the_share_of_valid_pixels() -> None:
    p = rectangle(slice(2, 6), slice(0, 3)) * 0.5
    assert size(p, EVERYWHERE).item() == pytest.approx(0.5 * 12 / 96)
    left = EVERYWHERE.clone()
    left[..., 6:] = False
    assert size(p, left).item() == pytest.approx(0.5 * 12 / 48)


def test_centroid_is_the_middle_of_a_rectangle() -> None:
    p = rectangle(slice(2, 6), slice(0, 3)) * 0.3
    found = centroid(p, EVERYWHERE)
    assert found.flatten().tolist() == pytest.approx([4 / 8, 1.5 / 12], abs=1e-5)


def test_second_moments_of_a_rectangle_have_a_closed_form() -> None:
    """The variance of n pixels in a row is (n^2 - 1) / 12."""
    p = rectangle(slice(2, 6), slice(0, 3))
    found = second_moments(p, EVERYWHERE)[0, 0]
    assert found[0, 0].item() == pytest.approx((16 - 1) / 12 / 8**2, abs=1e-5)
    assert found[1, 1].item() == pytest.approx((9 - 1) / 12 / 12**2, abs=1e-5)
    assert found[0, 1].item() == pytest.approx(0, abs=1e-6)


def test_second_moments_tell_a_slope() -> None:
    p = torch.eye(8).view(1, 1, 8, 8)
    valid = torch.ones(1, 8, 8, dtype=torch.bool)
    found = second_moments(p, valid)[0, 0]
    expected = (64 - 1) / 12 / 64
    assert found.flatten().tolist() == pytest.approx([expected] * 4, abs=1e-5)
    mirrored = second_moments(p.flip(-1), valid)[0, 0]
    assert mirrored[0, 1].item() == pytest.approx(-expected, abs=1e-5)


def test_attributes_know_volumes() -> None:
    p = torch.zeros(1, 1, 4, 6, 8)
    p[..., 1:3, 0:3, 4:8] = 1
    valid = torch.ones(1, 4, 6, 8, dtype=torch.bool)
    assert size(p, valid).item() == pytest.approx(24 / 192)
    assert centroid(p, valid).flatten().tolist() == pytest.approx([0.5, 0.25, 0.75])
    assert second_moments(p, valid).shape == (1, 1, 3, 3)


def test_a_region_without_pixels_is_a_point_in_the_middle() -> None:
    p = torch.zeros(1, 2, 8, 12, requires_grad=True)
    nowhere = torch.zeros_like(EVERYWHERE)
    for valid in (EVERYWHERE, nowhere):
        assert size(p, valid).tolist() == [[0, 0]]
        assert centroid(p, valid).flatten().tolist() == pytest.approx([0.5] * 4)
        spread = second_moments(p, valid)
        assert spread.abs().max().item() == 0
        spread.sum().backward()
        assert torch.isfinite(p.grad).all()


def test_regions_of_objects_are_one() -> None:
    p = torch.tensor([0.5, 0.3, 0.2]).view(1, 3, 1, 1)
    assert regions(p, "instances").flatten().tolist() == pytest.approx([0.5])
    assert regions(p, "semantic").flatten().tolist() == pytest.approx([0.3, 0.2])


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.1, 0), (0.15, 0), (0.2, 0), (0.25, 0.0025), (0.3, 0.01), (0.05, 0.0025)],
)
def test_penalty_is_quadratic_outside_of_the_band(
    value: float, expected: float
) -> None:
    found = band_penalty(torch.tensor([[value]]), band(0.1, 0.2))
    assert found.item() == pytest.approx(expected, abs=1e-7)


def test_penalty_beyond_the_clip_is_a_line_that_goes_on_smoothly() -> None:
    value = torch.tensor([[0.3]], requires_grad=True)
    at_clip = band_penalty(value, band(0, 0.2), clip=0.1)
    (slope,) = torch.autograd.grad(at_clip.sum(), value)
    further = band_penalty(value + 0.4, band(0, 0.2), clip=0.1)
    (same,) = torch.autograd.grad(further.sum(), value)
    assert at_clip.item() == pytest.approx(0.01)
    assert further.item() == pytest.approx(0.01 + 0.4 * 0.2)
    assert slope.item() == pytest.approx(same.item(), rel=1e-5)


def test_gradients_lead_into_the_band() -> None:
    value = torch.tensor([[0.05, 0.15, 0.5]], requires_grad=True)
    band_penalty(value, band(0.1, 0.2, (1, 3))).sum().backward()
    signs = torch.sign(value.grad).flatten().tolist()
    assert signs == [-1, 0, 1]


@pytest.mark.parametrize("attribute", [size, centroid, second_moments])
def test_a_larger_tile_of_the_same_content_has_the_same_penalty(attribute) -> None:
    p = torch.rand(2, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    valid = torch.ones(2, 8, 8, dtype=torch.bool)
    twice = p.repeat_interleave(8, 2).repeat_interleave(8, 3)
    wide = torch.ones(2, 64, 64, dtype=torch.bool)
    target = attribute(p, valid) * 0.5
    small = attribute_penalty(p, valid, Band(target, target), attribute)
    large = attribute_penalty(twice, wide, Band(target, target), attribute)
    # Moments of whole pixels lack those within a pixel, 1 / 12 of its area.
    tolerance = 0.1 if attribute is second_moments else 1e-4
    assert large.item() == pytest.approx(small.item(), rel=tolerance)


def test_penalty_counts_the_valid_pixels_alone() -> None:
    p = torch.zeros(1, 1, 4, 8, requires_grad=True)
    valid = torch.zeros(1, 4, 8, dtype=torch.bool)
    valid[..., :4] = True
    attribute_penalty(p, valid, band(0.5, 1)).backward()
    assert (p.grad[..., :4] < 0).all()
    assert (p.grad[..., 4:] == 0).all()


@pytest.mark.parametrize(
    ("attribute", "low", "high", "shape"),
    [
        (size, 0.2, 0.25, (1, 1)),
        (centroid, 0.2, 0.3, (1, 1, 2)),
        (second_moments, 0.0, 0.02, (1, 1, 2, 2)),
    ],
)
def test_penalty_drives_a_region_into_its_band(attribute, low, high, shape) -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(1, 1, 16, 16, generator=generator).requires_grad_()
    valid = torch.ones(1, 16, 16, dtype=torch.bool)
    wanted = band(low, high, shape)
    optimizer = torch.optim.Adam([logits], 0.1)
    before = attribute(logits.sigmoid(), valid)
    assert ((before < low) | (before > high)).any()
    for _ in range(300):
        optimizer.zero_grad()
        loss = attribute_penalty(logits.sigmoid(), valid, wanted, attribute)
        loss.backward()
        optimizer.step()
    found = attribute(logits.sigmoid(), valid)
    assert (found >= low - 0.01).all()
    assert (found <= high + 0.01).all()


def test_a_band_is_not_narrower_than_the_least_width() -> None:
    value = torch.tensor([[0.5, 0.001], [0.0, 0.9]])
    found = Band.around(value, torch.tensor([0.1, 0.5]), torch.tensor([0.02, 0.02]))
    assert found.low.flatten().tolist() == pytest.approx([0.45, 0, 0, 0.45])
    assert found.high.flatten().tolist() == pytest.approx([0.55, 0.021, 0.02, 1.35])


def test_classes_that_are_not_used_are_free() -> None:
    found = band(0.4, 0.5, (1, 2)).where(torch.tensor([[True, False]]))
    assert (found.low.tolist(), found.high.tolist()) == (
        [[pytest.approx(0.4), 0]],
        [[0.5, 1]],
    )
    assert band_penalty(torch.tensor([[0.45, 0.99]]), found).sum() == 0
