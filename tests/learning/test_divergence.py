"""The divergences in closed form, and what clipping does to them."""

from __future__ import annotations

import math

import pytest
import torch

from napari_semiseg.learning.divergence import (
    CLIPPED_AT,
    MIXED_IN,
    clipped_kl,
    clipped_kl_to_labels,
    kl_to_labels,
    ramp_up,
    symmetric_kl,
)
from napari_semiseg.learning.losses import cross_entropy
from napari_semiseg.segmentation.classes import IGNORE

SHAPES = [(2, 3, 5, 4), (2, 4, 3, 4, 2)]


def probability(shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    logits = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return logits.softmax(1)


@pytest.mark.parametrize("shape", SHAPES)
def test_symmetric_kl_is_the_mean_of_both_directions(shape):
    p, q = probability(shape), probability(shape, 1)
    found = symmetric_kl(p, q)
    mixed_p, mixed_q = (x * (1 - MIXED_IN) + MIXED_IN / shape[1] for x in (p, q))
    forth = (mixed_p * (mixed_p / mixed_q).log()).sum(1)
    back = (mixed_q * (mixed_q / mixed_p).log()).sum(1)
    torch.testing.assert_close(found, (forth + back) / 2)
    torch.testing.assert_close(found, symmetric_kl(q, p))
    assert found.shape == (shape[0], *shape[2:])


def test_symmetric_kl_of_two_numbers():
    p, q = (torch.tensor([a, 1 - a]).view(1, 2, 1) for a in (0.8, 0.3))
    expected = 0.5 * 0.5 * (math.log(0.8 / 0.3) + math.log(0.7 / 0.2))
    assert symmetric_kl(p, q).item() == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_equal_predictions_are_consistent(shape):
    p = probability(shape)
    assert symmetric_kl(p, p).abs().max() == 0


@pytest.mark.parametrize("shape", SHAPES)
def test_the_gradient_reaches_both_predictions(shape):
    logits = [torch.randn(shape).requires_grad_() for _ in range(2)]
    symmetric_kl(*(z.softmax(1) for z in logits)).mean().backward()
    assert all(z.grad.abs().sum() > 0 for z in logits)


def test_certain_opposites_are_finite_and_have_a_gradient():
    z = torch.tensor([[20.0, -20.0]]).view(1, 2, 1).requires_grad_()
    w = torch.tensor([[-2.0, 2.0]]).view(1, 2, 1).requires_grad_()
    error = symmetric_kl(z.softmax(1), w.softmax(1)).sum()
    error.backward()
    assert error.isfinite()
    assert w.grad.abs().sum() > 0.1
    hard = torch.tensor([1.0, 0.0]).view(1, 2, 1)
    assert symmetric_kl(hard, hard.flip(1)).isfinite().all()


def test_labels_against_a_prediction_in_closed_form():
    logits = torch.tensor([[1.0, -0.5, 0.2]]).view(1, 3, 1)
    target = torch.tensor([[2]])
    p = logits.softmax(1).flatten()
    label = torch.tensor([0.0, 0.0, 1.0]) * (1 - MIXED_IN) + MIXED_IN / 3
    both = (label * (label / p).log()).sum() + (p * (p / label).log()).sum()
    assert kl_to_labels(logits, target).item() == pytest.approx(both.item() / 2)


@pytest.mark.parametrize("divergence", [kl_to_labels, clipped_kl_to_labels])
def test_ignored_pixels_have_neither_loss_nor_gradient(divergence):
    logits = torch.randn(1, 3, 2, 2).requires_grad_()
    target = torch.tensor([[[0, IGNORE], [IGNORE, IGNORE]]])
    error = divergence(logits, target)
    assert (error[target == IGNORE] == 0).all()
    error.sum().backward()
    assert (logits.grad[:, :, 0, 1] == 0).all()
    assert logits.grad[:, :, 0, 0].abs().sum() > 0


def test_the_clipped_form_has_no_gradient_where_it_is_most_wrong():
    """Why the public code's network never leaves one constant class."""
    target = torch.tensor([[1]])
    gradients = {}
    for form in (clipped_kl_to_labels, kl_to_labels, cross_entropy):
        logits = torch.tensor([[20.0, -20.0]]).view(1, 2, 1).requires_grad_()
        error = form(logits, target)
        error.sum().backward()
        gradients[form.__name__] = logits.grad.abs().sum().item()
        if form is clipped_kl_to_labels:
            assert error.item() == pytest.approx(-math.log(CLIPPED_AT), rel=1e-5)
    assert gradients["clipped_kl_to_labels"] == 0
    assert gradients["cross_entropy"] == pytest.approx(2)
    assert gradients["kl_to_labels"] == pytest.approx(1, rel=0.01)


def test_the_published_loss_of_a_collapsed_network():
    """14.5: nine classes of ten are wrong, each at the clipped probability."""
    logits = torch.zeros(1, 10, 10)
    logits[:, 0] = 40.0
    target = torch.arange(10)[None]
    loss = clipped_kl_to_labels(logits, target).mean()
    assert loss.item() == pytest.approx(14.5, abs=0.02)


def test_clipped_kl_is_the_plain_one_between_ordinary_predictions():
    p, q = probability(SHAPES[0]), probability(SHAPES[0], 1)
    torch.testing.assert_close(clipped_kl(p, q), (p * (p / q).log()).sum(1))


def test_ramp_up():
    assert ramp_up(0) == pytest.approx(math.exp(-5))
    assert ramp_up(0.5) == pytest.approx(math.exp(-1.25))
    assert ramp_up(1) == ramp_up(7) == 1
