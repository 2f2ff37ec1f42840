"""ST and ST++: stored pseudo-labels, fresh students, the order of the stages."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from tests.learning.conftest import discs, tile, trusting, unlabelled
from tests.learning.test_fixmatch import quick
from tests.learning.test_semantic import semantic_set
from tests.learning.test_training import equal, weights_of
from torch import nn

from napari_semiseg.geometry import ArraySource, Box
from napari_semiseg.learning import pseudo_masks
from napari_semiseg.learning.losses import cross_entropy
from napari_semiseg.learning.pseudo_masks import PseudoMasks
from napari_semiseg.learning.summed_views import summed_probability
from napari_semiseg.learning.training import Training
from napari_semiseg.learning.training_set import TrainingSet, UnlabelledImage

if TYPE_CHECKING:
    from napari_semiseg.learning.report import Report

# Whole trainings, small as they are.
pytestmark = pytest.mark.slow

STILL = {"intensity": {"probability": 0}, "cutmix": 0.0}


def until(training: Training, stage: str, *, prepared: bool = True) -> Report:
    """Go on to the first report of a stage, or to the end of its preparation."""
    for report in training:
        if report.stage == stage and (report.preparing is None or not prepared):
            return report
    raise AssertionError(stage)


# -- views, summed --------------------------------------------------------------------


class Pointwise(nn.Module):
    """As sure of class 1 as a pixel is bright: it sees no neighbour."""

    def forward(self, x):
        return torch.stack([-x[:, 0], x[:, 0], 0 * x[:, 0]], 1)


class Leaning(nn.Module):
    """Sees its left neighbour instead."""

    def forward(self, x):
        return Pointwise()(x.roll(1, -1))


def test_the_sum_of_an_equivariant_network_is_what_it_says():
    x = torch.rand(2, 1, 6, 9)
    plain = Pointwise()(x).softmax(1)
    for n_views in (1, 2, 4, 8):
        assert torch.allclose(
            summed_probability(Pointwise(), x, n_views, (1.0,)), plain
        )


def test_two_views_are_the_image_and_its_mirror_image():
    x = torch.rand(1, 1, 4, 5)
    network = Leaning()
    mirrored = network(x.flip(-1)).softmax(1).flip(-1)
    expected = (network(x).softmax(1) + mirrored) / 2
    found = summed_probability(network, x, 2, (1.0,))
    assert torch.allclose(found, expected)
    # Probabilities are summed; the mean of the logits would be another.
    logits = (network(x) + network(x.flip(-1)).flip(-1)) / 2
    assert not torch.allclose(found, logits.softmax(1), atol=1e-3)


def test_sizes_are_brought_back():
    x = torch.full((1, 1, 8, 12), 0.7)
    found = summed_probability(Pointwise(), x, 2, (0.5, 1.0, 1.5))
    assert found.shape == (1, 3, 8, 12)
    assert torch.allclose(found, Pointwise()(x).softmax(1), atol=1e-6)
    assert torch.allclose(found.sum(1), torch.ones(1, 8, 12))


# -- masks, stored --------------------------------------------------------------------


class Labelling:
    """Labels a pixel by its place; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, Box]] = []

    def __call__(self, key: str, image: int, part: Box) -> np.ndarray:
        self.asked.append((key, image, part))
        y, x = np.mgrid[part.slices]
        return ((3 * y + x + image) % 251).astype(np.uint8)


def test_a_box_across_parts_is_that_of_the_whole(monkeypatch):
    monkeypatch.setattr(pseudo_masks, "PART", 16)
    label, shape = Labelling(), (40, 50)
    masks = PseudoMasks(label)
    y, x = np.mgrid[:40, :50]
    whole = (3 * y + x + 5) % 251
    for box in (Box((0, 0), (40, 50)), Box((14, 15), (20, 3)), Box((39, 49), (1, 1))):
        found = masks.read("teacher", 5, box, shape)
        np.testing.assert_array_equal(found, whole[box.slices])
        assert found.dtype == np.uint8
    assert len(label.asked) == len(set(label.asked)) == 3 * 4


