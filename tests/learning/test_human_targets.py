"""Inside images that count as unlabelled a person's pixels are targets, in each method.

The place of every pixel is written into it, so that what a step takes as its target is
compared pixel by pixel, wherever flips and turns have brought it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from tests.learning.conftest import (
    SIZE,
    ArrayTold,
    corrected_set,
    drawn_on,
    quick,
    tile,
    words,
)
from tests.learning.test_training import equal, weights_of

from napari_semiseg.geometry import ArraySource, Box
from napari_semiseg.learning.losses import supervised_loss
from napari_semiseg.learning.methods import make_settings
from napari_semiseg.learning.told import Told
from napari_semiseg.learning.training import Training
from napari_semiseg.learning.training_set import TrainingSet, UnlabelledImage
from napari_semiseg.segmentation.classes import IGNORE, class_targets

if TYPE_CHECKING:
    from torch import Tensor

    from napari_semiseg.learning.said import Said
    from napari_semiseg.learning.settings import Settings

CALM = {"intensity": {"probability": 0}, "cutmix": 0.0}
STILL = {"probability": 0, "strength": 0}
WHOLE = Box((0, 0), (SIZE, SIZE))
N = 3


def places(number: int) -> np.ndarray:
    """An image whose pixels are all different, also from those of other images."""
    first = number * SIZE**2
    values = np.arange(first, first + SIZE**2, dtype=np.float32)
    return (values / (N * SIZE**2)).reshape(1, SIZE, SIZE)


def told_set(**changes) -> TrainingSet:
    images = [
        UnlabelledImage(
            ArraySource(places(n)),
            f"u{n}",
            corrections=ArrayTold(drawn_on(WHOLE.size, n)),
        )
        for n in range(N)
    ]
    return TrainingSet((tile(0), tile(1)), tuple(images), **changes)


def settings_of(method: str, **changes) -> Settings:
    two = {"labelled_batch": 2, "unlabelled_batch": 2}
    stages = {
        "actis": {
            "supervised_fraction": 0.0,
            "supervised": {"batch": 2},
            "consistency": {
                **two,
                "bank": 2,
                "fresh": 2,
                "teacher_views": 2,
                "cutmix": 0.0,
                "intensity": STILL,
            },
        },
        "fixmatch-st": {
            "self_training": "none",
            "supervised_batch": 2,
            "fixmatch": {**two, "warm_up": 0.0, "strong": CALM},
        },
        "st": {
            "self_training": "st",
            "first": "supervised",
            "supervised_batch": 2,
            "student": {**two, "strong": CALM},
        },
        "co-training": {"co_training": {**two, "warm_up": 0.0, "cutmix": False}},
        "consistency": {"start": "cold", "consistency": two},
        "curriculum": {
            "bounds": "10-50",
            "curriculum": {**two, "ramp": 0.0, "intensity": STILL},
        },
    }
    name = {"st": "fixmatch-st"}.get(method, method)
    values = {
        "steps": 4,
        "tile_size": SIZE,
        "network": {"encoder": "mobilenet_v2", "weights": "none"},
        **stages[method],
        **changes,
    }
    return make_settings(name, "default", values)


def training_of(method: str, known: TrainingSet | None = None, **changes) -> Training:
    """In the stage that learns unlabelled tiles, before or after a step of it."""
    training = Training(
        known or told_set(), settings_of(method, **changes), device="cpu"
    )
    for report in training:
        if report.stage == "self-training" or method != "st":
            if report.preparing is None:
                break
    return training


def place_of(image: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Number of the image, and of the pixel in it, of pixels ``(B, S, S)``."""
    where = (image * (N * SIZE**2)).round().long().numpy()
    return where // SIZE**2, where % SIZE**2


def previews(training: Training) -> dict[str, np.ndarray]:
    """Label and mask that a watcher sees of each image, ``(N, S * S)``."""
    source = [one.source for one in training.training_set.unlabelled]
    seen = [training.preview(source[n], WHOLE, f"u{n}") for n in range(N)]
    return {
        name: np.stack([getattr(one, name).ravel() for one in seen])
        for name in ("label", "selected")
    }


def said(training: Training) -> Said:
    """What is said of all images, as a batch."""
    settings = training.settings
    told = [drawn_on(WHOLE.size, n) for n in range(N)]
    return words(*told, weight=settings.accepted_weight)


def flat(plane: Tensor) -> np.ndarray:
    return plane.flatten(1).numpy()


