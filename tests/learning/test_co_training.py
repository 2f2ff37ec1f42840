"""Co-training with fixed and dynamic pseudo-labels, step by step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.learning.conftest import (
    SIZE,
    corrected_set,
    discs,
    quick,
    tile,
    trusting,
    unlabelled,
)
from tests.learning.test_training import equal, weights_of

from napari_semiseg.geometry import ArraySource, Box
from napari_semiseg.learning.averaged_network import AveragedNetwork
from napari_semiseg.learning.lessons import Lesson, cut_and_mixed, draw_boxes
from napari_semiseg.learning.losses import cross_entropy, dice_loss, supervised_loss
from napari_semiseg.learning.methods import make_settings
from napari_semiseg.learning.model import Model, read_card
from napari_semiseg.learning.randomness import Randomness
from napari_semiseg.learning.shifted_crops import overlay
from napari_semiseg.learning.supervised import LabelledTiles
from napari_semiseg.learning.training import Training
from napari_semiseg.learning.training_set import TrainingSet, UnlabelledImage
from napari_semiseg.segmentation.classes import IGNORE

# Whole trainings, small as they are.
pytestmark = pytest.mark.slow

CPU = torch.device("cpu")


def settings(steps: int = 4, **stage):
    values = {
        "steps": steps,
        "tile_size": SIZE,
        "network": {"encoder": "mobilenet_v2", "weights": "none"},
        "co_training": {
            "labelled_batch": 2,
            "unlabelled_batch": 2,
            "warm_up": 0.25,
            **stage,
        },
    }
    return make_settings("co-training", "default", values)


def training_of(training_set, steps: int = 4, **stage) -> Training:
    return Training(training_set, settings(steps, **stage), device="cpu")


def lesson(n: int, shape: tuple[int, ...], seed: int = 0) -> Lesson:
    """Crop k is all k, in its pixels and in its labels."""
    generator = torch.Generator().manual_seed(seed)
    ones = torch.ones((n, *shape))
    number = torch.arange(n).view(-1, *(1,) * len(shape))
    counts = torch.rand((3, n, *shape), generator=generator) > 0.3
    label = (number * ones).long()
    weight = 1.0 + number * ones
    return Lesson((label[:, None]).float(), label, label + 10, *counts, weight)


# -- the loss --------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 4), (3, 4, 2)])
def test_dice_in_closed_form(shape):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn((2, 3, *shape), generator=generator)
    target = torch.randint(2, (2, *shape), generator=generator)
    target[0, 0] = IGNORE
    p, known = logits.softmax(1), target != IGNORE
    each = []
    for c in (0, 1):  # Class 2 is in no label, hence not in the mean.
        of_class = (target == c).float()
        both = 2 * (p[:, c] * of_class).sum()
        each.append(1 - both / (p[:, c][known].sum() + of_class.sum()))
    torch.testing.assert_close(dice_loss(logits, target), torch.stack(each).mean())


def test_dice_of_perfect_and_of_wrong_predictions():
    target = torch.tensor([[[0, 1], [2, 1]]])
    right = torch.nn.functional.one_hot(target, 3).movedim(-1, 1).float() * 50
    assert dice_loss(right, target) == pytest.approx(0, abs=1e-6)
    assert dice_loss(right.roll(1, 1), target) == pytest.approx(1, abs=1e-6)


def test_dice_without_any_label_is_nothing_with_a_gradient():
    logits = torch.randn(1, 3, 4, 4).requires_grad_()
    error = dice_loss(logits, torch.full((1, 4, 4), IGNORE))
    error.backward()
    assert error == 0
    assert (logits.grad == 0).all()


@pytest.mark.parametrize("alpha", [0.0, 0.25, 1.0])
def test_alpha_weighs_cross_entropy_against_dice(training_set, alpha):
    stage = training_of(training_set, alpha=alpha).stage
    logits = torch.randn(2, 3, 6, 6)
    target = torch.randint(3, (2, 6, 6))
    expected = alpha * supervised_loss(logits, target, stage.class_weights)
    expected = expected + (1 - alpha) * dice_loss(logits, target)
    tiles = LabelledTiles(torch.zeros(()), target, None, torch.ones(2, 6, 6))
    torch.testing.assert_close(stage.supervised(logits, tiles), expected)


@pytest.mark.parametrize("shape", [(5, 4), (3, 4, 2)])
def test_losses_on_pseudo_labels_are_means_over_valid_pixels(shape):
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn((2, 3, *shape), generator=generator)
    labels = torch.randint(3, (2, 2, *shape), generator=generator)
    masks = torch.rand((3, 2, *shape), generator=generator) > 0.4
    weight = torch.rand((2, *shape), generator=generator)
    one = Lesson(torch.zeros(2, 1, *shape), *labels, *masks, weight)
    found = one.losses(logits)
    for name, label, counts in zip(("fixed", "dynamic"), labels, masks, strict=False):
        error = cross_entropy(logits, label) * weight
        torch.testing.assert_close(found[name], error[counts].sum() / masks[2].sum())
    torch.testing.assert_close(one.coverage, masks[0].sum() / masks[2].sum())


# -- CutMix ----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(6, 8), (3, 6, 8)])
def test_everything_is_cut_alike_from_another_image(shape):
    numbers = torch.tensor([0, 0, 1, 2, 2])
    whole = lesson(5, shape)
    mixed = cut_and_mixed(whole, numbers, Randomness(0, CPU))
    assert torch.equal(mixed.image[:, 0].long(), mixed.fixed)
    assert torch.equal(mixed.dynamic, mixed.fixed + 10)
    for k, source in enumerate(mixed.fixed):
        partner = set(source.unique().tolist()) - {k}
        assert len(partner) == 1
        other = partner.pop()
        assert numbers[other] != numbers[k]
        from_partner = source == other
        assert torch.equal(
            mixed.valid[k], whole.valid[other].where(from_partner, whole.valid[k])
        )
        assert torch.equal(
            mixed.dynamic_counts[k],
            whole.dynamic_counts[other].where(from_partner, whole.dynamic_counts[k]),
        )


def test_crops_of_one_image_are_mixed_with_labelled_tiles():
    one = torch.zeros(3, dtype=torch.int64)
    alone = cut_and_mixed(lesson(3, (8, 8)), one, Randomness(0, CPU))
    assert torch.equal(alone.fixed, lesson(3, (8, 8)).fixed)
    image = torch.full((2, 1, 8, 8), 7.0)
    target = torch.full((2, 8, 8), 7)
    target[:, :4] = IGNORE
    tiles = LabelledTiles(image, target, None, torch.ones(2, 8, 8))
    labelled = Lesson.of_labels(tiles)
    mixed = cut_and_mixed(lesson(3, (8, 8)), one, Randomness(0, CPU), labelled)
    assert len(mixed) == 3
    pasted = mixed.image[:, 0] == 7
    assert pasted.flatten(1).any(1).all()
    assert not pasted.all()
    below = pasted.clone()
    below[:, :4] = False
    assert (mixed.fixed[below] == 7).all()
    assert mixed.valid[below].all()
    assert not mixed.valid[pasted & ~below].any()


def test_box_areas_are_distributed_as_beta_4_4():
    boxes = draw_boxes(4000, (64, 64), Randomness(0, CPU))
    area = boxes.float().mean((1, 2))
    assert area.mean().item() == pytest.approx(0.5, abs=0.01)
    assert area.var().item() == pytest.approx(4 * 4 / (8**2 * 9), rel=0.1)
    centre = boxes.float().mean(0)
    assert centre[0, 0] > 0  # The corner is reached, if rarely.
    assert boxes.flatten(1).any(1).all()
    rows, columns = boxes.any(2).sum(1), boxes.any(1).sum(1)
    assert torch.equal(rows * columns, boxes.flatten(1).sum(1))
    deep = draw_boxes(5, (4, 16, 16), Randomness(0, CPU))
    assert torch.equal(deep, deep[:, :1].expand_as(deep))


# -- the step --------------------------------------------------------------------------


def test_warm_up_then_both_pseudo_labels(training_set):
    training = training_of(training_set, confidence=0.35)
    reports = list(training)
    assert set(reports[0].losses) == {"total", "supervised"}
    assert set(reports[1].losses) == {"total", "supervised", "fixed", "dynamic"}
    assert (reports[0].forwards, reports[0].samples) == (2, 4)
    # Each network: fixed and shifted crops labelled, then crops and tiles learned.
    assert (reports[1].forwards, reports[1].samples) == (4, 16)
    assert all(0 < r.coverage <= 1 for r in reports[1:])
    assert reports[-1].scores is not None
    first, second = training.stage.networks
    assert not equal(first.state_dict(), second.state_dict())


@pytest.mark.parametrize(
    ("weights", "names"),
    [
        ({"dynamic_weight": 0.0}, {"fixed"}),
        ({"fixed_weight": 0.0}, {"dynamic"}),
        ({"fixed_weight": 0.0, "dynamic_weight": 0.0}, set()),
    ],
)
def test_either_pseudo_label_can_be_left_out(training_set, weights, names):
    report = next(iter(training_of(training_set, warm_up=0.0, **weights)))
    assert set(report.losses) - {"total", "supervised"} == names


def test_each_network_learns_what_the_other_says(training_set):
    """On the original crop the first, on a mixed one the second."""
    stage = training_of(training_set, confidence=0.0).stage
    batch = stage.sampler.draw_shifted(2, 1, stage.equipment.random)
    stage.sampler.draw_shifted = lambda *_: batch
    stage.turned = lambda given: given
    for_first, for_second = stage.teach(stage.draw_labelled())
    p, q = (stage.probability(n, batch.fixed.image) for n in stage.networks)
    assert torch.equal(for_first.image, batch.fixed.image)
    assert not torch.equal(for_second.image, batch.fixed.image)
    assert torch.equal(for_first.fixed, q.argmax(1))
    untouched = (for_second.image == batch.fixed.image)[:, 0]
    assert torch.equal(for_second.fixed[untouched], p.argmax(1)[untouched])
    shifted = stage.probability(stage.networks[1], batch.crops[:, 0])
    laid, _ = overlay(q, shifted[:, None], batch.shifts)
    agree = (for_first.dynamic == laid.argmax(1)).float().mean()
    assert agree > 0.99  # Bits of a batch of four may differ from those of two.
    stage.settings = stage.settings.model_copy(update={"cutmix": False})
    assert torch.equal(stage.teach(stage.draw_labelled())[1].image, batch.fixed.image)


def test_teaching_leaves_both_networks_as_they_are(training_set):
    stage = training_of(training_set).stage
    before = [{k: v.clone() for k, v in n.state_dict().items()} for n in stage.networks]
    stage.equipment.network.train()
    lessons = stage.teach(stage.draw_labelled())
    for network, kept in zip(stage.networks, before, strict=True):
        assert equal(network.state_dict(), kept)
        assert network.training
    assert not any(x.requires_grad for one in lessons for x in vars(one).values())


def test_gradients_of_each_network_come_from_its_own_loss(training_set):
    stage = training_of(training_set, warm_up=0.0).stage
    stage.losses(3).total.backward()
    for network in stage.networks:
        assert sum(float(p.grad.abs().sum()) for p in network.parameters()) > 0
    groups = [o.param_groups[0]["params"] for o in stage.optimizers]
    assert not {id(p) for p in groups[0]} & {id(p) for p in groups[1]}


def test_the_weight_waits_for_the_warm_up_and_then_rises(training_set):
    stage = training_of(training_set, 100, warm_up=0.2, ramp=0.5).stage
    assert stage.unlabelled_weight(19) == 0
    assert stage.unlabelled_weight(39) == pytest.approx(np.exp(-5 * 0.25))
    assert stage.unlabelled_weight(59) == stage.unlabelled_weight(90) == 1


def test_polynomial_decay_of_sgd(training_set):
    stage = training_of(training_set, 100, optimizer="sgd", learning_rate=0.01).stage
    assert stage.rate(0) == 0.01
    assert stage.rate(50) == pytest.approx(0.01 * 0.5**0.9)
    assert all(isinstance(o, torch.optim.SGD) for o in stage.optimizers)


@pytest.mark.parametrize("broken_at", [1, 2, 3])
@pytest.mark.parametrize("half_life", [0.0, 0.05])
def test_resume_is_bitwise(tmp_path, broken_at, half_life):
    training_set = corrected_set()
    whole = training_of(training_set, average_half_life=half_life)
    list(whole)
    broken = training_of(training_set, average_half_life=half_life)
    for report in broken:
        torch.rand(3)
        if report.step == broken_at:
            broken.save_checkpoint(tmp_path / "checkpoint")
            break
    resumed = Training.resume(tmp_path / "checkpoint", training_set, device="cpu")
    reports = list(resumed)
    assert [r.samples for r in reports] == [16] * (4 - broken_at)
    assert equal(weights_of(whole), weights_of(resumed))
    for one, other in zip(whole.stage.networks, resumed.stage.networks, strict=True):
        assert equal(one.state_dict(), other.state_dict())


def test_previews_and_pace_change_nothing(training_set):
    plain, watched = training_of(training_set), training_of(training_set)
    list(plain)
    assert set(watched.seconds_per_step()) == {"co-training"}
    for _ in watched:
        watched.preview(ArraySource(discs(20, 96)[0]), Box((0, 0), (32, 32)))
    assert equal(weights_of(plain), weights_of(watched))


def test_a_preview_shows_the_mean_and_what_is_confident(training_set):
    trust = np.random.default_rng(0).integers(0, 3, (96, 96), np.uint8)
    image = discs(20, 96)[0]
    told = UnlabelledImage(ArraySource(image), "told", corrections=trusting(trust))
    training_set = replace(training_set, unlabelled=(*training_set.unlabelled, told))
    training = training_of(training_set, confidence=0.6)
    list(training)
    box = Box((8, 8), (32, 32))
    shown = training.preview(ArraySource(image), box, "told")
    here = trust[box.slices]
    expected = ((shown.confidence >= 0.6) | (here == 1)) & (here != 2)
    np.testing.assert_array_equal(shown.selected, expected)
    assert training.model().card.selection == (0.6, 0.6, 0.6)


def test_a_person_decides_which_pseudo_labels_count():
    for value, expected in ((1, True), (2, False)):
        said = np.full((48, 48), value, np.uint8)
        image = replace(unlabelled(10), corrections=trusting(said))
        stage = training_of(
            TrainingSet((tile(0),), (image,)), confidence=1.0, cutmix=False
        ).stage
        first, second = stage.teach(stage.draw_labelled())
        for one in (first, second):
            assert (one.fixed_counts == expected).all()
            assert (one.dynamic_counts == expected).all()


# -- images ----------------------------------------------------------------------------


def test_one_unlabelled_image_and_none():
    labelled = (tile(0), tile(1))
    one = training_of(TrainingSet(labelled, (unlabelled(10),)))
    assert all(np.isfinite(r.losses["total"]) for r in one)
    reports = list(training_of(TrainingSet(labelled), 2))
    assert {r.stage for r in reports} == {"supervised"}
    assert "only the supervised stage runs" in reports[0].message


@pytest.mark.parametrize("shape", [(1, 1), (17, 300), (SIZE, SIZE)])
def test_images_without_room_for_shifts(shape):
    odd = UnlabelledImage(ArraySource(np.full((1, *shape), 0.5, np.float32)), "odd")
    training = training_of(
        TrainingSet((tile(0),), (odd,)), warm_up=0.0, cutmix=False, confidence=0.0
    )
    reports = list(training)
    assert all(np.isfinite(r.losses["total"]) for r in reports)
    told = "no dynamic pseudo-labels" in reports[0].message
    assert told == (shape != (17, 300))
    assert all(r.losses["dynamic"] == 0 for r in reports) == told


def test_classes_of_pixels():
    kinds = {1: 1, 2: 2, 3: 3, 4: 1, 5: 2, 6: 3}
    training_set = TrainingSet(
        (tile(0, classes=kinds), tile(2, "validation", classes=kinds)),
        (unlabelled(10), unlabelled(11)),
        classes=("a", "b", "c"),
        task="semantic",
    )
    training = training_of(training_set)
    reports = list(training)
    assert all(np.isfinite(r.losses["total"]) for r in reports)
    assert training.model().card.selection == (0.5,) * 4


def test_it_learns(training_set):
    training = training_of(training_set, 40, warped=False)
    training.settings = training.settings.model_copy(update={"validate_every": 0.0})
    losses = [r.losses["supervised"] for r in training]
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])


# -- the model -------------------------------------------------------------------------


def test_the_model_is_the_mean_of_two_networks(training_set, tmp_path):
    training = training_of(training_set, 2, average_half_life=0.0)
    list(training)
    model = training.model()
    image = torch.rand(2, 1, 40, 33)
    each = [n.eval()(image).softmax(1) for n in map(_frozen, training.stage.networks)]
    expected = torch.stack(each).mean(0)
    torch.testing.assert_close(model.probabilities(image), expected)
    model.save(tmp_path)
    assert read_card(tmp_path).n_networks == 2
    again = Model.load(tmp_path)
    assert isinstance(again.network, AveragedNetwork)
    assert torch.equal(again.probabilities(image), model.probabilities(image))
    assert again.card == model.card


def _frozen(network):
    return network.requires_grad_(False)


def test_both_networks_are_gone_on_from(training_set, tmp_path):
    first = training_of(training_set, 2, average_half_life=0.0)
    list(first)
    first.model().save(tmp_path / "model")
    start = Model.load(tmp_path / "model")
    again = Training(training_set, settings(3), device="cpu", start=start)
    again.save_checkpoint(tmp_path / "early")
    for training in (
        again,
        Training.resume(tmp_path / "early", training_set, device="cpu"),
    ):
        for mine, old in zip(
            training.stage.networks, start.network.members, strict=True
        ):
            assert equal(mine.state_dict(), old.state_dict())
            assert mine is not old
            assert all(p.requires_grad for p in mine.parameters())
    list(again)


def test_other_methods_go_on_from_the_first_of_two(training_set):
    first = training_of(training_set, 1)
    list(first)
    start = first.model()
    other = Training(training_set, quick("supervised", 1), device="cpu", start=start)
    assert equal(other.network.state_dict(), start.network.members[0].state_dict())
    list(other)
    assert other.model().card.n_networks == 1


def test_a_single_network_finds_a_companion_with_its_encoder(training_set):
    first = Training(training_set, quick("supervised", 1), device="cpu")
    list(first)
    again = Training(training_set, settings(2), device="cpu", start=first.model())
    mine, companion = again.stage.networks
    encoders = [n.body.encoder.state_dict() for n in (mine, companion)]
    assert equal(*encoders)
    heads = [n.body.segmentation_head[0].weight for n in (mine, companion)]
    assert not torch.equal(*heads)


def test_what_the_paper_leaves_open_is_taken_from_its_relatives():
    paper = make_settings("co-training", "paper").co_training
    assert (paper.labelled_batch, paper.unlabelled_batch) == (2, 2)
    assert (paper.optimizer, paper.learning_rate, paper.weight_decay) == (
        "sgd",
        0.01,
        1e-4,
    )
    assert (paper.alpha, paper.shift, paper.n_shifts) == (0.5, 0.25, 1)
    assert paper.cutmix
