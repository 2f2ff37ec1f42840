"""FixMatch, and the plans of the six modes."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from tests.learning.conftest import SIZE, discs, tile, trusting, unlabelled, words
from torch.nn import functional

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import ArraySource, Box
from napari_semiseg.learning.filters import CappedFilter
from napari_semiseg.learning.fixmatch import consistency_loss
from napari_semiseg.learning.fixmatch_st import shares
from napari_semiseg.learning.fixmatch_st_settings import FixMatchSettings
from napari_semiseg.learning.learner import Learner
from napari_semiseg.learning.methods import METHODS, make_settings
from napari_semiseg.learning.networks import encoder_of
from napari_semiseg.learning.pseudo_labels import PseudoLabels
from napari_semiseg.learning.strong_views import TaughtTiles
from napari_semiseg.learning.training import Training
from napari_semiseg.learning.training_set import TrainingSet, UnlabelledImage

if TYPE_CHECKING:
    from napari_semiseg.learning.settings import Settings


def quick(steps: int = 6, **changes) -> Settings:
    """Few small steps of a small network with random weights, whatever the mode."""
    small = {"labelled_batch": 2, "unlabelled_batch": 2}
    values = {
        "steps": steps,
        "tile_size": SIZE,
        "validate_every": 0,
        "supervised_batch": 2,
        "network": {"encoder": "mobilenet_v2", "weights": "none"},
        "fixmatch": {**small, "warm_up": 0.0, **changes.pop("fixmatch", {})},
        "student": {**small, "views": 2, **changes.pop("student", {})},
        **changes,
    }
    return make_settings("fixmatch-st", "default", values)


def alone(**changes) -> Settings:
    """FixMatch with no student after it."""
    return quick(self_training="none", **changes)


# -- the modes ------------------------------------------------------------------------

NAMES = {"none": [], "st": ["self-training"], "st++": ["reliable half", "all images"]}


@pytest.mark.parametrize(
    ("first", "after"), list(itertools.product(["supervised", "fixmatch"], NAMES))
)
def test_six_modes(first, after):
    settings = quick(90, first=first, self_training=after)
    plan = METHODS["fixmatch-st"].plan(settings, 5, False)
    assert [stage.name for stage in plan] == [first, *NAMES[after]]
    assert [stage.n_steps for stage in plan] == [90 // len(plan)] * len(plan)
    assert [stage.begins for stage in plan[1:]] == ["fresh"] * len(NAMES[after])
    assert all(stage.taught for stage in plan[1:])


def test_one_image_is_too_few_to_be_ranked_and_none_to_learn():
    settings = quick(90, self_training="st++")
    for n, expected in ((1, ["fixmatch", "self-training"]), (0, ["supervised"])):
        plan = METHODS["fixmatch-st"].plan(settings, n, False)
        assert [stage.name for stage in plan] == expected
        assert sum(stage.n_steps for stage in plan) == 90


@pytest.mark.parametrize("n_students", [0, 1, 2])
@pytest.mark.parametrize("first", [None, 0.01, 0.4, 1.0])
def test_every_stage_has_a_step(n_students, first):
    for steps in range(1, 20):
        found = shares(steps, n_students, first)
        assert sum(found) == steps
        assert min(found) >= 1
        assert len(found) == (n_students + 1 if steps > n_students else 1)
    assert shares(1000, 2, 0.4) == [400, 300, 300]


@pytest.mark.parametrize("preset", ["default", "paper"])
def test_presets(preset):
    settings = METHODS["fixmatch-st"].settings.of_preset(preset)
    again = METHODS["fixmatch-st"].settings.model_validate(settings.model_dump())
    assert again == settings
    if preset == "paper":
        assert settings.learner.learning_rate == 0.009
        assert settings.learner.schedule == "poly"
        assert settings.supervised_batch == 16
        assert settings.fixmatch.unlabelled_batch == 16
        assert not settings.fixmatch.class_wise
        assert settings.network.architecture == "deeplabv3plus"
        assert settings.fixmatch.strong.cutmix == 0
        assert settings.labelled.intensity.probability == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"reliability": {"checkpoints": (1.0,)}},
        {"student": {"scales": ()}},
        {"student": {"scales": (9.0,)}},
        {"self_training": "st+"},
        {"fixmatch": {"threshold": 1.5}},
    ],
)
def test_settings_out_of_bounds_are_refused_in_words(changes):
    with pytest.raises(SemisegError, match="Setting"):
        quick(**changes)


# -- formulas -------------------------------------------------------------------------


def taught(label, selected, valid, weight=(1.0,)) -> TaughtTiles:
    image = torch.zeros(1, 1, 1, len(label))
    planes = (
        torch.tensor(label)[None, None],
        torch.tensor(selected)[None, None],
        torch.tensor(valid)[None, None],
    )
    weights = torch.tensor(weight).expand(len(label))[None, None]
    return TaughtTiles(image, *planes, weights)


def test_the_loss_is_over_all_valid_pixels_not_over_the_selected():
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 3.0], [0.0, 9.0]])
    logits = logits.T[None, :, None].requires_grad_()
    views = taught([0, 0, 1, 1], [True, True, False, False], [True, True, True, False])
    errors = [np.log1p(np.exp(-2)), np.log1p(np.exp(1))]
    loss = consistency_loss(logits, views)
    assert loss.item() == pytest.approx(sum(errors) / 3)
    loss.backward()
    assert (logits.grad[..., :2] != 0).all()
    assert not logits.grad[..., 2:].any()


def test_no_valid_pixel_is_no_loss_with_a_gradient():
    logits = torch.zeros(1, 2, 1, 2, requires_grad=True)
    loss = consistency_loss(logits, taught([0, 1], [False, False], [False, False]))
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


def pseudo(label: torch.Tensor, confidence: torch.Tensor) -> PseudoLabels:
    return PseudoLabels(torch.zeros(()), label, confidence)


def test_one_threshold_for_all_classes():
    tau = CappedFilter(3, FixMatchSettings(class_wise=False))
    label = torch.tensor([[0, 1, 2, 2]])
    confidence = torch.tensor([[0.95, 0.949, 0.96, 0.5]])
    tau.update(pseudo(label, confidence), torch.ones(1, 4, dtype=torch.bool))
    assert tau.thresholds == [0.95] * 3
    # >=, as in the code of FixMatch.
    assert tau.select(label, confidence).tolist() == [[True, False, True, False]]


def test_a_doubtful_class_has_a_threshold_of_its_own():
    """The smaller of tau and the percentile of the class's confidences."""
    tau = CappedFilter(3, FixMatchSettings(quantile=0.25))
    label = torch.arange(2).repeat_interleave(101)[None]
    confidence = torch.cat([torch.linspace(0.9, 1, 101), torch.linspace(0.4, 0.8, 101)])
    valid = torch.ones(1, 202, dtype=torch.bool)
    tau.update(pseudo(label, confidence[None]), valid)
    assert tau.thresholds == pytest.approx([0.925, 0.5, 0.95], abs=1e-6)
    chosen = tau.select(label, confidence[None])[0]
    assert chosen[101:].float().mean().item() == pytest.approx(0.75, abs=0.02)
    certain = pseudo(label, torch.full((1, 202), 0.999))
    for _ in range(500):
        tau.update(certain, valid)
    assert tau.thresholds == [0.95] * 3


