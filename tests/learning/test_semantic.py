"""Classes of pixels instead of objects: targets, training, choice of the model."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.learning.conftest import SIZE, discs, quick, tile, unlabelled
from tests.learning.test_training import equal, weights_of

from napari_semiseg.errors import SemisegError
from napari_semiseg.learning.model import Model
from napari_semiseg.learning.training import Training
from napari_semiseg.learning.training_set import LabelledTile, TrainingSet
from napari_semiseg.learning.validation import score_classes


def kinds_of(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Image and classes 0, 1, 2 that its grey values tell."""
    image, objects = discs(seed)
    kinds = np.where(objects > 0, 1 + objects % 2, 0).astype(np.int32)
    rng = np.random.default_rng(seed)
    image = (kinds / 2 + rng.normal(0, 0.05, kinds.shape))[None]
    return image.astype(np.float32), kinds


def class_tile(seed: int, role: str = "training", **changes) -> LabelledTile:
    image, kinds = kinds_of(seed)
    values = {"image": image, "instances": kinds, "classes": {2: 2}, **changes}
    return tile(seed, role, **values)


def semantic_set(*tiles: LabelledTile) -> TrainingSet:
    labelled = tiles or (class_tile(0), class_tile(1), class_tile(2, "validation"))
    pool = tuple(unlabelled(s) for s in range(10, 12))
    return TrainingSet(labelled, pool, classes=("ring", "core"), task="semantic")


def test_targets_are_the_classes_of_the_objects():
    """Ids, classes, ignored, unannotated and overridden pixels, drawn by hand."""
    ids = np.array([[0, 4, 4, 5], [-1, 7, 0, 0], [5, 5, 0, 0], [0, 0, 0, 0]])
    known = np.ones((4, 4), bool)
    known[1, 3] = known[0, 1] = False
    told = np.full((4, 4), 255)
    told[3] = [2, 0, 255, 255]
    one = LabelledTile(
        np.zeros((1, 4, 4), np.float32),
        ids.astype(np.int32),
        known,
        {4: 2, 5: 3},
        class_overrides=told.astype(np.uint8),
    )
    expected = [[0, 255, 2, 3], [255, 1, 0, 255], [3, 3, 0, 0], [2, 0, 0, 0]]
    assert one.known_classes().tolist() == expected


def test_a_batch_holds_the_classes_where_the_pixels_say_so():
    """Turned and flipped together; beyond the tile nothing is known."""
    still = {"probability": 0, "strength": 0}
    plain = {"batch": 4, "intensity": still, "geometry": {"probability": 0}}
    kinds = np.random.default_rng(2).choice([0, 1, 2, -1], (20, SIZE)).astype(np.int32)
    one = class_tile(
        0,
        image=kinds[None].astype(np.float32),
        instances=kinds,
        annotated=kinds >= 0,
    )
    settings = quick("supervised", supervised=plain)
    training = Training(semantic_set(one), settings, device="cpu")
    image, target, *_ = training.stage.draw()
    known = target != 255
    assert known.float().mean() < 20 / SIZE
    assert torch.equal(target[known], image[:, 0][known].round().long())
    assert set(target.unique().tolist()) == {0, 1, 2, 255}


@pytest.mark.parametrize("method", ["supervised", "actis"])
def test_training_and_its_card(method, tmp_path):
    training = Training(semantic_set(), quick(method, steps=4), device="cpu")
    reports = list(training)
    assert training.network.n_classes == 3
    assert set(reports[-1].scores) == {"mean_iou", "mean_dice"}
    assert 0 <= reports[-1].scores["mean_iou"] <= 1
    training.model().save(tmp_path)
    card = Model.load(tmp_path).card
    assert (card.task, card.n_classes, card.classes) == (
        "semantic",
        3,
        ("ring", "core"),
    )
    if method == "actis":
        assert len(card.selection) == 3


def test_two_classes_and_nine():
    """The number of classes is nowhere three by chance."""
    for names in (("only",), tuple("abcdefgh")):
        one = class_tile(0, instances=(kinds_of(0)[1] > 0).astype(np.int32))
        pool = (unlabelled(10),)
        images = TrainingSet((one,), pool, classes=names, task="semantic")
        training = Training(images, quick(steps=4), device="cpu")
        assert all(math.isfinite(r.losses["total"]) for r in training)
        assert training.stage.filter.thresholds[len(names) + 1 :] == []


