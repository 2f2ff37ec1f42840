"""Learning consistency under transformations, step by step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.learning.conftest import (
    SIZE,
    corrected_set,
    discs,
    tile,
    trusting,
    unlabelled,
)
from tests.learning.test_training import equal, weights_of
from torch import nn

from napari_semiseg.geometry import ArraySource, Box
from napari_semiseg.learning import transformations
from napari_semiseg.learning.divergence import (
    clipped_kl,
    clipped_kl_to_labels,
    symmetric_kl,
)
from napari_semiseg.learning.losses import cross_entropy
from napari_semiseg.learning.methods import make_settings
from napari_semiseg.learning.training import Training
from napari_semiseg.learning.training_set import TrainingSet, UnlabelledImage
from napari_semiseg.segmentation.classes import IGNORE

# Whole trainings, small as they are.
pytestmark = pytest.mark.slow

NOTHING = dict.fromkeys(("shift", "rotation", "flip", "elastic", "noise"), False)


def settings(steps: int = 4, start: str = "cold", **stage):
    values = {
        "steps": steps,
        "start": start,
        "tile_size": SIZE,
        "network": {"encoder": "mobilenet_v2", "weights": "none"},
        "consistency": {"labelled_batch": 2, "unlabelled_batch": 2, **stage},
    }
    return make_settings("consistency", "default", values)


def training_of(training_set, *args, **changes) -> Training:
    return Training(training_set, settings(*args, **changes), device="cpu")


def test_both_losses_from_the_first_step(training_set):
    reports = list(training_of(training_set))
    assert [r.stage for r in reports] == ["consistency"] * 4
    assert all(set(r.losses) == {"total", "supervised", "consistency"} for r in reports)
    assert all(0.2 < r.coverage < 1 for r in reports)
    assert (reports[0].forwards, reports[0].samples) == (1, 8)
    assert reports[-1].scores is not None


@pytest.mark.parametrize(
    ("start", "expected"), [("cold", [8]), ("warm", [4, 4]), ("warm-early", [1, 7])]
)
def test_the_three_ways_to_start(training_set, start, expected):
    training = training_of(training_set, 8, start)
    assert [p.n_steps for p in training.plan] == expected
    names = [r.stage for r in training]
    assert names == ["supervised"] * (8 - expected[-1]) + ["consistency"] * expected[-1]
    rates = training.stage.settings
    first = rates.learning_rate if start == "cold" else rates.warm_learning_rate
    assert training.stage.rate(0) == first


@pytest.mark.parametrize(("start", "kept"), [("warm", False), ("warm-early", True)])
def test_an_early_stop_goes_on_from_the_best_weights(
    training_set, monkeypatch, start, kept
):
    scores = iter([0.9, 0.1, *[0.0] * 9])
    monkeypatch.setattr(
        "napari_semiseg.learning.model_selection.score_tiles",
        lambda *_: {"ap": next(scores), "f1": 0.0, "s_dsb": 0.0},
    )
    given = settings(4, start)
    given = given.model_copy(update={"validate_every": 0.25, "early_fraction": 0.5})
    training = Training(training_set, given, device="cpu")
    seen = []
    for report in training:
        if report.stage == "supervised":
            state = training.network.state_dict()
            if not training.stages.index:
                state = training.stage.predictor.state_dict()
            seen.append({k: v.clone() for k, v in state.items()})
        if report.step == 2:
            break
    # After the last supervised step the next stage has its weights already.
    assert equal(training.network.state_dict(), seen[0]) == kept


@pytest.mark.parametrize("sides", ["one", "two"])
@pytest.mark.parametrize("broken_at", [1, 2, 3])
def test_resume_is_bitwise(tmp_path, sides, broken_at):
    training_set = corrected_set()
    whole = training_of(training_set, 4, "warm", sides=sides)
    list(whole)
    broken = training_of(training_set, 4, "warm", sides=sides)
    for report in broken:
        torch.rand(3)
        if report.step == broken_at:
            broken.save_checkpoint(tmp_path / "checkpoint")
            break
    resumed = Training.resume(tmp_path / "checkpoint", training_set, device="cpu")
    list(resumed)
    assert equal(weights_of(whole), weights_of(resumed))
    assert equal(whole.network.state_dict(), resumed.network.state_dict())


def test_one_unlabelled_image_and_none():
    labelled = (tile(0), tile(1))
    one = TrainingSet(labelled, (unlabelled(10),))
    assert {r.stage for r in training_of(one, 2)} == {"consistency"}
    reports = list(training_of(TrainingSet(labelled), 3))
    assert {r.stage for r in reports} == {"supervised"}
    assert "only the supervised stage runs" in reports[0].message


def test_the_control_arm_has_no_consistency(training_set):
    reports = list(training_of(training_set, 2, consistency_weight=0.0))
    assert set(reports[0].losses) == {"total", "supervised"}
    assert reports[0].samples == 4


def test_classes_of_pixels():
    """Four classes: nothing in this method knows of three."""
    kinds = {1: 1, 2: 2, 3: 3, 4: 1, 5: 2, 6: 3}
    training_set = TrainingSet(
        (tile(0, classes=kinds), tile(2, "validation", classes=kinds)),
        (unlabelled(10),),
        classes=("a", "b", "c"),
        task="semantic",
    )
    training = training_of(training_set, 3)
    reports = list(training)
    assert all(np.isfinite(r.losses["total"]) for r in reports)
    assert reports[-1].scores.keys() == {"mean_iou", "mean_dice"}
    assert training.model().card.selection == (0.0,) * 4


class Pointwise(nn.Module):
    """Sees one pixel at a time, so that it commutes with whatever moves pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(1, 3, 1)

    def forward(self, x):
        return self.one(x)