def test_what_is_forgotten_is_made_again():
    label = Labelling()
    masks = PseudoMasks(label, most_bytes=250)
    box = Box((0, 0), (10, 10))
    first = masks.read("teacher", 0, box, (10, 10))
    for image in (1, 0, 2, 0):  # The first is needed often: it stays.
        masks.read("teacher", image, box, (10, 10))
    assert [image for _, image, _ in label.asked] == [0, 1, 2]
    masks.read("teacher", 1, box, (10, 10))
    np.testing.assert_array_equal(masks.read("teacher", 0, box, (10, 10)), first)
    assert [image for _, image, _ in label.asked] == [0, 1, 2, 1]


def test_each_teacher_has_its_own_masks():
    label = Labelling()
    masks = PseudoMasks(label)
    box = Box((0, 0), (4, 4))
    for key in ("teacher", "student", "teacher"):
        masks.read(key, 0, box, (4, 4))
    assert [key for key, *_ in label.asked] == ["teacher", "student"]
    masks.forget_all_but({"teacher"})
    masks.read("teacher", 0, box, (4, 4))
    masks.read("student", 0, box, (4, 4))
    assert [key for key, *_ in label.asked] == ["teacher", "student", "student"]


# -- the student ----------------------------------------------------------------------


def test_the_loss_is_one_mean_over_both_kinds_of_labels(training_set, monkeypatch):
    settings = quick(
        4,
        self_training="st",
        labelled={"class_weights": (1.0, 2.0, 4.0)},
        student={"unlabelled_class_weights": (1.0, 3.0, 1.0), "unlabelled_weight": 0.5},
    )
    training = Training(training_set, settings, device="cpu")
    until(training, "self-training")
    stage = training.stage
    image, target, *_ = drawn = stage.draw_labelled()
    target[0, :3] = 255
    strong = stage.draw_unlabelled()
    strong.selected[:, 5:9] = False
    monkeypatch.setattr(stage, "draw_labelled", lambda: drawn)
    monkeypatch.setattr(stage, "draw_unlabelled", lambda: strong)
    training.network.train()
    losses = stage.losses(0)
    logits = training.network(torch.cat([image, strong.image]))
    labels = torch.cat([target, strong.label])
    weight = torch.tensor([1.0, 2.0, 4.0])[target.where(target < 255, 0)]
    pseudo = 0.5 * torch.tensor([1.0, 3.0, 1.0])[strong.label] * strong.selected
    weights = torch.cat([weight * (target < 255), pseudo])
    expected = (cross_entropy(logits, labels) * weights).sum() / weights.sum()
    assert losses.total.item() == pytest.approx(expected.item(), rel=1e-4)
    assert set(losses.terms) == {"supervised", "unsupervised"}


def test_students_are_fresh_and_taught_by_the_stage_before(training_set, monkeypatch):
    judged = []

    def score(network, *_):
        judged.append({k: v.clone() for k, v in network.state_dict().items()})
        return {"ap": 0.0, "f1": 0.0, "s_dsb": 0.0}

    monkeypatch.setattr("napari_semiseg.learning.model_selection.score_tiles", score)
    training = Training(training_set, quick(6, self_training="st++"), device="cpu")
    begun = {}
    for report in training:
        if report.stage in begun:
            continue
        begun[report.stage] = {
            k: v.clone() for k, v in training.network.state_dict().items()
        }
        if len(begun) > 1:
            # One look at the validation tiles a stage: its end is its best.
            assert len(judged) == len(begun) - 1
            assert equal(training.equipment.previous.state_dict(), judged[-1])
            origin = training.equipment.origin.network(len(begun) - 1)
            assert equal(begun[report.stage], origin.state_dict())
    assert list(begun) == ["fixmatch", "reliable half", "all images"]
    assert not equal(begun["reliable half"], begun["all images"])


