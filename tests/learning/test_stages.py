"""Stages with preparations, several optimisers, fresh networks and a teacher before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pytest
import torch
from tests.learning.conftest import SIZE, quick
from tests.learning.test_training import equal, weights_of

from napari_semiseg.geometry import ArraySource, Box
from napari_semiseg.learning.losses import Losses, masked_mean
from napari_semiseg.learning.methods import METHODS, Method
from napari_semiseg.learning.rates import poly
from napari_semiseg.learning.settings import Settings
from napari_semiseg.learning.stage import PlannedStage
from napari_semiseg.learning.supervised import SupervisedStage
from napari_semiseg.learning.training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_semiseg.learning.equipment import Equipment


class ToySettings(Settings):
    """As small as a method can be."""

    name: Literal["toy"] = "toy"
    second: Literal["fresh", "continue"] = "fresh"


class ToyStage:
    """Follows what the stage before said, with a second network beside the first."""

    name = "toy"

    def __init__(self, equipment: Equipment, n_steps: int) -> None:
        self.equipment = equipment
        self.n_steps = n_steps
        self.other = equipment.origin.network(7)
        self.wishes = torch.zeros(3)
        self.offset = torch.rand(())
        networks = (equipment.network, self.other)
        self.optimizers = tuple(
            torch.optim.SGD(n.parameters(), 0.1, momentum=0.9) for n in networks
        )
        self.selection = None
        self.cost = (3, 6)

    @property
    def predictor(self) -> torch.nn.Module:
        return self.equipment.network

    def rate(self, step: int) -> float:
        return poly(0.01, step / self.n_steps)

    def prepare(self) -> Iterator[str]:
        for number in range(3):
            self.wishes[number] = self.equipment.random.uniform(0, 1, ()) + torch.rand(
                ()
            )
            yield f"{number + 1} of 3"

    def losses(self, step: int) -> Losses:
        tools = self.equipment
        image = tools.unlabelled.draw(2, tools.random).image
        with torch.no_grad():
            taught = tools.previous(image)
        own, other = (n(image).softmax(1) for n in (tools.network, self.other))
        terms = {
            "own": masked_mean((own - taught.softmax(1)) ** 2, own > 0),
            "other": (other.mean() - 0.1 * self.wishes.sum()) ** 2,
        }
        return Losses(terms)

    def after_step(self, step: int) -> None:
        self.offset += torch.rand(())

    def state(self) -> dict[str, Any]:
        return {
            "other": self.other.state_dict(),
            "wishes": self.wishes,
            "offset": self.offset,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.other.load_state_dict(state["other"])
        self.wishes, self.offset = state["wishes"], state["offset"]


def plan(settings: ToySettings, unlabelled: bool, restarted: bool):
    parts = make_supervised(settings)

    def toy(tools: Equipment) -> ToyStage:
        return ToyStage(tools, 3)

    return [
        parts,
        PlannedStage("toy", 3, toy, settings.second, taught=True, n_networks=2),
    ]


def make_supervised(settings: ToySettings) -> PlannedStage:
    stage = quick("supervised").supervised
    return PlannedStage(
        "supervised", 2, lambda tools: SupervisedStage(tools, settings, stage, 2)
    )


@pytest.fixture(autouse=True)
def _toy(monkeypatch):
    monkeypatch.setitem(METHODS, "toy", Method(ToySettings, plan))


def toy(**changes) -> ToySettings:
    return ToySettings(
        steps=5,
        tile_size=SIZE,
        network={"encoder": "mobilenet_v2", "weights": "none"},
        **changes,
    )


def test_a_preparation_is_reported_between_the_steps(training_set):
    training = Training(training_set, toy(), device="cpu")
    reports = list(training)
    assert [r.step for r in reports] == [1, 2, 2, 2, 2, 3, 4, 5]
    assert [r.preparing for r in reports[2:5]] == ["1 of 3", "2 of 3", "3 of 3"]
    assert all(r.preparing is None for r in [*reports[:2], *reports[5:]])
    assert reports[2].losses == {}
    assert reports[2].stage == "toy"


@pytest.mark.slow
@pytest.mark.parametrize("second", ["fresh", "continue"])
@pytest.mark.parametrize("broken_at", range(1, 8))
def test_resume_is_bitwise_wherever_it_was_broken(
    training_set, tmp_path, broken_at, second
):
    """Also in the middle of a preparation, which then begins anew."""
    whole = Training(training_set, toy(second=second), device="cpu")
    list(whole)
    broken = Training(training_set, toy(second=second), device="cpu")
    for number, _ in enumerate(broken, start=1):
        torch.rand(2)
        if number == broken_at:
            broken.preview(
                ArraySource(training_set.labelled[0].image), Box((0, 0), (32, 32))
            )
            broken.save_checkpoint(tmp_path / "checkpoint")
            break
    resumed = Training.resume(tmp_path / "checkpoint", training_set, device="cpu")
    list(resumed)
    assert equal(weights_of(whole), weights_of(resumed))
    assert equal(whole.stage.other.state_dict(), resumed.stage.other.state_dict())
    assert torch.equal(whole.stage.wishes, resumed.stage.wishes)
    assert torch.equal(whole.stage.offset, resumed.stage.offset)


def test_a_preparation_that_is_left_begins_anew(training_set):
    whole = Training(training_set, toy(), device="cpu")
    list(whole)
    left = Training(training_set, toy(), device="cpu")
    for report in left:
        if report.preparing == "2 of 3":
            break
    assert [r.preparing for r in left][:3] == ["1 of 3", "2 of 3", "3 of 3"]
    assert equal(weights_of(whole), weights_of(left))


def test_fresh_networks_share_the_first_encoder_alone(training_set, tmp_path):
    known = tmp_path / "encoder.pth"
    first = Training(training_set, quick("supervised"), device="cpu")
    encoder = first.network.body.encoder.state_dict()
    torch.save(encoder, known)
    from_file = {"encoder": "mobilenet_v2", "weights": str(known)}
    settings = toy().model_copy(
        update={"network": first.settings.network.model_copy(update=from_file)}
    )
    training = Training(training_set, settings, device="cpu")
    fresh = training.equipment.origin.network(1)
    assert equal(fresh.body.encoder.state_dict(), encoder)
    head, other = (
        n.body.segmentation_head[0].weight for n in (fresh, training.network)
    )
    assert not torch.equal(head, other)
    again = training.equipment.origin.network(1)
    assert equal(fresh.state_dict(), again.state_dict())
    # Random encoder weights are no knowledge worth sharing.
    drawn = first.equipment.origin.network(1).body.encoder.state_dict()
    assert not equal(drawn, encoder)


def test_a_fresh_stage_is_taught_by_the_best_of_the_one_before(
    training_set, monkeypatch
):
    scores = iter([0.9, 0.2, 0.1, 0.1, 0.1])
    monkeypatch.setattr(
        "napari_semiseg.learning.model_selection.score_tiles",
        lambda *_: {"ap": next(scores), "f1": 0.0, "s_dsb": 0.0},
    )
    training = Training(training_set, toy(validate_every=0.2), device="cpu")
    kept = []
    for report in training:
        if report.step == 1:
            kept = {
                k: v.clone() for k, v in training.stage.predictor.state_dict().items()
            }
        if report.preparing == "1 of 3":
            assert equal(training.equipment.previous.state_dict(), kept)
            fresh = training.equipment.origin.network(1).state_dict()
            assert equal(training.network.state_dict(), fresh)
    assert not any(p.requires_grad for p in training.equipment.previous.parameters())
    assert equal(weights_of(training), kept)  # None of the later ones was better.


def test_without_validation_a_fresh_network_counts_once_it_has_ended(training_set):
    alone = training_set.__class__(training_set.training, training_set.unlabelled)
    training = Training(alone, toy(), device="cpu")
    for report in training:
        taught = training.equipment.previous
        if report.step in (3, 4):
            assert equal(weights_of(training), taught.state_dict())
    assert equal(weights_of(training), training.network.state_dict())
    assert not equal(weights_of(training), taught.state_dict())


def test_the_pace_of_a_taught_stage_is_measured_from_the_first(training_set):
    plain = Training(training_set, toy(), device="cpu")
    timed = Training(training_set, toy(), device="cpu")
    assert set(timed.seconds_per_step()) == {"supervised", "toy"}
    assert timed.equipment.previous is None
    list(plain)
    list(timed)
    assert equal(weights_of(plain), weights_of(timed))


def test_all_optimisers_step_at_the_rate_of_the_stage(training_set):
    training = Training(training_set, toy(), device="cpu")
    before = {}
    for report in training:
        if report.preparing == "3 of 3":
            other = training.stage.other
            before = {k: v.clone() for k, v in other.named_parameters()}
            training.stage.optimizers[1].param_groups[0]["scale"] = 10.0
        if report.step == 4:
            break
    rates = [o.param_groups[0]["lr"] for o in training.stage.optimizers]
    assert rates == pytest.approx([poly(0.01, 1 / 3), 10 * poly(0.01, 1 / 3)])
    assert any((v != before[k]).any() for k, v in other.named_parameters())


def test_poly_decay():
    assert poly(0.009, 0) == 0.009
    assert poly(0.009, 0.5) == pytest.approx(0.009 * 0.5**0.9)
    assert poly(0.009, 1) == 0
