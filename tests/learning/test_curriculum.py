"""Curriculum: plans of its arms, the step, what it says, and how it goes on."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tests.learning.conftest import SIZE, tile, unlabelled
from tests.learning.test_training import equal, weights_of

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.learning.attributes import regions, size
from napari_semiseg.learning.curriculum import Proposals, SizePenalty
from napari_semiseg.learning.curriculum_plan import plan_curriculum
from napari_semiseg.learning.curriculum_settings import CurriculumSettings
from napari_semiseg.learning.methods import make_settings
from napari_semiseg.learning.rates import Plateau
from napari_semiseg.learning.size_measuring import grid
from napari_semiseg.learning.training import Training
from napari_semiseg.learning.training_set import TrainingSet

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_semiseg.learning.report import Report
    from napari_semiseg.learning.settings import Settings

# Whole trainings, small as they are.
pytestmark = pytest.mark.slow

STRONG = {
    "size_weight": 655.0,
    "ramp": 0.0,
    "learning_rate": 0.01,
    "average_half_life": 0.0,
}
TRAINED = {"kind": "trained", "encoder": "resnet18", "weights": "none", "batch": 2}


class Known:
    """A truth that is the same for every box."""

    def __init__(self, *sizes: float) -> None:
        self.sizes = sizes

    def read(self, box: Box) -> NDArray[np.float32]:
        return np.array(self.sizes, np.float32)


def settings(
    steps: int = 4, stage: dict[str, Any] | None = None, **changes
) -> Settings:
    small = {"labelled_batch": 2, "unlabelled_batch": 2, **(stage or {})}
    regressor = {"crops": 12, **changes.pop("regressor", {})}
    values = {
        "steps": steps,
        "tile_size": SIZE,
        "network": {"encoder": "mobilenet_v2", "weights": "none"},
        "regressor": regressor,
        "curriculum": small,
        **changes,
    }
    return make_settings("curriculum", "default", values)


def images(n_labelled: int = 3, **changes) -> TrainingSet:
    labelled = tuple(tile(seed) for seed in range(n_labelled))
    known = tuple(unlabelled(seed) for seed in range(10, 13))
    return TrainingSet(labelled, known, **changes)


def informed(*sizes: float) -> TrainingSet:
    known = images()
    told = tuple(replace(one, sizes=Known(*sizes)) for one in known.unlabelled)
    return replace(known, unlabelled=told)


def run(known: TrainingSet, **changes) -> tuple[Training, list[Report]]:
    training = Training(known, settings(**changes), device="cpu")
    return training, list(training)


def stages(settings: Settings, unlabelled: int = 5) -> list[tuple[str, int]]:
    plan = plan_curriculum(settings, unlabelled, False)
    return [(one.name, one.n_steps) for one in plan if one.n_steps]


# -- plans of the arms -----------------------------------------------------------------


def test_least_squares_cost_no_gradient_step() -> None:
    assert stages(settings(40)) == [("curriculum", 40)]


def test_a_trained_regressor_has_its_share_of_the_steps() -> None:
    assert stages(settings(40, regressor=TRAINED)) == [
        ("sizes", 8),
        ("curriculum", 32),
    ]
    assert stages(settings(2, regressor=TRAINED)) == [("sizes", 1), ("curriculum", 1)]
    assert stages(settings(1, regressor=TRAINED)) == [("curriculum", 1)]


@pytest.mark.parametrize(
    "changes",
    [
        {"bounds": "object 10-20", "regressor": TRAINED},
        {"source": "oracle", "regressor": TRAINED},
    ],
)
def test_no_step_is_spent_on_sizes_that_are_told(changes) -> None:
    assert stages(settings(40, **changes)) == [("curriculum", 40)]


def test_the_supervised_arm_spends_all_steps_on_labels() -> None:
    alone = settings(40, stage={"size_weight": 0.0}, regressor=TRAINED)
    assert stages(alone) == [("supervised", 40)]
    assert stages(settings(40), unlabelled=0) == [("supervised", 40)]


def test_proposals_follow_a_supervised_stage() -> None:
    plan = plan_curriculum(settings(9, source="proposals"), 5, False)
    assert [(p.name, p.n_steps, p.taught) for p in plan] == [
        ("supervised", 4, False),
        ("proposals", 5, True),
    ]


# -- the loss --------------------------------------------------------------------------


def test_a_step_has_both_losses_and_says_its_cost() -> None:
    training, reports = run(images())
    steps = [r for r in reports if r.losses]
    assert [r.step for r in steps] == [1, 2, 3, 4]
    assert all(set(r.losses) == {"total", "supervised", "size"} for r in steps)
    assert all((r.forwards, r.samples) == (2, 6) for r in steps)
    assert training.stage.selection is None


def test_penalty_is_that_of_the_tile_drawn() -> None:
    training = Training(informed(0.25), settings(source="oracle"), device="cpu")
    penalty = training.stage.unlabelled
    assert isinstance(penalty, SizePenalty)
    drawn = training.equipment.unlabelled.draw(2, training.equipment.random)
    logits = torch.zeros(2, 3, SIZE, SIZE)
    found = penalty(logits, drawn).item()
    # Two thirds of foreground against a quarter and a tenth of it; clipped at a tenth.
    missed = 2 / 3 - 0.25 * 1.1
    assert found == pytest.approx(2 * 0.1 * missed - 0.1**2, rel=1e-4)


def test_bounds_do_not_see_altered_intensities() -> None:
    training = Training(images(), settings(), device="cpu")
    for report in training:
        if report.sizes:
            break
    stage = training.stage
    drawn = training.equipment.unlabelled.draw(2, training.equipment.random)
    with training.equipment.random.unchanged():
        assert not torch.equal(stage.altered(drawn.image), drawn.image)
    bounds = stage.unlabelled.bounds
    assert torch.equal(bounds.predicted(drawn), bounds.regressor(drawn.image))


def test_penalty_drives_soft_area_into_its_bounds() -> None:
    """Labels say half of the tile, the truth of unlabelled ones is told otherwise."""
    training, reports = run(informed(0.1), source="oracle", steps=16, stage=STRONG)
    losses = [r.losses["size"] for r in reports if r.losses]
    assert losses[-1] < 0.3 * losses[0]
    stage, tools = training.stage, training.equipment
    drawn = tools.unlabelled.draw(8, tools.random)
    with torch.no_grad():
        p = tools.network(drawn.image).softmax(1)
    assert size(regions(p, "instances"), drawn.valid).mean() < 0.3
    assert stage.sizes is not None


def test_proposals_push_to_the_foreground_alone() -> None:
    training, reports = run(images(), source="proposals")
    stage = training.stage
    assert isinstance(stage.unlabelled, Proposals)
    assert {r.stage for r in reports} == {"supervised", "proposals"}
    assert "proposals" in reports[-1].losses
    tools = training.equipment
    drawn = tools.unlabelled.draw(2, tools.random)
    label = tools.previous(drawn.image).argmax(1)
    logits = torch.zeros(2, 3, SIZE, SIZE, requires_grad=True)
    stage.unlabelled(logits, drawn).backward()
    moved = logits.grad.abs().sum(1) > 0
    assert torch.equal(moved, (label > 0) & drawn.valid)
    teacher = copy.deepcopy(tools.previous.state_dict())
    assert not equal(teacher, tools.network.state_dict())


# -- what it says ----------------------------------------------------------------------


def test_what_is_known_of_sizes_is_reported_twice() -> None:
    _, reports = run(images())
    before, after = [r.sizes for r in reports if r.sizes]
    assert before.classes == ("object",)
    assert len(before.labelled) == 3
    assert set(before.images) == {"image-10", "image-11", "image-12"}
    assert before.origin == "regressed"
    for image_id, (one,) in after.images.items():
        (earlier,) = before.images[image_id]
        assert earlier.size is None
        assert 0 < one.size < 1
        assert one.low <= one.predicted <= one.high
        assert (one.low, one.high) == pytest.approx((earlier.low, earlier.high))


def test_a_useless_regressor_is_not_used_and_the_user_is_told() -> None:
    _, reports = run(images(), stage={"largest_error": 1e-6})
    (said,) = [r.message for r in reports if r.sizes and r.step == 0]
    assert "The size of object is not bounded" in said
    steps = [r for r in reports if r.losses]
    assert all(set(r.losses) == {"total", "supervised"} for r in steps)
    assert all((r.forwards, r.samples) == (1, 2) for r in steps)


def test_a_single_tile_bounds_nothing() -> None:
    _, reports = run(images(1))
    (said,) = [r.message for r in reports if r.sizes and r.step == 0]
    assert "learned from a single tile" in said
    assert all("size" not in r.losses for r in reports)


def test_a_validation_tile_judges_a_single_one() -> None:
    known = images(1)
    judged = replace(known, labelled=(*known.labelled, tile(5, "validation")))
    _, reports = run(judged, stage={"largest_error": 10.0})
    (found,) = [r.sizes for r in reports if r.sizes and r.step == 0]
    assert found.used == (True,)
    assert found.relative_error[0] is not None


def test_tiles_that_nobody_finished_teach_no_sizes() -> None:
    known = np.zeros((SIZE, SIZE), bool)
    known[: SIZE // 2] = True
    half = tile(0, annotated=known, instances=np.zeros((SIZE, SIZE), np.int32))
    for regressor in ({}, TRAINED):
        _, reports = run(
            replace(images(), labelled=(half,)), regressor=regressor, steps=5
        )
        (said,) = [r.message for r in reports if r.sizes and "known" in r.preparing]
        assert "no sizes can be learned" in said
        steps = [r for r in reports if r.losses]
        assert len(steps) == 5
        assert all("supervised" in r.losses for r in steps)


def test_a_class_that_is_absent_has_no_bounds() -> None:
    tiles = tuple(tile(s, classes=dict.fromkeys(range(1, 7), 1)) for s in range(3))
    known = replace(images(), labelled=tiles, task="semantic", classes=("cell", "dirt"))
    _, reports = run(known, stage={"largest_error": 10.0})
    found = [r.sizes for r in reports if r.sizes][-1]
    assert found.used == (True, False)
    assert "dirt" in found.sentence
    assert [(one.low, one.high) for one in found.images["image-10"]][1] == (0, 1)


def test_empty_images_are_asked_to_be_empty() -> None:
    empty = tuple(tile(s, instances=np.zeros((SIZE, SIZE), np.int32)) for s in range(3))
    _, reports = run(replace(images(), labelled=empty))
    assert all(np.isfinite(r.losses["total"]) for r in reports if r.losses)
    found = [r.sizes for r in reports if r.sizes][-1]
    assert found.used == (False,)


# -- bounds that are told --------------------------------------------------------------


def test_typed_bounds_take_the_place_of_the_regressor() -> None:
    known = replace(images(), task="semantic", classes=("cell", "dirt"))
    _, reports = run(known, bounds={"dirt": [5, 12.5]})
    found = [r.sizes for r in reports if r.sizes][-1]
    assert (found.origin, found.used) == ("typed", (False, True))
    free, dirt = found.images["image-11"]
    assert (free.low, free.high) == (0, 1)
    assert (dirt.low, dirt.high) == pytest.approx((0.05, 0.125))
    assert dirt.predicted is None
    assert "dirt 0.05 to 0.125" in found.sentence
    steps = [r for r in reports if r.losses]
    assert all((r.forwards, r.samples) == (1, 4) for r in steps)


def test_bounds_of_an_unknown_class_are_refused_at_once() -> None:
    with pytest.raises(SemisegError, match="nucleus is no class here"):
        Training(images(), settings(bounds="nucleus 10-20"), device="cpu")


@pytest.mark.parametrize("bounds", ["much", "object 30-20", {"object": [1, 2, 3]}])
def test_bounds_that_make_no_sense_are_refused(bounds) -> None:
    with pytest.raises(SemisegError, match="bounds"):
        settings(bounds=bounds)


def test_bounds_are_no_arm_of_the_oracle() -> None:
    with pytest.raises(SemisegError, match="take the place of a regressor"):
        settings(bounds="object 10-20", source="oracle")


def test_the_oracle_is_refused_where_nobody_knows_the_truth() -> None:
    with pytest.raises(SemisegError, match="in a benchmark only"):
        Training(images(), settings(source="oracle"), device="cpu")


def test_the_oracle_bounds_the_truth_and_nothing_where_it_is_unknown() -> None:
    for truth, expected in ((0.4, (0.36, 0.44)), (float("nan"), (0, 1))):
        _, reports = run(informed(truth), source="oracle", steps=1)
        found = [r.sizes for r in reports if r.sizes][-1]
        assert found.origin == "oracle"
        (one,) = found.images["image-10"]
        assert (one.low, one.high) == pytest.approx(expected)


# -- the paper -------------------------------------------------------------------------


def test_paper_is_literal() -> None:
    paper = CurriculumSettings.of_preset("paper")
    stage, regressor = paper.curriculum, paper.regressor
    assert (stage.gamma, stage.measured, stage.clip) == (0.1, False, None)
    assert (stage.labelled_batch, stage.unlabelled_batch) == (1, 1)
    assert (stage.learning_rate, stage.second_moment) == (5e-4, 0.99)
    assert (stage.augmented, stage.least_width, stage.ramp) == (False, 0, 0)
    assert (regressor.encoder, regressor.learning_rate) == ("tu-resnext101_32x4d", 5e-6)
    assert (regressor.batch, regressor.momentum) == (10, 0.9)
    assert paper.network.architecture == "enet"
    assert stages(paper) == [("sizes", 38_000), ("curriculum", 142_600)]
    # The public code's 0.01 for squared pixels divided by pixels.
    assert stage.size_weight == pytest.approx(0.01 * 256 * 256, rel=1e-3)


def test_the_papers_forms_train() -> None:
    changes = make_settings("curriculum", "paper").model_dump()
    changes |= {"steps": 5, "tile_size": SIZE, "validate_every": 0.5}
    changes["regressor"] |= {"encoder": "resnet18", "batch": 2}
    known = replace(images(), labelled=(*images().labelled, tile(7, "validation")))
    training = Training(
        known, make_settings("curriculum", "paper", changes), device="cpu"
    )
    reports = list(training)
    steps = [r for r in reports if r.losses]
    assert [r.stage for r in steps] == ["sizes"] + ["curriculum"] * 4
    assert steps[0].scores is None
    assert steps[-1].scores is not None
    assert steps[-1].samples == 3
    found = [r.sizes for r in reports if r.sizes][-1]
    assert (found.used, found.gamma) == ((True,), (0.1,))
    assert "regressor" not in training.equipment.handed_on


def test_the_rate_of_the_regressor_is_halved_twice() -> None:
    training = Training(images(), settings(40, regressor=TRAINED), device="cpu")
    rates = [training.stage.rate(step) for step in range(8)]
    assert rates == [5e-6] * 4 + [2.5e-6] * 2 + [1.25e-6] * 2


def test_the_rate_is_halved_when_the_score_does_not_improve() -> None:
    plateau = Plateau()
    for t, score in ((0.1, 0.5), (0.2, 0.4), (0.29, 0.5)):
        plateau.take(t, score)
    assert plateau.factor == 1
    plateau.take(0.31, 0.5)
    assert plateau.factor == 0.5
    plateau.take(0.4, 0.1)
    plateau.take(0.45, 0.6)
    plateau.take(0.6, 0.1)
    assert plateau.factor == 0.5
    again = Plateau()
    again.load_state(plateau.state())
    again.take(0.65, 0.6)
    assert again.factor == 0.25


def test_without_scores_the_rate_stays() -> None:
    fresh = Plateau()
    again = Plateau()
    again.load_state(fresh.state())
    again.take(0.9, 0.0)
    assert again.factor == 1


# -- going on --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("broken_at", "regressor"),
    [
        (2, {}),
        (-7, {}),
        (-1, {}),
        (0, TRAINED),
        (1, TRAINED),
        (2, TRAINED),
        (7, TRAINED),
    ],
)
def test_resume_is_bitwise_wherever_it_was_broken(tmp_path, broken_at, regressor):
    chosen = settings(5, regressor=regressor, stage={"largest_error": 99.0})
    whole = Training(images(), chosen, device="cpu")
    n_reports = len(list(whole))
    broken = Training(images(), chosen, device="cpu")
    path = tmp_path / "checkpoint"
    broken.save_checkpoint(path)
    for number, _ in enumerate(broken, start=1):
        torch.rand(2)
        if number == broken_at % n_reports:
            broken.save_checkpoint(path)
            break
    resumed = Training.resume(path, images(), device="cpu")
    reports = list(resumed)
    assert equal(weights_of(whole), weights_of(resumed))
    assert whole.stage.sizes == resumed.stage.sizes
    assert reports[-1].sizes == resumed.stage.sizes


def test_pace_is_measured_before_anything_is_known() -> None:
    chosen = settings(10, regressor=TRAINED)
    plain, timed = (Training(images(), chosen, device="cpu") for _ in range(2))
    assert set(timed.seconds_per_step()) == {"sizes", "curriculum"}
    list(plain)
    list(timed)
    assert equal(weights_of(plain), weights_of(timed))


# -- whole images ----------------------------------------------------------------------


def test_a_grid_covers_an_image() -> None:
    boxes = grid((40, 70), 32, 16)
    covered = np.zeros((40, 70), int)
    for box in boxes:
        covered[box.slices] += 1
    assert (covered == 1).all()
    assert grid((20, 20), 32, 16) == [Box((0, 0), (20, 20))]


def test_of_a_large_image_some_tiles_are_looked_at() -> None:
    boxes = grid((3200, 3200), 32, 16)
    assert len(set(boxes)) == 16
    assert {box.origin[0] // 1600 for box in boxes} == {0, 1}
