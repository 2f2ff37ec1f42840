"""CutMix and cutout, and the strong views made of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from napari_semiseg.learning import mixing
from napari_semiseg.learning.fixmatch_st_settings import StrongViewSettings
from napari_semiseg.learning.randomness import Randomness
from napari_semiseg.learning.settings import IntensitySettings
from napari_semiseg.learning.strong_views import TaughtTiles, strong_view

STILL = IntensitySettings(probability=0)


@pytest.fixture
def random() -> Randomness:
    return Randomness(0, torch.device("cpu"))


def test_boxes_are_rectangles_of_the_printed_areas(random):
    boxes = mixing.draw_boxes(400, (40, 60), 1.0, random)
    rows, columns = boxes.any(2).sum(1), boxes.any(1).sum(1)
    assert torch.equal(rows * columns, boxes.sum((1, 2)))
    share = (rows * columns) / (40 * 60)
    # Sides are whole pixels, and may be cut to the tile's.
    assert share.min() > 0.01
    assert 0.3 < share.max() < 0.45
    uncut = (rows < 40) & (columns < 60)
    flatness = (rows / columns)[uncut]
    assert flatness.min() > 0.25
    assert flatness.max() < 4
    assert flatness.min() < 0.5 < 2 < flatness.max()
    # Everywhere in the tile, corners included.
    assert boxes[:, 0, 0].any() and boxes[:, -1, -1].any()
    assert boxes.any(0).all()


def test_boxes_come_with_their_chance(random):
    boxes = mixing.draw_boxes(2000, (8, 8), 0.3, random)
    assert boxes.any(2).any(1).float().mean().item() == pytest.approx(0.3, abs=0.04)
    assert not mixing.draw_boxes(50, (8, 8), 0.0, random).any()


def test_a_partner_is_always_of_another_image(random):
    """Also where most tiles of a batch are of one image, and in odd batches."""
    numbers = torch.tensor([3, 3, 3, 7, 3])
    seen = set()
    for _ in range(50):
        partners, found = mixing.draw_partners(numbers, random)
        assert found.all()
        assert (numbers[partners] != numbers).all()
        seen.add(int(partners[3]))
    assert seen == {0, 1, 2, 4}


def test_one_image_has_no_partner(random):
    partners, found = mixing.draw_partners(torch.tensor([2, 2, 2]), random)
    assert not found.any()
    assert partners.tolist() == [0, 1, 2]


def tiles(n: int = 6, size: int = 32) -> TaughtTiles:
    """The label of a pixel is written into it; so are, apart, both masks."""
    generator = torch.Generator().manual_seed(1)
    label = torch.randint(0, 5, (n, size, size), generator=generator)
    selected, valid = (
        torch.rand((n, size, size), generator=generator) < chance for chance in (0.5, 1)
    )
    number = torch.arange(n)[:, None, None].expand_as(label)
    image = torch.stack([label, selected, number], 1)
    weight = 1 + label.float()
    return TaughtTiles(image.float(), label, selected, valid, weight)


def test_pixels_labels_and_masks_are_mixed_together(random):
    settings = StrongViewSettings(intensity=STILL, cutmix=1.0)
    numbers = torch.tensor([0, 0, 1, 2, 2, 2])
    strong = strong_view(tiles(), numbers, settings, random)
    assert torch.equal(strong.image[:, 0], strong.label.float())
    assert torch.equal(strong.image[:, 1], strong.selected.float())
    assert torch.equal(strong.weight, 1 + strong.label)
    of = strong.image[:, 2].long()
    own = torch.arange(6)[:, None, None]
    mixed = of != own
    assert mixed.any(2).any(1).all()
    assert (numbers[of[mixed]] != numbers[own.expand_as(of)[mixed]]).all()


def test_a_batch_of_one_image_is_left_alone(random):
    settings = StrongViewSettings(intensity=STILL, cutmix=1.0)
    before = tiles()
    after = strong_view(before, torch.zeros(6, dtype=torch.int64), settings, random)
    assert torch.equal(before.image, after.image)
    assert torch.equal(before.label, after.label)


def test_cut_out_pixels_are_not_learned(random):
    settings = StrongViewSettings(intensity=STILL, cutmix=0.0, cutout=1.0)
    before = tiles()
    after = strong_view(before, torch.arange(6), settings, random)
    changed = (after.image != before.image).any(1)
    assert changed.any(2).any(1).all()
    assert not (after.valid & changed).any()
    assert not (after.selected & changed).any()
    assert torch.equal(after.selected | changed, before.selected | changed)
    low, high = before.image.amin((2, 3)), before.image.amax((2, 3))
    assert (after.image.amin((2, 3)) >= low).all()
    assert (after.image.amax((2, 3)) <= high).all()


def test_only_colour_is_made_grey(random):
    settings = StrongViewSettings(intensity=STILL, cutmix=0.0, grey=1.0)
    three = tiles()
    grey = strong_view(three, torch.arange(6), settings, random).image
    assert torch.equal(grey, three.image.mean(1, keepdim=True).expand_as(three.image))
    two = replace(three, image=three.image[:, :2])
    same = strong_view(two, torch.arange(6), settings, random).image
    assert torch.equal(same, two.image)
