"""The training loop: stages, resume, leaks, messages."""

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
    words,
)

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import ArraySource, Box
from napari_semiseg.learning.model import Model
from napari_semiseg.learning.sampling import LabelledSampler
from napari_semiseg.learning.told import Told
from napari_semiseg.learning.training import Training
from napari_semiseg.learning.training_set import TrainingSet, UnlabelledImage
from napari_semiseg.learning.validation import DivergedError


def weights_of(training: Training) -> dict[str, torch.Tensor]:
    return training.model().network.state_dict()


def equal(a: dict, b: dict) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def test_stages_and_reports(training_set):
    training = Training(training_set, quick(steps=6), device="cpu")
    reports = list(training)
    assert [r.stage for r in reports] == ["supervised"] * 3 + ["consistency"] * 3
    assert [r.step for r in reports] == list(range(1, 7))
    assert all(r.coverage is None for r in reports[:3])
    assert all(0 < r.coverage <= 1 for r in reports[3:])
    assert reports[-1].scores is not None
    assert "random" in reports[0].message
    assert reports[-1].forwards == 2
    assert reports[-1].samples == 2 + 2 + 1 * 2


def test_it_learns(training_set):
    plain = {
        "batch": 4,
        "intensity": {"probability": 0},
        "geometry": {"probability": 0},
    }
    settings = quick("supervised", steps=40, validate_every=0, supervised=plain)
    training = Training(training_set, settings, device="cpu")
    losses = [report.losses["total"] for report in training]
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])


@pytest.mark.parametrize("broken_at", [2, 3, 5])
@pytest.mark.parametrize("corrected", [False, True])
def test_a_resumed_run_ends_with_the_weights_of_an_unbroken_one(
    training_set, tmp_path, broken_at, corrected
):
    training_set = corrected_set() if corrected else training_set
    whole = Training(training_set, quick(steps=6), device="cpu")
    for _ in whole:
        torch.rand(3)  # What the consumer draws changes nothing.
    broken = Training(training_set, quick(steps=6), device="cpu")
    for report in broken:
        if report.step == broken_at:
            broken.save_checkpoint(tmp_path / "checkpoint.safetensors")
            break
    del broken
    resumed = Training.resume(
        tmp_path / "checkpoint.safetensors", training_set, device="cpu"
    )
    assert [r.step for r in resumed] == list(range(broken_at + 1, 7))
    assert equal(weights_of(whole), weights_of(resumed))


def test_a_consumer_keeps_its_own_random_stream(training_set):
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    for _ in Training(training_set, quick(steps=2), device="cpu"):
        pass
    assert torch.equal(torch.rand(2), expected)


def test_previews_change_nothing(training_set):
    source = ArraySource(discs(20, 96)[0])
    plain = Training(training_set, quick(steps=5), device="cpu")
    watched = Training(training_set, quick(steps=5), device="cpu")
    list(plain)
    for _ in watched:
        watched.preview(source, Box((0, 0), (32, 32)))
        watched.preview(source, Box((3, 5), (40, 30)))
    assert equal(weights_of(plain), weights_of(watched))


@pytest.mark.parametrize("filtering", [True, False])
def test_a_preview_shows_what_the_step_computed(training_set, filtering):
    trust = np.random.default_rng(0).integers(0, 3, (96, 96), np.uint8)
    image, valid = discs(20, 96)[0], torch.ones(1, 32, 32, dtype=torch.bool)
    told = UnlabelledImage(ArraySource(image), "told", corrections=trusting(trust))
    training_set = replace(training_set, unlabelled=(*training_set.unlabelled, told))
    settings = quick(steps=6, consistency={"fresh": 2, "filtering": filtering})
    training = Training(training_set, settings, device="cpu")
    for report in training:
        if report.stage == "consistency":
            break
    stage = training.stage
    crop = torch.from_numpy(image[:, 8:40, 8:40].copy())[None]
    other = torch.from_numpy(discs(21)[0])[None]
    pseudo = stage.pseudo_labels(torch.cat([crop, other]))
    stage.filter.update(pseudo, valid.expand(2, -1, -1))
    box = Box((8, 8), (32, 32))
    here = words(trusting(trust).read(box), Told.nothing((32, 32)))
    selected = stage.select(pseudo.label, pseudo.confidence, here)
    shown = training.preview(ArraySource(image), box, "told")
    np.testing.assert_array_equal(shown.label, pseudo.label[0].numpy())
    np.testing.assert_array_equal(shown.selected, selected[0].numpy())
    assert shown.selected[trust[box.slices] == 1].all()
    assert not shown.selected[trust[box.slices] == 2].any()
    unsaid = trust[box.slices] == 0
    assert 0 < shown.selected[unsaid].mean() < 1 or not filtering
    # Of another image nobody said anything.
    bare = training.preview(ArraySource(image), box).selected
    np.testing.assert_array_equal(bare[unsaid], shown.selected[unsaid])
    assert (bare != shown.selected).any()