@pytest.mark.parametrize("method", ["actis", "fixmatch-st", "st"])
def test_what_a_step_learns_is_the_persons_word_and_what_a_watcher_sees(
    method, monkeypatch
) -> None:
    training = training_of(method, accepted_weight=0.25)
    stage = training.stage
    if method == "fixmatch-st":  # Of turned views its labels are other ones.
        random = training.equipment.random
        monkeypatch.setattr(random, "integers", lambda limit, n: [0] * n)
    if method == "actis":
        stage.label_fresh_tiles()
    views = stage.draw_unlabelled()
    image, pixel = place_of(views.image[:, 0])

    words_of = said(training)
    known, target = flat(words_of.known)[image, pixel], flat(words_of.target)
    label, selected = views.label.numpy(), views.selected.numpy()
    np.testing.assert_array_equal(label[known], target[image, pixel][known])
    assert selected[known].all()
    ignored = flat(words_of.ignored)[image, pixel]
    assert not selected[ignored].any()
    np.testing.assert_array_equal(views.valid.numpy(), ~ignored)
    weight = views.weight.numpy()
    np.testing.assert_array_equal(weight, flat(words_of.weight)[image, pixel])
    assert set(np.unique(weight)) == {0.25, 1.0}

    seen = previews(training)
    np.testing.assert_array_equal(label, seen["label"][image, pixel])
    np.testing.assert_array_equal(selected, seen["selected"][image, pixel])


def test_both_networks_of_co_training_learn_the_persons_word() -> None:
    training = training_of("co-training", accepted_weight=0.25)
    stage = training.stage
    words_of, seen = said(training), previews(training)
    for lesson in stage.teach(stage.draw_labelled()):
        image, pixel = place_of(lesson.image[:, 0])
        known = flat(words_of.known)[image, pixel]
        target = flat(words_of.target)[image, pixel]
        ignored = flat(words_of.ignored)[image, pixel]
        for label in (lesson.fixed, lesson.dynamic):
            np.testing.assert_array_equal(label.numpy()[known], target[known])
        assert lesson.fixed_counts.numpy()[known].all()
        assert not lesson.fixed_counts.numpy()[ignored].any()
        assert not lesson.valid.numpy()[ignored].any()
        weight = flat(words_of.weight)[image, pixel]
        np.testing.assert_array_equal(lesson.weight.numpy(), weight)
        np.testing.assert_array_equal(seen["label"][image, pixel][known], target[known])
        assert seen["selected"][image, pixel][known].all()
        assert not seen["selected"][image, pixel][ignored].any()


def test_consistency_learns_the_persons_word_beside_the_labels() -> None:
    nothing = dict.fromkeys(("shift", "rotation", "flip", "elastic", "noise"), False)
    calm = {"augmented": False, "transformations": nothing}
    training = training_of(
        "consistency", consistency={"unlabelled_batch": 2, "labelled_batch": 2, **calm}
    )
    pair = training.stage.draw_pair()
    words_of = said(training)
    for half, usable in ((slice(2, 4), pair.first), (slice(6, 8), pair.second)):
        image, pixel = place_of(pair.image[half, 0])
        target = flat(words_of.target)[image, pixel]
        np.testing.assert_array_equal(pair.target[half].numpy(), target)
        assert (target != IGNORE).mean() > 0.2
        ignored = flat(words_of.ignored)[image, pixel]
        assert not usable[2:].numpy()[ignored].any()
    seen = previews(training)
    known, target = flat(words_of.known), flat(words_of.target)
    np.testing.assert_array_equal(seen["label"][known], target[known])
    assert seen["selected"][known].all()
    assert not seen["selected"][flat(words_of.ignored)].any()


def test_ignored_pixels_of_labelled_tiles_are_not_compared_either() -> None:
    ignoring = tile(0)
    ignoring.instances[:, 10:14] = -1
    training = training_of(
        "consistency", TrainingSet((ignoring,), told_set().unlabelled)
    )
    training.stage.equipment.network.eval()
    batch = training.equipment.labelled.draw(2, training.equipment.random)
    ignored = (batch.fields[:, 0] < 0) & (batch.fields[:, 2] > 0.5)
    assert ignored.any()
    pair = training.stage.draw_pair()
    assert (pair.first[:2] & (pair.target[:2] == IGNORE)).float().mean() < 0.2


def test_the_curriculum_learns_the_persons_word_and_bounds_no_ignored_pixel() -> None:
    training = training_of("curriculum", accepted_weight=0.25)
    stage, tools = training.stage, training.equipment
    before = tools.random.state()
    tiles = stage.draw_labelled()
    drawn = tools.unlabelled.draw(2, tools.random)
    logits = tools.logits(
        tools.network, torch.cat([tiles.image, stage.altered(drawn.image)])
    )
    tools.random.load_state(before)
    found = stage.losses(0).terms

    target = torch.cat([tiles.target, drawn.said.target.long()])
    weight = torch.cat([tiles.weight, drawn.said.weight])
    expected = supervised_loss(logits, target, stage.class_weights, weight)
    assert found["supervised"].item() == pytest.approx(expected.item(), rel=1e-4)
    alone = supervised_loss(logits[:2], tiles.target, stage.class_weights)
    assert found["supervised"].item() != pytest.approx(alone.item(), rel=1e-3)
    image, pixel = place_of(drawn.image[:, 0])
    words_of = said(training)
    ignored = flat(words_of.ignored)[image, pixel]
    np.testing.assert_array_equal(drawn.valid.numpy(), ~ignored)
    seen = previews(training)
    known = flat(words_of.known)
    np.testing.assert_array_equal(seen["selected"], known)
    np.testing.assert_array_equal(seen["label"][known], flat(words_of.target)[known])