@pytest.mark.parametrize("sides", ["one", "two"])
def test_an_equivariant_network_is_consistent(training_set, sides):
    """Whatever the shifts and flips: what two views share, they say alike."""
    moves = {**NOTHING, "shift": True, "flip": True}
    stage = training_of(
        training_set, sides=sides, augmented=False, transformations=moves
    ).stage
    pair = stage.draw_pair()
    torch.manual_seed(0)  # Some weights tell pixels apart hardly at all.
    logits = Pointwise()(pair.image)
    divergence, compared = stage.divergence(*logits.chunk(2), pair)
    assert divergence.item() == pytest.approx(0, abs=1e-6)
    assert 0.3 < compared.float().mean() < 1
    shifted = replace(pair, positions=pair.positions + 3.0)
    assert stage.divergence(*logits.chunk(2), shifted)[0] > 1e-4


@pytest.mark.parametrize("sides", ["one", "two"])
def test_labels_move_with_their_pixels(training_set, sides):
    """The classes are written into the image; both views must show their own."""
    ids = tile(0).instances
    shown = tile(0, image=(ids > 0)[None].astype(np.float32))
    moves = {**NOTHING, "shift": True, "flip": True}
    stage = training_of(
        TrainingSet((shown,), (unlabelled(10),)),
        sides=sides,
        augmented=False,
        transformations=moves,
    ).stage
    pair = stage.draw_pair()
    n = len(pair.target) // 2
    image = torch.cat([half[:n] for half in pair.image.chunk(2)])[:, 0]
    assert 0.3 < (pair.target != IGNORE).float().mean() < 1
    assert (image[pair.target == 1] > 0.5).all()
    assert (image[pair.target == 0] < 0.5).all()
    assert {0, 1, 2, IGNORE} == set(pair.target.unique().tolist())


def test_gradients_reach_both_views(training_set):
    stage = training_of(training_set).stage
    pair = stage.draw_pair()
    shape = (len(pair.first), 3, SIZE, SIZE)
    views = [torch.randn(shape).requires_grad_() for _ in range(2)]
    stage.divergence(*views, pair)[0].backward()
    assert all(view.grad.abs().sum() > 0 for view in views)