def test_the_weight_rises_after_the_warm_up(training_set):
    settings = alone(
        steps=100, fixmatch={"warm_up": 0.25, "ramp": 0.1, "unlabelled_weight": 2.0}
    )
    stage = Training(training_set, settings, device="cpu").stage
    weights = [stage.unlabelled_weight(step) for step in range(100)]
    assert weights[:25] == [0] * 25
    assert weights[25:35] == pytest.approx([0.2 * n for n in range(1, 11)])
    assert weights[35:] == [2.0] * 65


def test_the_literal_weight_is_there_at_once(training_set):
    settings = alone(steps=100, fixmatch={"warm_up": 0.25, "ramp": 0.0})
    stage = Training(training_set, settings, device="cpu").stage
    assert [stage.unlabelled_weight(s) for s in (24, 25, 26, 99)] == [0, 1, 1, 1]


def test_decoder_and_encoder_learn_at_their_rates(training_set):
    network = Training(training_set, quick(), device="cpu").network
    settings = quick(learner={"decoder_scale": 10.0, "schedule": "poly"}).learner
    learner = Learner(network, settings)
    inside = {id(p) for p in encoder_of(network.body).parameters()}
    encoder, decoder = learner.optimizer.param_groups
    assert {id(p) for p in encoder["params"]} == inside
    assert len(encoder["params"]) + len(decoder["params"]) == len(
        list(network.parameters())
    )
    assert decoder["scale"] == 10
    assert "scale" not in encoder or encoder["scale"] == 1
    assert learner.rate(0.5) == pytest.approx(1e-3 * 0.5**0.9)


# -- the stage ------------------------------------------------------------------------


def test_reports(training_set):
    training = Training(training_set, alone(fixmatch={"warm_up": 0.5}), device="cpu")
    reports = list(training)
    assert [set(r.losses) for r in reports[:3]] == [{"total", "supervised"}] * 3
    assert [r.coverage for r in reports[:3]] == [None] * 3
    assert all("unsupervised" in r.losses for r in reports[3:])
    assert all(0 <= r.coverage <= 1 for r in reports[3:])
    assert [(r.forwards, r.samples) for r in reports[2:4]] == [(1, 2), (2, 6)]
    selection = training.model().card.selection
    assert selection == tuple(training.stage.thresholds.thresholds)


def test_the_control_arm_has_no_unlabelled_loss(training_set):
    settings = alone(fixmatch={"unlabelled_weight": 0.0})
    report = next(iter(Training(training_set, settings, device="cpu")))
    assert set(report.losses) == {"total", "supervised"}


