"""One test for each error of the public code of ACTIS that concerns training.

Each fails on the form the public code has. Numbers as in docs/methods.md; those on
thresholds, metrics and the watershed (13, 16, 18, 19) stand in tests/segmentation.
"""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from tests.learning.conftest import quick, tile, unlabelled
from torch import nn

from napari_semiseg.learning import intensity, symmetries, warps
from napari_semiseg.learning.consistency import ConsistencyStage
from napari_semiseg.learning.losses import cross_entropy, masked_mean
from napari_semiseg.learning.methods import make_settings
from napari_semiseg.learning.pseudo_labels import PercentileFilter, PseudoLabels
from napari_semiseg.learning.randomness import Randomness
from napari_semiseg.learning.sampling import LabelledSampler
from napari_semiseg.learning.settings import GeometrySettings, IntensitySettings
from napari_semiseg.learning.targets import class_targets
from napari_semiseg.learning.teacher import Average, averaged_probability
from napari_semiseg.learning.training import Training
from napari_semiseg.learning.training_set import TrainingSet
from napari_semiseg.learning.validation import tile_probabilities
from napari_semiseg.segmentation.classes import IGNORE

CPU = torch.device("cpu")


def small_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3))


def pseudo_of(confidence: torch.Tensor, label: int = 0) -> PseudoLabels:
    labels = torch.full(confidence.shape, label)
    return PseudoLabels(confidence[:, None], labels, confidence)


def test_1_the_teacher_moves_towards_the_student():
    student = small_network()
    teacher = Average(student)
    before = teacher.network[0].weight.clone()
    with torch.no_grad():
        student[0].weight += 1
    teacher.update(student, 0.99)
    expected = 0.99 * before + 0.01 * student[0].weight
    torch.testing.assert_close(teacher.network[0].weight, expected)


def test_2_the_teacher_follows_the_running_statistics_too():
    student = small_network()
    teacher = Average(student)
    student.train()(torch.randn(4, 1, 8, 8))
    before = teacher.network[1].running_mean.clone()
    teacher.update(student, 0.9)
    expected = 0.9 * before + 0.1 * student[1].running_mean
    torch.testing.assert_close(teacher.network[1].running_mean, expected)
    assert teacher.network[1].num_batches_tracked == 1