def test_what_is_said_of_a_pixel_turns_with_it():
    """The trust is written into the pixels; both must arrive at the same places."""
    trust = np.random.default_rng(1).integers(0, 3, (60, 90), np.uint8)
    image = trust[None].astype(np.float32) / 2
    told = UnlabelledImage(ArraySource(image), "told", corrections=trusting(trust))
    still = {"probability": 0, "strength": 0}
    settings = quick(consistency={"intensity": still, "bank": 8, "fresh": 4})
    training = Training(TrainingSet((tile(0),), (told,)), settings, device="cpu")
    for report in training:
        if report.stage == "consistency":
            break
    stage = training.stage
    for _ in range(4):
        stage.label_fresh_tiles()
        stage.filter.thresholds = [None, None, None]  # Nothing is confident.
        drawn = stage.draw_unlabelled()
        strong, selected = drawn.image, drawn.selected
        assert drawn.valid.all()
        assert 0 < selected.float().mean() < 1
        assert torch.equal(selected, (strong[:, 0] - 0.5).abs() < 0.01)
    stage.filter.thresholds = [0.0, 0.0, 0.0]  # Everything is.
    drawn = stage.draw_unlabelled()
    assert torch.equal(drawn.selected, drawn.image[:, 0] < 0.99)


def test_a_bank_saved_before_there_was_trust_is_read(training_set, tmp_path):
    training = Training(training_set, quick(steps=6), device="cpu")
    for report in training:
        if report.step == 4:
            break
    state = training.stage.bank.state()
    for name in ("trust", "target", "weight", "ignored"):
        del state[name]
    training.stage.bank.load_state(state, training.device)
    assert [report.step for report in training] == [5, 6]


def test_a_supervised_preview_trusts_nothing(training_set):
    training = Training(training_set, quick("supervised"), device="cpu")
    shown = training.preview(ArraySource(discs(20, 96)[0]), Box((0, 0), (40, 50)))
    assert shown.probability.shape == (3, 40, 50)
    assert not shown.selected.any()


def test_no_unlabelled_image(training_set):
    alone = TrainingSet(training_set.labelled)
    reports = list(Training(alone, quick(steps=3), device="cpu"))
    assert {r.stage for r in reports} == {"supervised"}
    assert "only the supervised stage runs" in reports[0].message


@pytest.mark.parametrize(
    ("labelled", "words"),
    [
        ((), "No tile is labelled"),
        ((tile(0, "validation"),), "set aside for validation"),
    ],
)
def test_nothing_to_learn_from(labelled, words):
    with pytest.raises(SemisegError, match=words):
        Training(TrainingSet(labelled, (unlabelled(1),)), quick(), device="cpu")


def test_a_tile_without_object_is_valid():
    empty = np.zeros((32, 32), np.int32)
    only = TrainingSet((tile(0, instances=empty),), (unlabelled(10),))
    reports = list(Training(only, quick(steps=4), device="cpu"))
    assert all(np.isfinite(r.losses["total"]) for r in reports)


def test_constant_images_train():
    flat = np.zeros((1, 32, 32), np.float32)
    images = (UnlabelledImage(ArraySource(flat)),)
    training = Training(
        TrainingSet((tile(0, image=flat),), images), quick(), device="cpu"
    )
    assert all(np.isfinite(r.losses["total"]) for r in training)


@pytest.mark.parametrize("shape", [(1, 1), (17, 300), (20, 32)])
def test_images_smaller_than_a_tile(shape):
    odd = UnlabelledImage(ArraySource(np.full((1, *shape), 0.5, np.float32)))
    small = tile(0, image=discs(0)[0][:, :20, :17], instances=discs(0)[1][:20, :17])
    small = tile(
        0, image=small.image, instances=small.instances, annotated=small.instances >= 0
    )
    training = Training(TrainingSet((small,), (odd,)), quick(steps=4), device="cpu")
    assert all(np.isfinite(r.losses["total"]) for r in training)


def test_validation_pixels_are_never_drawn():
    """The excluded box holds a value that no batch may contain."""
    image = np.zeros((1, 240, 240), np.float32)
    image[:, 40:100, 60:130] = 99.0
    box = Box((40, 60), (60, 70))
    marked = UnlabelledImage(ArraySource(image), "a", excluded=(box,))
    training = Training(TrainingSet((tile(0),), (marked,)), quick(), device="cpu")
    sampler, random = training.equipment.unlabelled, training.equipment.random
    for _ in range(30):
        assert sampler.draw(2, random).image.max() < 99


def test_a_wholly_excluded_image_is_left_out():
    box = Box((0, 0), (96, 96))
    hidden = UnlabelledImage(ArraySource(discs(1, 96)[0]), "a", excluded=(box,))
    training = Training(
        TrainingSet((tile(0),), (hidden,)), quick(steps=2), device="cpu"
    )
    assert {r.stage for r in training} == {"supervised"}