def test_only_the_transformed_view_is_noisy(training_set):
    noise = {**NOTHING, "noise": True, "noise_clipped": True}
    stage = training_of(training_set, augmented=False, transformations=noise).stage
    clean, noisy = stage.draw_pair().image.chunk(2)
    assert (noisy - clean).std() > 0.05
    assert noisy.max() <= clean.max()
    assert noisy.min() >= clean.min()


def test_pixels_that_are_not_trusted_are_not_compared():
    never = np.full((48, 48), 2, np.uint8)
    dirt = replace(unlabelled(10), corrections=trusting(never))
    stage = training_of(TrainingSet((tile(0),), (dirt,)), transformations=NOTHING).stage
    first = stage.draw_pair().first
    assert not first[2:].any()
    assert first[:2].any()


def test_foreground_counts_more(training_set):
    plain, weighted = (
        training_of(training_set, foreground_weight=w, transformations=NOTHING).stage
        for w in (0.0, 1.0)
    )
    pair = plain.draw_pair()
    n = len(pair.first)
    background = torch.tensor([9.0, 0.0, 0.0]).view(1, 3, 1, 1)
    first = background.expand(n, -1, SIZE, SIZE).clone()
    second = first.clone()
    first[..., :4, :], second[..., :4, :] = -first[..., :4, :], -first[..., :4, :]
    second[..., 0, :] = torch.tensor([-9.0, 4.0, 0.0]).view(3, 1)
    error = symmetric_kl(first.softmax(1), second.softmax(1))
    where = pair.first & pair.second
    p = 1 - (first.softmax(1)[:, 0] + second.softmax(1)[:, 0]) / 2
    found = [s.divergence(first, second, pair)[0] for s in (plain, weighted)]
    for value, w in zip(found, (where.float(), (1 + p) * where), strict=True):
        torch.testing.assert_close(
            value, (error * w).sum() / w.sum(), rtol=1e-3, atol=0
        )
    assert found[1] > found[0]


def test_without_any_label_seen_consistency_waits(training_set):
    nothing = np.zeros((SIZE, SIZE), np.int32)
    unknown = tile(0, instances=nothing, annotated=nothing > 0)
    spot = np.zeros((SIZE, SIZE), bool)
    spot[3:6, 3:6] = True
    only_spots = TrainingSet((tile(1, annotated=spot),), training_set.unlabelled)
    stage = training_of(only_spots, ramp=0.0, augmented=False).stage
    stage.equipment.labelled = type(stage.equipment.labelled)(
        [unknown], SIZE, torch.device("cpu")
    )
    stage.equipment.network.train()
    losses = stage.losses(0)
    assert losses.terms["supervised"] == 0
    assert losses.terms["consistency"] == 0
    losses.total.backward()
    stage.has_seen_labels.fill_(True)
    assert stage.losses(1).terms["consistency"] > 0


def test_the_weight_rises_over_the_ramp(training_set):
    stage = training_of(training_set, 100, ramp=0.2).stage
    assert stage.ramp(9) == pytest.approx(np.exp(-5 * 0.25))
    assert stage.ramp(19) == stage.ramp(60) == 1
    assert training_of(training_set, 100, ramp=0.0).stage.ramp(0) == 1


def test_a_preview_shows_the_model_and_what_is_compared(training_set):
    trust = np.random.default_rng(0).integers(0, 3, (96, 96), np.uint8)
    image = discs(20, 96)[0]
    told = UnlabelledImage(ArraySource(image), "told", corrections=trusting(trust))
    training_set = replace(training_set, unlabelled=(*training_set.unlabelled, told))
    training = training_of(training_set, 4, "warm")
    box = Box((8, 8), (32, 32))
    for report in training:
        shown = training.preview(ArraySource(image), box, "told")
        if report.step == 1:
            assert not shown.selected.any()
    np.testing.assert_array_equal(shown.selected, trust[box.slices] != 2)
    crop = torch.from_numpy(image[:, 8:40, 8:40].copy())[None].expand(2, -1, -1, -1)
    expected = training.stage.class_probability(crop)[0].numpy()
    np.testing.assert_array_equal(shown.probability, expected)