def test_labels_are_those_of_the_weak_view_under_the_strong_one(training_set):
    """The strong view, with nothing strong in it, is the view that was labelled."""
    still = {"intensity": {"probability": 0}, "cutmix": 0.0}
    settings = alone(fixmatch={"strong": still, "threshold": 0.0, "class_wise": False})
    training = Training(training_set, settings, device="cpu")
    list(itertools.islice(training, 2))
    stage = training.stage
    views = stage.draw_unlabelled()
    again = stage.pseudo_labels(views.image)
    assert torch.equal(views.label, again.label)
    assert views.selected.all()
    assert len(views.label.unique()) > 1
    assert not stage.predictor.training
    assert training.network.training


def test_confident_pixels_alone_are_selected(training_set):
    still = {"intensity": {"probability": 0}, "cutmix": 0.0}
    settings = alone(fixmatch={"strong": still, "threshold": 0.5, "class_wise": False})
    training = Training(training_set, settings, device="cpu")
    next(iter(training))
    views = training.stage.draw_unlabelled()
    logits = training.stage.predictor(views.image).softmax(1)
    assert torch.equal(views.selected, logits.amax(1) >= 0.5)
    loss = consistency_loss(logits, views)
    error = functional.cross_entropy(logits, views.label, reduction="none")
    assert loss.item() == pytest.approx(
        (error * views.selected).sum().item() / views.valid.sum().item(), rel=1e-5
    )


@pytest.mark.parametrize("half_life", [0.0, 0.3])
def test_a_preview_shows_what_the_step_computed(training_set, half_life):
    trust = np.random.default_rng(0).integers(0, 3, (96, 96), np.uint8)
    image = discs(20, 96)[0]
    told = UnlabelledImage(ArraySource(image), "told", corrections=trusting(trust))
    images = replace(training_set, unlabelled=(*training_set.unlabelled, told))
    settings = alone(
        fixmatch={"warm_up": 0.5}, learner={"average_half_life": half_life}
    )
    training = Training(images, settings, device="cpu")
    box = Box((8, 8), (SIZE, SIZE))
    for report in training:
        shown = training.preview(told.source, box, "told")
        if report.step < 3:
            assert not shown.selected.any(), "the loss uses none of it yet"
        if report.step == 5:
            break
    stage = training.stage
    crop = torch.from_numpy(image[:, 8:40, 8:40].copy())[None]
    other = torch.from_numpy(discs(21)[0])[None]
    found = stage.pseudo_labels(torch.cat([crop, other]))
    here = words(trusting(trust).read(box))
    selected = stage.select(found.label[:1], found.confidence[:1], here)
    np.testing.assert_array_equal(shown.label, found.label[0].numpy())
    np.testing.assert_array_equal(shown.confidence, found.confidence[0].numpy())
    np.testing.assert_array_equal(shown.selected, selected[0].numpy())
    assert shown.selected[trust[box.slices] == 1].all()
    assert not shown.selected[trust[box.slices] == 2].any()
    assert 0 < shown.selected[trust[box.slices] == 0].mean() < 1


def test_one_unlabelled_image_is_never_mixed_with_itself():
    """Its pixels are all of one value, known by their place: none may move."""
    place = np.arange(48 * 48, dtype=np.float32).reshape(1, 48, 48) / 48**2
    only = UnlabelledImage(ArraySource(place), "only")
    still = {"intensity": {"probability": 0}, "cutmix": 1.0}
    settings = alone(fixmatch={"strong": still})
    training = Training(TrainingSet((tile(0),), (only,)), settings, device="cpu")
    next(iter(training))
    for _ in range(5):
        image = training.stage.draw_unlabelled().image[:, 0]
        steps = (image[:, 1:, :] - image[:, :-1, :]).abs().flatten(1)
        assert steps.amax(1).tolist() == pytest.approx(steps.amin(1).tolist(), abs=1e-6)


def test_fixmatch_with_one_labelled_tile_and_images_smaller_than_it():
    odd = [np.full((1, *shape), 0.5, np.float32) for shape in ((1, 1), (17, 300))]
    images = tuple(UnlabelledImage(ArraySource(one)) for one in odd)
    ignored = tile(1, annotated=np.zeros((SIZE, SIZE), bool))
    training = Training(
        TrainingSet((tile(0), ignored), images), alone(steps=4), device="cpu"
    )
    assert all(np.isfinite(r.losses["total"]) for r in training)


def test_no_unlabelled_image():
    training = Training(TrainingSet((tile(0),)), quick(steps=2), device="cpu")
    reports = list(training)
    assert {r.stage for r in reports} == {"supervised"}
    assert "only the supervised stage runs" in reports[0].message


def test_the_paper_learns_on_a_small_network():
    values = {
        "steps": 2,
        "tile_size": SIZE,
        "network": {"encoder": "resnet18", "weights": "none"},
        "fixmatch": {"labelled_batch": 2, "unlabelled_batch": 2, "warm_up": 0.0},
        "self_training": "none",
    }
    settings = make_settings("fixmatch-st", "paper", values)
    pool = tuple(unlabelled(s) for s in (10, 11))
    training = Training(TrainingSet((tile(0),), pool), settings, device="cpu")
    assert all(np.isfinite(r.losses["total"]) for r in training)
    assert training.stage.predictor is training.network