def test_the_labels_of_a_step_are_those_of_the_teacher_on_whole_images(training_set):
    settings = quick(4, self_training="st", student={"strong": STILL})
    training = Training(training_set, settings, device="cpu")
    until(training, "self-training")
    stage, random = training.stage, training.equipment.random
    for _ in range(3):
        drawn = stage.sampler.draw(2, random)
        labels = stage.labels(drawn)
        for label, (number, box) in zip(labels, drawn.places, strict=True):
            image = stage.images[stage.used[number]]
            whole = summed_probability(
                training.equipment.previous,
                torch.nn.functional.pad(
                    torch.from_numpy(image.source.array)[None],
                    (0, 16, 0, 16),
                    "reflect",
                ),
                2,
                (1.0,),
            )
            expected = whole.argmax(1)[0][box.slices]
            # Tiled prediction weighs and adds: a tie may fall the other way.
            assert (label == expected).float().mean() > 0.999


def test_labelled_before_or_when_drawn_is_the_same(training_set, monkeypatch):
    settings = quick(6, self_training="st++")
    ahead = Training(training_set, settings, device="cpu")
    reports = list(ahead)
    lazily = Training(training_set, settings, device="cpu")
    monkeypatch.setattr(pseudo_masks, "PART", 1024)
    monkeypatch.setattr(
        "napari_semiseg.learning.self_training.parts_of",
        lambda shape: [Box.whole(shape)] * 999,
    )
    fewer = list(lazily)
    words = [r.preparing for r in reports if r.preparing]
    assert sum("Labelling" in said for said in words) == 2 + 4
    assert not any("Labelling" in (r.preparing or "") for r in fewer)
    assert equal(weights_of(ahead), weights_of(lazily))


def test_pixels_and_labels_turn_together(training_set):
    """Written into the pixels, the labels must arrive where these do."""
    settings = quick(4, self_training="st", student={"strong": STILL})
    rng = np.random.default_rng(4)
    images = []
    for number in range(3):
        kinds = rng.integers(0, 3, (40, 50)).astype(np.uint8)
        trust = rng.choice([0, 2], (40, 50)).astype(np.uint8)
        pixels = np.stack([kinds, trust]).astype(np.float32)
        images.append(
            UnlabelledImage(
                ArraySource(pixels), str(number), corrections=trusting(trust)
            )
        )
    two = tile(0, image=np.concatenate([discs(0)[0]] * 2))
    known = TrainingSet((two,), tuple(images), n_channels=2)
    training = Training(known, settings, device="cpu")
    until(training, "self-training")
    stage = training.stage
    stage.masks = PseudoMasks(
        lambda _, image, part: images[image].source.array[0][part.slices].astype("u1")
    )
    for _ in range(4):
        views = stage.draw_unlabelled()
        assert torch.equal(views.label, views.image[:, 0].long())
        assert torch.equal(views.selected, views.image[:, 1] == 0)


# -- ST++ -----------------------------------------------------------------------------


def plus(steps: int = 6, **changes):
    return quick(steps, self_training="st++", **changes)


def test_the_order_of_the_stages(training_set):
    training = Training(training_set, plus(), device="cpu")
    seen = [(r.stage, (r.preparing or "a step").split(":")[0]) for r in training]
    compare = ("reliable half", "Comparing unlabelled images")
    assert list(dict.fromkeys(seen)) == [
        ("fixmatch", "a step"),
        compare,
        ("reliable half", "Labelling unlabelled images"),
        ("reliable half", "4 unlabelled images are ranked by their reliability."),
        ("reliable half", "a step"),
        ("all images", "Labelling unlabelled images"),
        ("all images", "a step"),
    ]
    assert seen.count(compare) == 4