def test_it_learns_the_classes():
    plain = {
        "batch": 4,
        "intensity": {"probability": 0},
        "geometry": {"probability": 0},
    }
    settings = quick("supervised", steps=40, validate_every=0, supervised=plain)
    training = Training(semantic_set(), settings, device="cpu")
    losses = [report.losses["total"] for report in training]
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])


def test_resume_is_bitwise(tmp_path):
    whole = Training(semantic_set(), quick(steps=6), device="cpu")
    list(whole)
    broken = Training(semantic_set(), quick(steps=6), device="cpu")
    for report in broken:
        if report.step == 4:
            broken.save_checkpoint(tmp_path / "checkpoint")
            break
    resumed = Training.resume(tmp_path / "checkpoint", semantic_set(), device="cpu")
    list(resumed)
    assert equal(weights_of(whole), weights_of(resumed))


def test_mean_iou_is_of_all_tiles_together():
    """Two tiles whose own mean IoU would be 1 and 1/4, by hand."""
    sure = np.eye(2, dtype=np.float32)
    first, second = np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0])
    truths = [np.array([0, 0, 1, 1], np.uint8), np.array([1, 0, 0, 255], np.uint8)]
    scores = score_classes([sure[:, first], sure[:, second]], truths)
    # Of both classes 3 pixels are right, and one background pixel is not.
    assert scores["mean_iou"] == pytest.approx((3 / 4 + 3 / 4) / 2)
    assert scores["mean_dice"] == pytest.approx(6 / 7)
    nothing = [np.full(4, 255, np.uint8)]
    assert score_classes([sure[:, first]], nothing) == {"mean_iou": 0, "mean_dice": 0}


def test_a_class_that_nobody_labelled_is_named():
    only = class_tile(0, classes={})
    training = Training(semantic_set(only), quick(steps=1), device="cpu")
    assert "No labelled pixel is of class core" in next(iter(training)).message


def test_a_class_without_a_name_is_refused():
    with pytest.raises(SemisegError, match="class 7, but there are only 2"):
        Training(semantic_set(class_tile(0, classes={2: 7})), quick(), device="cpu")


def test_another_task_is_no_start(training_set):
    first = Training(training_set, quick("supervised", steps=1), device="cpu").model()
    with pytest.raises(SemisegError, match="task instances"):
        Training(semantic_set(), quick(), device="cpu", start=first)
    start = Training(semantic_set(), quick("supervised"), device="cpu").model()
    other = replace(semantic_set(), classes=("core", "ring"))
    with pytest.raises(SemisegError, match="knows the classes ring, core"):
        Training(other, quick(), device="cpu", start=start)


def test_classes_weigh_alike_or_as_the_settings_say():
    training_set = semantic_set()
    alike = Training(training_set, quick("supervised", steps=1))
    settings = quick("supervised", steps=1, class_weights=(1.0, 2.0, 8.0))
    weighted = Training(training_set, settings)

    of_instances = (1.0, 1.0, 4.0)
    assert alike.equipment.class_weights(of_instances).tolist() == [1, 1, 1]
    assert weighted.equipment.class_weights(of_instances).tolist() == [1, 2, 8]
    list(weighted), list(alike)
    assert not equal(weights_of(weighted), weights_of(alike))


def test_weights_that_are_not_one_for_each_class_are_refused():
    settings = quick("supervised", steps=1, class_weights=(1.0, 2.0))
    with pytest.raises(SemisegError, match="2 class weights, but 3 classes"):
        Training(semantic_set(), settings)


def test_objects_keep_the_weights_of_interior_and_boundary():
    settings = quick("supervised", steps=1, class_weights=(1.0, 2.0))
    training = Training(TrainingSet((tile(0), tile(1, "validation"))), settings)
    weights = training.equipment.class_weights((1.0, 1.0, 4.0))
    assert weights.tolist() == [1, 1, 4]