def test_it_learns(training_set):
    plain = training_of(training_set, 40, augmented=False)
    plain.settings = plain.settings.model_copy(update={"validate_every": 0.0})
    losses = [r.losses["supervised"] for r in plain]
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])


# -- the collapse ----------------------------------------------------------------------


def consistency_training(form: str, n_steps: int, rate: float = 0.5) -> list[float]:
    """Accuracy of a small network whose over-fitted weights see noise for once.

    Each step has labelled and unlabelled pixels, and two noisy views of all of them; it
    begins where an over-confident network lands: certain of one class.
    """
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(1, 1, 16, 16, generator=generator)
    target = (x[:, 0] > 0.5).long()
    network = nn.Conv2d(1, 2, 1)
    with torch.no_grad():
        network.weight[:] = torch.tensor([-1.0, 1.0]).view(2, 1, 1, 1)
        network.bias[:] = torch.tensor([20.0, -20.0])
    optimizer = torch.optim.Adam(network.parameters(), rate)
    accuracy = []
    for _ in range(n_steps):
        noise = torch.randn(x.shape, generator=generator) * 0.1
        first, second = network(torch.cat([x, x + noise])).split(1)
        p, q = first.softmax(1), second.softmax(1)
        if form == "clipped":
            supervised = clipped_kl_to_labels(first, target)
            consistency = (clipped_kl(p, q) + clipped_kl(q, p)) / 2
        else:
            supervised = cross_entropy(first, target)
            consistency = symmetric_kl(p, q)
        optimizer.zero_grad()
        (supervised.mean() + consistency.mean()).backward()
        optimizer.step()
        accuracy.append((first.argmax(1) == target).float().mean().item())
    return accuracy


def test_a_collapsed_network_stays_so_with_the_clipped_form():
    accuracy = consistency_training("clipped", 60)
    assert max(accuracy) < 0.6  # Chance, as in the paper's "0.1 %".
    assert len(set(accuracy)) == 1


def test_a_collapsed_network_recovers_with_the_stable_form():
    accuracy = consistency_training("stable", 300)
    assert accuracy[0] < 0.6
    assert accuracy[-1] > 0.9


@pytest.mark.parametrize("form", ["clipped", "stable"])
def test_the_collapse_of_a_real_network(training_set, form):
    """All parameters but the running statistics: gradient exactly 0, or not."""
    stage = training_of(training_set, divergence=form, augmented=False).stage
    head = stage.equipment.network.body.segmentation_head[0]
    with torch.no_grad():
        head.weight.mul_(1e-3)
        head.bias[:] = torch.tensor([30.0, -30.0, -30.0])
    stage.equipment.network.train()
    stage.losses(3).total.backward()
    pulled = sum(
        p.grad.abs().sum().item() for p in stage.equipment.network.parameters()
    )
    assert (pulled == 0) == (form == "clipped")


def test_the_paper_has_one_transformation_at_a_time():
    paper = make_settings("consistency", "paper").consistency
    switched = paper.transformations.model_dump()
    on = [n for n in ("shift", "rotation", "flip", "elastic", "noise") if switched[n]]
    assert on == ["shift"]
    assert paper.transformations.largest_shift * 32 == 10
    assert paper.labelled_batch + paper.unlabelled_batch == 128
    assert not paper.augmented


def test_nothing_is_interpolated_in_ids():
    ids = torch.tensor(discs(3)[1]).float()[None, None]
    where = transformations.draw(
        1,
        (SIZE, SIZE),
        settings().consistency.transformations,
        training_of(TrainingSet((tile(0),)), 1).equipment.random,
    ).positions()
    warped = transformations.warp(ids, where, "nearest")
    assert set(warped.unique().tolist()) <= set(ids.unique().tolist())