def test_reliable_images_alone_are_drawn_at_first_and_keep_their_labels(training_set):
    training = Training(training_set, plus(), device="cpu")
    ranked = ()
    for report in training:
        ranked = report.reliability or ranked
        if (report.stage, report.preparing) == ("reliable half", None):
            break
    ids = [image.image_id for image in training.stage.images]
    reliable = {one.image_id for one in ranked if one.round == 1}
    scores = [one.score for one in ranked]
    assert len(ranked) == 4
    assert scores == sorted(scores, reverse=True)
    assert {ids[number] for number in training.stage.used} == reliable
    assert len(reliable) == 2
    for _ in range(10):
        drawn = training.stage.sampler.draw(2, training.equipment.random)
        used = {training.stage.sampler.images[n].image_id for n, _ in drawn.places}
        assert used <= reliable
    first = training.stage.teachers["teacher"]
    until(training, "all images")
    stage = training.stage
    assert sorted(stage.used) == [0, 1, 2, 3]
    assert equal(stage.teachers["teacher"].state_dict(), first.state_dict())
    taught = dict(zip(ids, stage.taught_by, strict=True))
    assert {i for i, key in taught.items() if key == "teacher"} == reliable
    student = stage.teachers["student"].state_dict()
    assert equal(student, training.equipment.previous.state_dict())
    assert not equal(student, first.state_dict())


def test_later_stages_need_no_checkpoints_any_more(training_set):
    training = Training(training_set, plus(), device="cpu")
    until(training, "reliable half", prepared=False)
    assert len(training.equipment.handed_on["checkpoints"]) >= 2
    until(training, "reliable half")
    assert "checkpoints" not in training.equipment.handed_on


def blind(training: Training) -> None:
    """Let the first stage see nothing but background."""
    for state in training.equipment.handed_on["checkpoints"]:
        head = [name for name in state if name.startswith("body.segmentation_head")]
        for name in head:
            state[name].zero_()
        state[next(n for n in head if n.endswith("bias"))][0] = 9.0


def test_where_no_object_is_seen_the_first_student_learns_labels_alone(training_set):
    training = Training(training_set, plus(), device="cpu")
    ranked = ()
    for report in training:
        ranked = report.reliability or ranked
        if report.stage == "fixmatch" and report.step == 2:
            blind(training)
        if (report.stage, report.preparing) == ("reliable half", None):
            assert set(report.losses) == {"total", "supervised"}
            assert report.coverage is None
    assert [one.score for one in ranked] == [None] * 4
    assert [one.round for one in ranked] == [2] * 4
    assert report.coverage == 1
    assert training.stage.taught_by == ["student"] * 4


def test_one_unlabelled_image():
    only = TrainingSet((tile(0),), (unlabelled(10),))
    training = Training(only, plus(), device="cpu")
    assert [s.name for s in training.plan] == ["fixmatch", "self-training"]
    assert all(math.isfinite(r.losses.get("total", 0)) for r in training)


def test_fewer_steps_than_stages(training_set):
    for steps in (1, 2, 3):
        reports = list(Training(training_set, plus(steps), device="cpu"))
        assert reports[-1].step == steps


def test_the_control_arm_learns_labels_alone(training_set):
    settings = plus(student={"unlabelled_weight": 0.0})
    reports = list(Training(training_set, settings, device="cpu"))
    assert set(reports[-1].losses) == {"total", "supervised"}


def test_images_smaller_than_a_tile():
    odd = [
        UnlabelledImage(ArraySource(discs(n, 96)[0][:, :y, :x].copy()), str(n))
        for n, (y, x) in enumerate([(1, 1), (17, 90), (20, 32)])
    ]
    training = Training(TrainingSet((tile(0),), tuple(odd)), plus(), device="cpu")
    assert all(math.isfinite(r.losses.get("total", 0)) for r in training)


# -- watching, resuming ---------------------------------------------------------------