@pytest.mark.parametrize("task", ["instances", "semantic"])
def test_the_targets_are_those_that_a_labelled_tile_would_have(task) -> None:
    told = drawn_on((40, 50), 5)
    found = words(told, task=task).target[0].numpy()
    if task == "semantic":
        expected = told.known_classes()
    else:
        expected = class_targets(told.instances, told.annotated)
        given = told.class_overrides
        expected = np.where(given != IGNORE, given, expected)
    np.testing.assert_array_equal(found, expected)


def test_no_word_is_no_change() -> None:
    """Nothing said of images is the same as images of which nobody can say a thing."""
    blank = ArrayTold(Told.nothing(WHOLE.size))
    silent = tuple(replace(one, corrections=None) for one in told_set().unlabelled)
    empty = tuple(replace(one, corrections=blank) for one in silent)
    ends = []
    for images in (silent, empty):
        known = replace(told_set(), unlabelled=images)
        training = Training(known, settings_of("actis"), device="cpu")
        list(training)
        ends.append(weights_of(training))
    assert equal(*ends)


# -- accepted pixels ------------------------------------------------------------------


def half_accepted() -> TrainingSet:
    """Tiles whose left half was accepted, not drawn."""
    accepted = np.zeros(WHOLE.size, bool)
    accepted[:, : SIZE // 2] = True
    tiles = (tile(n, accepted=accepted & (tile(n).instances > 0)) for n in range(2))
    return TrainingSet(tuple(tiles), told_set().unlabelled)


def loss_of(weight: float, known: TrainingSet) -> tuple[float, float]:
    """The loss of a supervised batch, and what it should be by its definition."""
    calm = {"batch": 4, "intensity": STILL, "geometry": {"probability": 0}}
    settings = quick("supervised", supervised=calm, accepted_weight=weight)
    training = Training(known, settings, device="cpu")
    stage, tools = training.stage, training.equipment
    before = tools.random.state()
    tiles = stage.draw()
    tools.network.train()
    logits = tools.logits(tools.network, tiles.image)
    tools.random.load_state(before)
    found = stage.losses(0).terms["supervised"].item()
    error = torch.nn.functional.cross_entropy(
        logits, tiles.target.where(tiles.target != IGNORE, 0), reduction="none"
    )
    counts = stage.class_weights[tiles.target.where(tiles.target != IGNORE, 0)]
    counts = counts * (tiles.target != IGNORE)
    counts = counts * torch.where(tiles.weight == 1, 1.0, weight)
    return found, ((error * counts).sum() / counts.sum()).item()


def test_accepted_pixels_count_as_much_as_is_set() -> None:
    losses = [loss_of(weight, half_accepted()) for weight in (1.0, 0.3, 0.0)]
    for found, expected in losses:
        assert found == pytest.approx(expected, rel=1e-4)
    assert len({round(found, 5) for found, _ in losses}) == 3
    plain = TrainingSet((tile(0), tile(1)), told_set().unlabelled)
    assert loss_of(0.3, plain)[0] == pytest.approx(losses[0][0], rel=1e-5)


@pytest.mark.parametrize(
    "method", ["actis", "fixmatch-st", "st", "co-training", "consistency", "curriculum"]
)
def test_the_loss_of_every_method_knows_accepted_pixels(method) -> None:
    found = []
    for weight in (1.0, 0.2):
        training = training_of(method, half_accepted(), accepted_weight=weight)
        reports = [training.stage.losses(0).terms]
        found.append({name: value.item() for name, value in reports[0].items()})
    one, other = found
    assert one["supervised"] != pytest.approx(other["supervised"], rel=1e-5)
    assert all(np.isfinite(list(other.values())))


def test_a_resumed_run_ends_as_an_unbroken_one(tmp_path) -> None:
    """With all that a person may say of images, bit for bit."""
    settings = quick(steps=6, accepted_weight=0.5)
    whole = Training(corrected_set(), settings, device="cpu")
    list(whole)
    broken = Training(corrected_set(), settings, device="cpu")
    for report in broken:
        if report.step == 4:
            broken.save_checkpoint(tmp_path / "checkpoint")
            break
    resumed = Training.resume(tmp_path / "checkpoint", corrected_set(), device="cpu")
    list(resumed)
    assert equal(weights_of(whole), weights_of(resumed))
