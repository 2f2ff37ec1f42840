"""Which images are reliable: closed forms, and images on which nothing is seen."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from napari_semiseg.geometry import ArraySource, Box
from napari_semiseg.learning.reliability import (
    Agreement,
    assess,
    keep_checkpoint,
    parts_of,
    ranked,
)


def agreement(*labels: list[int], n_classes: int = 3, background: bool = False):
    made = Agreement(len(labels), n_classes, background=background)
    made.add([np.array(label, np.uint8) for label in labels])
    return made.score


def test_the_score_is_the_mean_over_the_earlier_checkpoints_of_the_mean_iou():
    first, second, last = [0, 1, 1, 2], [0, 0, 1, 2], [0, 1, 1, 1]
    # Last against first: class 1: 2 of 3, class 2: 0 of 1. Second: 1 of 3, 0 of 1.
    of_first, of_second = (2 / 3 + 0) / 2, (1 / 3 + 0) / 2
    assert agreement(first, second, last) == pytest.approx((of_first + of_second) / 2)
    # With the background: 1 of 1, and 1 of 2.
    with_it = ((2 / 3 + 0 + 1) / 3 + (1 / 3 + 0 + 1 / 2) / 3) / 2
    assert agreement(first, second, last, background=True) == pytest.approx(with_it)


def test_a_class_that_neither_predicts_is_left_out():
    assert agreement([0, 1, 1], [0, 1, 1], n_classes=7) == 1
    assert agreement([0, 1, 1], [0, 1, 0], n_classes=7) == pytest.approx(1 / 2)


@pytest.mark.parametrize("background", [True, False])
def test_all_background_has_no_score(background):
    """The public code gives it 1, the best there is."""
    nothing = [0, 0, 0, 0]
    assert agreement(nothing, nothing, nothing, background=background) is None


def test_an_object_that_one_checkpoint_alone_sees_is_no_agreement():
    nothing, something = [0, 0, 0], [0, 1, 1]
    assert agreement(nothing, nothing, something) == 0
    assert agreement(something, nothing, nothing) == 0


def test_parts_of_an_image_add_up():
    labels = np.random.default_rng(0).integers(0, 3, (3, 40), np.uint8)
    whole = Agreement(3, 3, background=False)
    whole.add(list(labels))
    pieces = Agreement(3, 3, background=False)
    pieces.add(list(labels[:, :13]))
    pieces.add(list(labels[:, 13:]))
    assert pieces.score == whole.score


def rounds(assessed, fraction=0.5):
    found = ranked([str(i) for i in range(len(assessed))], assessed, fraction)
    assert [str(i) for i, _ in found] == [one.image_id for _, one in found]
    return [(i, one.round) for i, one in found]


def test_the_better_half_comes_first():
    assessed = [(0.2, 0.5), (0.9, 0.5), (0.4, 0.5), (0.6, 0.5), (0.1, 0.5)]
    assert rounds(assessed) == [(1, 1), (3, 1), (2, 2), (0, 2), (4, 2)]


def test_an_image_without_object_is_never_reliable():
    assessed = [(None, 0.99), (0.1, 0.4), (None, 1.0), (None, 0.98)]
    assert rounds(assessed) == [(1, 1), (2, 2), (0, 2), (3, 2)]
    assert rounds([(None, 0.9), (None, 0.95)]) == [(1, 2), (0, 2)]
    assert rounds([(None, 0.9), (0.0, 0.1)], fraction=1.0) == [(1, 1), (0, 2)]


def test_one_image_at_least_is_reliable_and_ties_go_by_confidence():
    assert rounds([(0.2, 0.5), (0.2, 0.9), (0.2, 0.7)], fraction=0.0) == [
        (1, 1),
        (2, 2),
        (0, 2),
    ]


def test_checkpoints_are_kept_at_their_fractions():
    network, handed_on = nn.Linear(1, 1), {}
    taken = []
    for step in range(12):
        with torch.no_grad():
            network.weight.fill_(step)
        keep_checkpoint(handed_on, network, (step + 1) / 12, (1 / 6, 1 / 3, 1.0))
        taken.append(len(handed_on["checkpoints"]))
    assert taken == [0, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3]
    weights = [float(state["weight"]) for state in handed_on["checkpoints"]]
    assert weights == [1, 3, 11], "copies, not the weights that go on learning"


class Seer(nn.Module):
    """Class 1 where the image is brighter than its threshold, as sure as told."""

    def __init__(self, threshold: float, logit: float = 2.0) -> None:
        super().__init__()
        self.threshold, self.logit = threshold, logit

    def forward(self, x):
        sign = torch.where(x[:, 0] > self.threshold, 1.0, -1.0)
        return torch.stack([-sign, sign, torch.full_like(sign, -50)], 1) * self.logit


def test_networks_are_compared_on_pixels():
    image = np.linspace(0, 1, 40 * 50, dtype=np.float32).reshape(1, 40, 50)
    networks = [Seer(t) for t in (0.5, 0.25, 0.75)]
    source, cpu = ArraySource(image), torch.device("cpu")
    score, confidence = assess(networks, source, cpu, 3, background=False)
    assert score == pytest.approx((1 / 2 + 1 / 3) / 2, abs=0.01)
    assert confidence == pytest.approx(1 / (1 + np.exp(-4)), abs=1e-4)
    blind = [Seer(2.0)] * 3
    assert assess(blind, source, cpu, 3, background=False)[0] is None
    # A first stage of one step has but one checkpoint.
    assert assess(networks[:1], source, cpu, 3, background=False) == (None, 0.0)


def test_large_images_are_compared_in_parts_of_all_regions():
    assert parts_of((700, 900)) == [Box((0, 0), (700, 900))]
    parts = parts_of((20_000, 9_000))
    assert len(parts) == 16
    assert sum(p.size[0] * p.size[1] for p in parts) <= 16 * 512**2
    ends = [part.end for part in parts]
    assert max(y for y, _ in ends) == 20_000
    assert len({part.origin for part in parts}) == 16
    assert len({part.origin[1] for part in parts}) == 4
    thin = parts_of((300, 90_000))
    assert {part.size for part in thin} == {(300, 512)}
    assert len(thin) == 4
