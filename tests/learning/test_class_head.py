"""The head that gives every object a class."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from tests.learning.conftest import discs, quick, tile, unlabelled
from torch import nn

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.learning.averaged_network import AveragedNetwork
from napari_semiseg.learning.class_head import (
    class_terms,
    probabilities_of,
    taught_kinds,
    with_head,
)
from napari_semiseg.learning.losses import Losses
from napari_semiseg.learning.methods import make_settings
from napari_semiseg.learning.model import Model, ModelCard
from napari_semiseg.learning.network_settings import NetworkSettings
from napari_semiseg.learning.networks import build_network
from napari_semiseg.learning.pseudo_labels import PseudoLabels
from napari_semiseg.learning.said import LabelRules
from napari_semiseg.learning.sampling import LabelledSampler
from napari_semiseg.learning.targets import kind_targets
from napari_semiseg.learning.training import Training
from napari_semiseg.learning.training_set import LabelledTile, TrainingSet
from napari_semiseg.prediction.predictor import Predictor
from napari_semiseg.prediction.view import ModelView

if TYPE_CHECKING:
    from napari_semiseg.learning.settings import Settings

CPU = torch.device("cpu")
NAMES = ("healthy", "apoptotic")
SMALL = NetworkSettings(encoder="mobilenet_v2", weights="none")


def two_classes(seed: int, role: str = "training") -> LabelledTile:
    """Every other object is of class 2, and brighter."""
    made = tile(seed, role)
    second = {n: 2 for n in np.unique(made.instances).tolist() if n and n % 2 == 0}
    brighter = np.isin(made.instances, list(second))
    image = made.image + 2.0 * brighter[None].astype(np.float32)
    return replace(made, image=image, classes=second)


@pytest.fixture
def classed() -> TrainingSet:
    labelled = (two_classes(0), two_classes(1), two_classes(2, "validation"))
    images = tuple(unlabelled(s) for s in range(10, 14))
    return TrainingSet(labelled, images, classes=NAMES)


# -- the network ----------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ["unet", "deeplabv2", "enet", "fpn"])
def test_one_class_leaves_the_network_as_it_was(architecture: str) -> None:
    settings = NetworkSettings(
        architecture=architecture, encoder="resnet18", weights="none"
    )
    plain, _ = build_network(settings, 1, 3, seed=4)
    headless, _ = build_network(settings, 1, 3, n_kinds=0, seed=4)
    both, _ = build_network(settings, 1, 3, n_kinds=2, seed=4)
    before, after = plain.state_dict(), headless.state_dict()
    assert before.keys() == after.keys() == both.state_dict().keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    x = torch.rand(2, 1, 40, 33)
    with torch.no_grad():
        plain.eval(), both.eval()
        assert plain(x).shape == both(x).shape == (2, 3, 40, 33)
        parts, kinds = both.both(x)
        assert kinds.shape == (2, 2, 40, 33)
        assert torch.equal(parts, both(x))
        assert plain.both(x)[1].shape == (2, 0, 40, 33)
        assert torch.equal(probabilities_of(plain, x), plain(x).softmax(1))


@pytest.mark.slow
def test_a_run_of_one_class_has_no_trace_of_the_head(training_set) -> None:
    training = Training(training_set, quick(steps=4), device="cpu")
    assert training.equipment.n_kinds == 0
    drawn = training.equipment.labelled.draw(2, training.equipment.random)
    assert drawn.fields.shape[1] == 5
    terms = {name for report in training for name in report.losses}
    assert terms == {"total", "supervised", "unsupervised"}
    assert training.model().card.n_kinds == 0


def test_both_heads_of_a_saved_model_come_back(tmp_path) -> None:
    network, _ = build_network(SMALL, 1, 3, n_kinds=2)
    pair = AveragedNetwork([network, build_network(SMALL, 1, 3, n_kinds=2, seed=1)[0]])
    x = torch.rand(1, 1, 32, 32)
    for number, one in enumerate((network, pair)):
        card = ModelCard(network=SMALL, n_channels=1, n_classes=3, classes=NAMES)
        Model(one, card).save(tmp_path / str(number))
        loaded = Model.load(tmp_path / str(number))
        assert loaded.card.n_kinds == 2
        found = loaded.all_probabilities(x)
        assert torch.equal(found, Model(one, card).all_probabilities(x))
        torch.testing.assert_close(found[:, :3], loaded.probabilities(x))
        torch.testing.assert_close(found[:, 3:].sum(1), torch.ones(1, 32, 32))
    with torch.no_grad():
        each = [one.both(x)[1].softmax(1) for one in pair.eval().members]
    torch.testing.assert_close(found[:, 3:], (each[0] + each[1]) / 2)


@pytest.mark.parametrize("architecture", ["unet", "enet"])
def test_a_head_is_put_on_and_taken_off_a_model_to_start_from(architecture) -> None:
    settings = NetworkSettings(
        architecture=architecture, encoder="resnet18", weights="none"
    )
    plain = build_network(settings, 1, 3, seed=1)[0].eval()
    x = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        widened = with_head(plain, 3, seed=9).eval()
        assert torch.equal(widened(x), plain(x))
        assert widened.both(x)[1].shape[1] == 3
        assert widened.both(x)[1].std() > 0
        assert torch.equal(with_head(widened, 0, seed=2).eval()(x), plain(x))
    assert with_head(widened, 3, seed=2) is widened


# -- what it learns -------------------------------------------------------------------


def test_the_loss_is_the_cross_entropy_inside_known_objects() -> None:
    logits = torch.zeros(1, 2, 2, 2)
    logits[0, :, 0, 0] = torch.tensor([2.0, 0.0])
    logits[0, :, 0, 1] = torch.tensor([0.0, 1.0])
    target = torch.tensor([[[0, 0], [255, 255]]])
    found = class_terms(logits, target)["classes"].item()
    expected = (math.log1p(math.exp(-2)) + math.log1p(math.exp(1))) / 2
    assert found == pytest.approx(expected, rel=1e-6)

    among = torch.tensor([[[True, True], [True, True]]])
    of_all = class_terms(logits, target, name="x", weight=0.5, among=among)["x"]
    assert of_all.item() == pytest.approx(0.5 * expected / 2, rel=1e-6)
    assert class_terms(logits[:, :0], target) == {}
    assert class_terms(logits, None) == {}


def test_a_batch_without_objects_gives_a_finite_zero() -> None:
    logits = torch.randn(1, 2, 3, 3, requires_grad=True)
    nothing = torch.full((1, 3, 3), 255)
    none = torch.zeros(1, 3, 3, dtype=torch.bool)
    for options in ({}, {"among": none}):
        (loss,) = class_terms(logits, nothing, **options).values()
        assert loss.item() == 0
        loss.backward()
        assert not logits.grad.any()


def test_targets_are_the_classes_of_annotated_objects() -> None:
    """One row of pixels: nothing, objects 1 and 2, unknown, cut edge, overruled."""
    instances = np.zeros((32, 32), np.int32)
    instances[10, 10:16] = [0, 1, 2, 2, 2, 2]
    annotated = np.ones((32, 32), bool)
    annotated[10, 13] = False
    told = np.full((32, 32), 255, np.uint8)
    told[10, 14], told[10, 15] = 0, 2  # Background, boundary of an object.
    image = discs(0)[0]
    made = LabelledTile(image, instances, annotated, {2: 2}, class_overrides=told)
    sampler = LabelledSampler([made], 32, CPU, LabelRules(n_kinds=2))
    fields = sampler._fields[0][None]
    assert fields.shape[1] == 6
    margin = (fields.shape[2] - 32) // 2
    found = kind_targets(fields)[0, margin : margin + 32, margin : margin + 32]
    assert found[10, 10:16].tolist() == [255, 0, 1, 255, 255, 1]
    assert (found != 255).sum() == 3
    assert kind_targets(fields[:, :5]) is None


def test_a_teacher_teaches_kinds_inside_its_foreground_alone() -> None:
    label = torch.tensor([[0, 1, 2, 1]])
    kind = torch.tensor([[1, 1, 0, 0]])
    counts = torch.tensor([[True, True, True, False]])
    assert taught_kinds(label, kind, counts).tolist() == [[255, 1, 0, 255]]
    probability = torch.rand(1, 5, 2, 2)
    pseudo = PseudoLabels.of(probability, 3)
    assert torch.equal(pseudo.probability, probability[:, :3])
    assert torch.equal(pseudo.kinds.label, probability[:, 3:].argmax(1))
    assert PseudoLabels.of(probability).kinds is None


# -- the methods ----------------------------------------------------------------------

TAUGHT = {"classes", "unlabelled classes"}
METHODS = {
    "supervised": ({}, {"classes"}),
    "actis": ({}, TAUGHT),
    "consistency": (
        {"consistency": {"labelled_batch": 2, "unlabelled_batch": 2}},
        {"classes"},
    ),
    "co-training": (
        {"co_training": {"labelled_batch": 2, "unlabelled_batch": 2}},
        {"classes"},
    ),
    "fixmatch-st": ({"fixmatch": {"warm_up": 0.0}}, TAUGHT),
}


def few(method: str, **changes) -> Settings:
    """As `quick`, which knows the groups of two methods alone."""
    if method in ("supervised", "actis"):
        return quick(method, 6, **changes)
    small = {"encoder": "mobilenet_v2", "weights": "none"}
    values = {"steps": 6, "tile_size": 32, "network": small}
    return make_settings(method, "default", values | changes)


def run(training: Training) -> dict[str, list[float]]:
    seen: dict[str, list[float]] = {}
    for report in training:
        for name, value in report.losses.items():
            seen.setdefault(name, []).append(value)
    return seen


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_every_method_learns_the_classes_and_resumes_bitwise(
    classed, tmp_path, method: str
) -> None:
    changes, expected = METHODS[method]
    settings = few(method, **changes)
    training = Training(classed, settings, device="cpu")
    seen: set[str] = set()
    for report in training:
        seen |= report.losses.keys()
        assert all(math.isfinite(value) for value in report.losses.values())
        if report.step == 4 and report.losses:
            training.save_checkpoint(tmp_path / "c.pt")
    assert expected <= seen
    again = Training.resume(tmp_path / "c.pt", classed, device="cpu")
    for _ in again:
        pass
    mine, its = training.model().network, again.model().network
    assert mine.n_kinds == 2
    for name, value in mine.state_dict().items():
        assert torch.equal(value, its.state_dict()[name]), name


class Unaware:
    """The stage of a method that knows nothing of classes of objects."""

    def __init__(self, stage) -> None:
        self.__dict__["stage"] = stage

    def __getattr__(self, name):
        return getattr(self.stage, name)

    def __setattr__(self, name, value):
        setattr(self.stage, name, value)

    def losses(self, step: int) -> Losses:
        image = self.stage.draw().image
        tools = self.stage.equipment
        error = tools.logits(tools.network, image).square().mean()
        return Losses({"own": error})


def test_the_losses_of_an_unaware_method_are_completed(classed) -> None:
    training = Training(classed, quick("supervised", 3), device="cpu")
    training.stages._made = Unaware(training.stage)  # noqa: SLF001
    before = _last_layer(training.network).weight.detach().clone()
    seen = run(training)
    assert seen.keys() == {"total", "own", "classes"}
    after = _last_layer(training.network).weight.detach()
    assert not torch.equal(before[3:], after[3:])


def _last_layer(network) -> nn.Conv2d:
    return network.body.segmentation_head[0]


@pytest.mark.slow
def test_the_head_learns_to_tell_the_classes_apart(classed) -> None:
    still = {"probability": 0.0}  # Its brightness is what tells an object's class.
    stage = {"learning_rate": 3e-3, "batch": 4, "intensity": still}
    settings = quick("supervised", 30, supervised=stage)
    training = Training(classed, settings, device="cpu")
    seen = run(training)
    first, last = np.mean(seen["classes"][:5]), np.mean(seen["classes"][-5:])
    assert last < 0.5 * first
    assert last < 0.3


# -- bad input ------------------------------------------------------------------------


def test_classes_nobody_has_named_are_refused(classed) -> None:
    strange = replace(two_classes(0), classes={1: 3})
    training_set = replace(classed, labelled=(strange,))
    with pytest.raises(SemisegError, match="holds class 3"):
        Training(training_set, quick(), device="cpu")
    many = replace(classed, classes=tuple(map(str, range(81))))
    with pytest.raises(SemisegError, match="80 classes at the most"):
        Training(many, quick(), device="cpu")


def test_a_class_without_any_object_is_named(classed) -> None:
    single = replace(classed, labelled=(tile(0), two_classes(2, "validation")))
    training = Training(single, quick(steps=2), device="cpu")
    assert any(
        "No labelled object is of class apoptotic" in m for m in training.messages
    )
    assert all(math.isfinite(r.losses["total"]) for r in training if r.losses)


def test_a_model_to_start_from_must_know_the_same_classes(classed) -> None:
    model = Training(classed, quick("supervised", 1), device="cpu").model()
    others = replace(classed, classes=("small", "large"))
    with pytest.raises(SemisegError, match="tells healthy, apoptotic apart"):
        Training(others, quick(), device="cpu", start=model)
    one_class = replace(classed, classes=("object",))
    training = Training(one_class, quick("supervised", 1), device="cpu", start=model)
    assert training.network.n_kinds == 0
    back = Training(
        classed, quick("supervised", 1), device="cpu", start=training.model()
    )
    assert back.network.n_kinds == 2


# -- what a watcher sees --------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_a_preview_has_the_class_of_objects(classed, method: str) -> None:
    training = Training(classed, few(method, **METHODS[method][0]), device="cpu")
    source = classed.unlabelled[0].source
    for _ in range(2):  # A stage of its own, and the last one.
        tile_sized = training.preview(source, Box((0, 0), (32, 32)))
        whole = training.preview(source, Box((0, 0), (48, 48)))
        assert tile_sized.probability.shape == (3, 32, 32)
        assert whole.probability.shape == (3, 48, 48)
        for seen in (tile_sized, whole):
            assert seen.kind is not None
            assert seen.kind.shape == seen.label.shape
            assert set(np.unique(seen.kind)) <= {1, 2}
        for _ in training:
            pass
    found = ModelView(Predictor(training.model())).preview(source, Box((0, 0), (9, 9)))
    assert set(np.unique(found.kind)) <= {1, 2}


def test_a_preview_of_one_class_has_no_classes_of_objects(training_set) -> None:
    training = Training(training_set, quick("supervised", 1), device="cpu")
    source = training_set.unlabelled[0].source
    assert training.preview(source, Box((0, 0), (32, 32))).kind is None