@pytest.mark.parametrize("stage", ["reliable half", "all images"])
def test_a_preview_shows_the_labels_in_use(training_set, stage):
    trust = np.random.default_rng(0).choice([0, 1, 2], (48, 48)).astype(np.uint8)
    images = tuple(
        replace(image, corrections=trusting(trust)) for image in training_set.unlabelled
    )
    training = Training(
        replace(training_set, unlabelled=images),
        plus(student={"strong": STILL}),
        device="cpu",
    )
    until(training, stage)
    made = training.stage
    drawn = made.sampler.draw(6, training.equipment.random)
    labels = made.labels(drawn).numpy()
    for label, (number, box) in zip(labels, drawn.places, strict=True):
        image = made.images[made.used[number]]
        shown = training.preview(image.source, box, image.image_id)
        np.testing.assert_array_equal(shown.label, label)
        np.testing.assert_array_equal(shown.selected, trust[box.slices] != 2)
    unused = [i for n, i in enumerate(images) if n not in made.used]
    assert len(unused) == (2 if stage == "reliable half" else 0)
    whole = Box((0, 0), (48, 48))
    for image in unused:
        shown = training.preview(image.source, whole, image.image_id)
        assert not shown.selected.any(), "this round does not learn it"
        assert shown.probability.shape == (3, 48, 48)
    other = training.preview(
        ArraySource(discs(30, 48)[0]), whole, "no image of the run"
    )
    assert not other.selected.any()


def test_previews_change_nothing(training_set):
    plain = Training(training_set, plus(), device="cpu")
    watched = Training(training_set, plus(), device="cpu")
    list(plain)
    image = training_set.unlabelled[0]
    for _ in watched:
        watched.preview(image.source, Box((3, 5), (40, 30)), image.image_id)
    assert equal(weights_of(plain), weights_of(watched))


def test_calibration_learns_nothing_and_hands_nothing_on(training_set):
    plain = Training(training_set, plus(3), device="cpu")
    timed = Training(training_set, plus(3), device="cpu")
    seconds = timed.seconds_per_step()
    assert set(seconds) == {"fixmatch", "reliable half", "all images"}
    assert timed.equipment.handed_on == {}
    assert timed.equipment.remembered == {}
    list(plain)
    list(timed)
    assert equal(weights_of(plain), weights_of(timed))


# The reports: 2 steps, 4 + 2 + 1 of the first preparation, 2, 4 of the second, 2.
BROKEN_AT = [1, 2, 4, 8, 9, 10, 13, 16]


@pytest.fixture(scope="module")
def whole() -> Training:
    labelled = (tile(0), tile(1), tile(2, "validation"))
    known = TrainingSet(labelled, tuple(unlabelled(s) for s in range(10, 14)))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    training = Training(known, plus(), device="cpu")
    assert len(list(training)) == 17
    torch.set_num_threads(before)
    return training


@pytest.mark.parametrize("broken_at", BROKEN_AT)
def test_resume_is_bitwise_in_each_stage(training_set, tmp_path, whole, broken_at):
    broken = Training(training_set, plus(), device="cpu")
    for _ in itertools.islice(broken, broken_at):
        torch.rand(3)
    broken.save_checkpoint(tmp_path / "checkpoint")
    resumed = Training.resume(tmp_path / "checkpoint", training_set, device="cpu")
    list(resumed)
    assert equal(weights_of(whole), weights_of(resumed))
    assert equal(whole.network.state_dict(), resumed.network.state_dict())
    assert whole.stage.taught_by == resumed.stage.taught_by


# -- classes of pixels ----------------------------------------------------------------


@pytest.mark.parametrize("names", [("only",), ("ring", "core"), tuple("abcdef")])
def test_classes_of_pixels(names):
    known = replace(semantic_set(), classes=names)
    if len(names) == 1:
        known = replace(
            known,
            labelled=tuple(replace(one, classes={}) for one in known.labelled),
        )
    training = Training(known, plus(), device="cpu")
    reports = list(training)
    assert training.network.n_classes == len(names) + 1
    assert [s.name for s in training.plan][1:] == ["reliable half", "all images"]
    assert all(math.isfinite(r.losses.get("total", 0)) for r in reports)
    assert training.model().card.selection == (0.0,) * (len(names) + 1)