def test_3_the_percentile_stays_valid_for_any_number_of_steps():
    keep = PercentileFilter(1, 0.2, 0.99, bias_correction=False)
    confidence = torch.linspace(0, 1, 400).view(1, 20, 20)
    for _ in range(12_000 // 100):  # The public schedule is negative from 10,001 on.
        keep.update(pseudo_of(confidence), torch.ones(1, 20, 20, dtype=torch.bool))
    assert keep.thresholds[0] == pytest.approx(0.2, abs=1e-6)
    assert make_settings("actis", "paper").consistency.quantile == 0.2


def test_4_the_threshold_starts_at_the_first_percentile_seen():
    keep = PercentileFilter(3, 0.2, 0.99, bias_correction=True)
    confidence = torch.linspace(0.8, 1, 400).view(1, 20, 20)
    pseudo = pseudo_of(confidence)
    keep.update(pseudo, torch.ones(1, 20, 20, dtype=torch.bool))
    assert keep.thresholds[0] == pytest.approx(0.84, abs=1e-4)
    share = keep.select(pseudo.label, pseudo.confidence).float().mean()
    assert share == pytest.approx(0.8, abs=0.01)


def test_5_saturated_confidence_is_not_dropped():
    keep = PercentileFilter(1, 0.2, 0.99, bias_correction=True)
    pseudo = pseudo_of(torch.ones(1, 20, 20))
    keep.update(pseudo, torch.ones(1, 20, 20, dtype=torch.bool))
    assert keep.select(pseudo.label, pseudo.confidence).all()


def test_6_views_are_averaged_as_probabilities():
    """One extreme view must not outvote the others."""

    class PerView(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            # The second view is hugely sure of class 2, the other three of class 0.
            logits = torch.tensor([2.0, 0.0, 0.0]).repeat(len(x), 1)
            logits[1] = torch.tensor([0.0, 0.0, 60.0])
            return logits[:, :, None, None].expand(-1, -1, 4, 4)

    probability = averaged_probability(PerView(), torch.zeros(1, 1, 4, 4), 4)
    assert (probability.argmax(1) == 0).all()
    assert float(probability.sum(1).mean()) == pytest.approx(1, abs=1e-5)


def test_7_validation_thresholds_see_probabilities(training_set):
    training = Training(training_set, quick("supervised"), device="cpu")
    (probability,) = tile_probabilities(training.network, training_set.validation, CPU)
    np.testing.assert_allclose(probability.sum(0), 1, atol=1e-5)
    assert probability.min() >= 0


def test_8_validation_neither_learns_nor_changes_the_mode(training_set):
    training = Training(training_set, quick("supervised"), device="cpu")
    training.network.train()
    before = copy.deepcopy(training.network.state_dict())
    tile_probabilities(training.network, training_set.validation, CPU)
    assert training.network.training
    for name, tensor in training.network.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_9_warped_labels_hold_no_new_id():
    random = Randomness(0, CPU)
    ids = torch.zeros(2, 1, 48, 48)
    ids[:, :, 20:60, 20:60] = 7
    settings = GeometrySettings(probability=1.0, elastic=5.0)
    where = warps.draw_positions(2, 64, 96, settings, random)
    warped = warps.resample(ids, where, "nearest")
    assert set(warped.unique().tolist()) == {0.0, 7.0}


def test_9_a_share_of_the_samples_is_not_warped():
    settings = GeometrySettings(probability=0.0)
    where = warps.draw_positions(2, 64, 96, settings, Randomness(0, CPU))
    image = torch.rand(2, 1, 96, 96)
    same = warps.resample(image, where, "bilinear")
    torch.testing.assert_close(same, image[..., 16:80, 16:80], atol=1e-4, rtol=0)


def test_10_blur_blurs():
    settings = IntensitySettings(strength=0.0, gamma=1.0, noise=0.0, probability=1.0)
    image = torch.zeros(4, 1, 33, 33)
    image[..., 16, 16] = 1
    out = intensity.augment(image, settings, Randomness(0, CPU))
    assert (out.amax((1, 2, 3)) < 0.99).any()
    torch.testing.assert_close(out.sum((1, 2, 3)), torch.ones(4), atol=1e-3, rtol=0)


def test_10_values_are_not_clamped_and_each_sample_draws_its_own():
    settings = IntensitySettings(probability=1.0, blur=0.0)
    image = torch.linspace(-0.5, 2.0, 1024).view(1, 1, 32, 32).expand(8, -1, -1, -1)
    out = intensity.augment(image.contiguous(), settings, Randomness(0, CPU))
    assert out.min() < 0
    assert out.max() > 1
    assert len({round(float(one.mean()), 4) for one in out}) == 8


def test_10_any_number_of_channels():
    image = torch.rand(2, 5, 32, 32)
    out = intensity.augment(image, IntensitySettings(), Randomness(0, CPU))
    assert out.shape == image.shape
    assert torch.isfinite(out).all()


def test_11_the_teacher_sees_all_eight_symmetries():
    seen = []

    class Remember(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.extend(x[:, 0])
            return x.expand(-1, 3, -1, -1)

    image = torch.arange(16.0).view(1, 1, 4, 4)
    averaged_probability(Remember(), image, 8)
    assert len({tuple(view.flatten().tolist()) for view in seen}) == 8


def test_11_views_of_an_equivariant_network_agree():
    network = nn.Conv2d(1, 3, 1)
    image = torch.rand(2, 1, 16, 16)
    with torch.no_grad():
        expected = network(image).softmax(1)
    torch.testing.assert_close(averaged_probability(network, image, 8), expected)


def test_11_students_are_turned_too():
    turns = set(Randomness(0, CPU).integers(symmetries.N_SYMMETRIES, 200))
    assert turns == set(range(8))


def test_12_no_label_smoothing_and_ignored_pixels_do_not_dilute():
    logits = torch.zeros(1, 3, 2, 2)
    logits[:, 1] = 100.0
    target = torch.tensor([[[1, 1], [IGNORE, IGNORE]]])
    error = cross_entropy(logits, target)
    assert float(error.sum()) == pytest.approx(0, abs=1e-6)
    wrong = cross_entropy(-logits, target)
    mean = masked_mean(wrong, target != IGNORE)
    assert float(mean) == pytest.approx(float(wrong[0, 0, 0]))


def test_12_a_batch_without_annotation_costs_nothing():
    logits = torch.zeros(1, 3, 4, 4, requires_grad=True)
    target = torch.full((1, 4, 4), IGNORE)
    loss = masked_mean(cross_entropy(logits, target), target != IGNORE)
    loss.backward()
    assert float(loss.detach()) == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_14_one_tile_is_enough():
    few = TrainingSet((tile(0),), (unlabelled(10),))
    reports = list(Training(few, quick(steps=4), device="cpu"))
    assert [r.step for r in reports] == [1, 2, 3, 4]


def test_15_every_seed_draws_its_own_batches(training_set):
    sampler = LabelledSampler(training_set.training, 32, CPU)
    drawn = [
        Randomness(seed, CPU).uniform(0, 1, (3,)).tolist()
        for seed in (0, 32, 64, 2**16)  # Alike in the public code, modulo 32.
    ]
    assert len({tuple(d) for d in drawn}) == 4
    assert sampler.draw(2, Randomness(0, CPU)).image.shape == (2, 1, 48, 48)


def test_17_the_student_never_overwrites_the_teacher(training_set):
    training = Training(training_set, quick(supervised_fraction=0.0), device="cpu")
    next(iter(training))
    stage = training.stage
    assert isinstance(stage, ConsistencyStage)
    student = dict(training.network.named_parameters())
    same = [
        torch.equal(p, student[name])
        for name, p in stage.teacher.network.named_parameters()
    ]
    assert not all(same)


def test_9_targets_are_made_after_the_warp():
    """A boundary stays one pixel thick at any zoom."""
    ids = torch.zeros(1, 1, 64, 64)
    ids[..., 16:48, 16:48] = 1
    big = nn.functional.interpolate(ids, scale_factor=3, mode="nearest")
    known = torch.ones(1, 192, 192, dtype=torch.bool)
    target = class_targets(big[:, 0].long(), known, known, "inner")
    assert (target[0, 96] == 2).sum() == 2