def test_the_best_weights_by_validation_are_kept(training_set, monkeypatch):
    scores = iter([0.2, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1])
    monkeypatch.setattr(
        "napari_semiseg.learning.model_selection.score_tiles",
        lambda *_: {"ap": next(scores), "f1": 0.0, "s_dsb": 0.0},
    )
    settings = quick("supervised", steps=4, validate_every=0.25)
    training = Training(training_set, settings, device="cpu")
    kept = [
        {k: v.clone() for k, v in training.stage.predictor.state_dict().items()}
        for _ in training
    ]
    assert equal(weights_of(training), kept[1])


def test_starting_from_a_model(training_set, tmp_path):
    first = Training(training_set, quick("supervised", steps=2), device="cpu")
    list(first)
    first.model().save(tmp_path / "model")
    start = Model.load(tmp_path / "model")
    again = Training(training_set, quick(steps=8), device="cpu", start=start)
    assert equal(again.network.state_dict(), start.network.state_dict())
    assert [p.n_steps for p in again.plan] == [2, 6]
    list(again)
    card = again.model().card
    assert card.ancestors[0]["trained_on"][0]["image_id"] == "image-0"


def test_the_start_model_must_fit_the_channels(training_set):
    first = Training(training_set, quick("supervised", steps=1), device="cpu")
    two = TrainingSet(training_set.labelled, n_channels=2)
    with pytest.raises(SemisegError, match="channel"):
        Training(two, quick(), device="cpu", start=first.model())


def test_a_changed_number_of_steps(training_set):
    training = Training(training_set, quick(steps=100), device="cpu")
    iterator = iter(training)
    next(iterator)
    training.set_total_steps(4)
    assert [r.step for r in iterator] == [2, 3, 4]
    assert [p.n_steps for p in training.plan] == [2, 2]


def test_calibration_learns_nothing(training_set):
    plain = Training(training_set, quick(steps=3), device="cpu")
    timed = Training(training_set, quick(steps=3), device="cpu")
    seconds = timed.seconds_per_step()
    assert set(seconds) == {"supervised", "consistency"}
    assert all(s > 0 for s in seconds.values())
    list(plain)
    list(timed)
    assert equal(weights_of(plain), weights_of(timed))


def test_halving_the_batch_stops_at_two(training_set):
    settings = quick("supervised", supervised={"batch": 8})
    training = Training(training_set, settings, device="cpu")
    sizes = []
    while training.halve_batch():
        sizes.append(training.equipment.batch(8))
    assert sizes == [4, 2]
    assert "halved" not in sizes


def test_a_loss_that_is_no_number_ends_the_run(training_set):
    training = Training(training_set, quick("supervised"), device="cpu")
    with torch.no_grad():
        next(training.network.parameters()).fill_(float("nan"))
    with pytest.raises(DivergedError, match="learning rate"):
        next(iter(training))


def test_the_control_arm_has_no_unlabelled_loss(training_set):
    settings = quick(supervised_fraction=0.0, consistency={"unlabelled_weight": 0.0})
    report = next(iter(Training(training_set, settings, device="cpu")))
    assert set(report.losses) == {"total", "supervised"}


def test_two_channels_and_partial_annotation():
    image, instances = discs(3)
    partial = tile(
        3,
        image=np.concatenate([image, image]),
        annotated=instances == 1,
        instances=np.where(instances == 1, 1, 0).astype(np.int32),
    )
    training = Training(
        TrainingSet((partial,), n_channels=2),
        quick("supervised", steps=3),
        device="cpu",
    )
    assert all(np.isfinite(r.losses["total"]) for r in training)


def test_classes_given_to_pixels_are_the_targets_of_their_pixels():
    """Written into the pixels as well, the given classes arrive where these do."""
    kinds = np.random.default_rng(2).choice([0, 1, 2, 255], (SIZE, SIZE))
    shown = np.where(kinds == 255, 9, kinds)[None].astype(np.float32)
    nothing = np.zeros((SIZE, SIZE), np.int32)
    only = tile(
        0,
        image=shown,
        instances=nothing,
        annotated=nothing > 0,
        class_overrides=kinds.astype(np.uint8),
    )
    still = {"probability": 0, "strength": 0}
    plain = {"batch": 4, "intensity": still, "geometry": {"probability": 0}}
    settings = quick("supervised", supervised=plain)
    training = Training(TrainingSet((only,)), settings, device="cpu")
    image, target, *_ = training.stages.current.draw()
    expected = image[:, 0].round().long()
    assert torch.equal(target, expected.where(expected < 9, 255))
    assert {0, 1, 2, 255} == set(target.unique().tolist())


def test_small_corrections_do_not_crowd_out_whole_tiles():
    spot = np.zeros((SIZE, SIZE), bool)
    spot[10:14, 10:14] = True
    spots = [tile(n, annotated=spot) for n in range(1, 21)]
    sampler = LabelledSampler([tile(0), *spots], SIZE, torch.device("cpu"))
    weights = sampler.weights.tolist()
    assert weights[0] == 1
    assert weights[1:] == pytest.approx([0.1] * 20)
