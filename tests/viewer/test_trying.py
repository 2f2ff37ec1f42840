"""Trying another rule for the pixels of the loss: the layer shows what it would use."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from teacher_scenes import SHAPE, answer, dab, make_view, see

from napari_semiseg.geometry import Box
from napari_semiseg.learning.filters import make_filter
from napari_semiseg.learning.methods import make_settings
from napari_semiseg.learning.pixel_choice import pixel_choice
from napari_semiseg.learning.pseudo_labels import PseudoLabels
from napari_semiseg.learning.said import LabelRules, said_of
from napari_semiseg.learning.told import Told
from napari_semiseg.project.owners import Owner
from napari_semiseg.segmentation.selecting import Selecting
from napari_semiseg.segmentation.trust import Trust, apply_trust
from napari_semiseg.viewer.teacher import teacher_job
from napari_semiseg.viewer.teacher.teacher_planes import Answer, Rules, TeacherPlanes

WHOLE = Box.whole(SHAPE)
LEFT, RIGHT = Box((0, 0), (96, 64)), Box((0, 64), (96, 64))


def unsure(box: Box = WHOLE, seed: int = 0) -> Answer:
    """What a teacher sees that is differently sure of every pixel."""
    seen = answer(Box.whole(SHAPE))
    noise = np.random.default_rng(seed).normal(0, 0.8, seen.probability.shape)
    logits = torch.from_numpy((np.log(seen.probability) + noise).astype(np.float32))
    probability = torch.softmax(logits, 0).numpy()[(slice(None), *box.slices)]
    confidence = probability.max(0)
    label = probability.argmax(0).astype(np.uint8)
    return Answer(box, probability, label, confidence, confidence > 0.8)


def in_training(value: float, kind: str, trust: np.ndarray) -> np.ndarray:
    """What ACTIS's loss would use of the same pixels, by its own classes."""
    stage = make_settings(
        "actis",
        "default",
        {"consistency": {"filter": kind, "quantile": value, "threshold": value}},
    ).consistency  # type: ignore[attr-defined]
    pseudo = PseudoLabels.of(torch.from_numpy(unsure().probability)[None])
    engine = make_filter(stage, 3)
    engine.update(pseudo, torch.ones_like(pseudo.label, dtype=torch.bool))
    selected = engine.select(pseudo.label, pseudo.confidence)
    said = torch.from_numpy(trust)[None]
    kept: np.ndarray = apply_trust(selected, said)[0].numpy()
    return kept


@pytest.mark.parametrize("kind", ["percentile", "fixed"])
@pytest.mark.parametrize("value", [0.1, 0.45, 0.9])
def test_the_mask_is_the_one_the_loss_would_use(kind: str, value: float) -> None:
    view = make_view()
    see(view, unsure())
    view.stroke("trusted", dab(30, 100, 5, Trust.TRUSTED))
    view.stroke("trusted", dab(80, 20, 5, Trust.NOT_TRUSTED))
    changes: Any = {"consistency": {"filter": kind}}
    choice = pixel_choice(make_settings("actis", "default", changes))

    see(view, None, Rules(selecting=choice.at(value)))

    expected = in_training(value, kind, view.human.own.trust)
    assert np.array_equal(view.shown.trusted == Trust.TRUSTED, expected)
    assert 0 < expected.mean() < 1


@pytest.mark.parametrize("mode", ["inner", "outer"])
def test_a_persons_pixels_count_as_they_do_in_the_loss(mode: Any) -> None:
    view = make_view()
    view.rules = Rules(boundary_mode=mode)
    see(view, unsure())
    view.stroke("instances", dab(50, 90, 8, 500))
    view.stroke("instances", dab(20, 100, 4, 0))
    view.stroke("instances", dab(80, 60, 5, -1))
    view.stroke("label", dab(85, 115, 4, 1))
    view.stroke("trusted", dab(50, 90, 3, Trust.NOT_TRUSTED))  # Labelled all the same.

    see(view, None, replace(view.rules, selecting=Selecting(left_out=0.4)))

    own = view.human.own
    told = Told(
        np.where(own.owners == Owner.IGNORED, -1, own.instances),
        (own.owners >= Owner.ACCEPTED) & (own.owners != Owner.IGNORED),
        own.classes,
        own.owners == Owner.ACCEPTED,
        np.zeros_like(own.trust),
        own.trust,
    )
    said = said_of(told, LabelRules("instances", mode), torch.device("cpu"))
    kept = torch.from_numpy(in_training(0.4, "percentile", np.zeros_like(own.trust)))
    expected = said.selected(kept[None])[0].numpy()
    assert np.array_equal(view.shown.trusted == Trust.TRUSTED, expected)
    assert said.known.any()
    assert said.ignored.any()


def test_the_own_choice_comes_back() -> None:
    view = make_view()
    see(view, unsure())
    before = view.shown.trusted.copy()
    see(view, None, Rules(selecting=Selecting(limit=1.0)))
    assert not (view.shown.trusted == Trust.TRUSTED).any()
    see(view, None, Rules())
    assert np.array_equal(view.shown.trusted, before)


def test_objects_are_not_sought_anew_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    view = make_view()
    see(view, unsure())
    objects = view.shown.instances.copy()
    sought: list[Rules] = []
    find = teacher_job.with_objects

    def counted(planes: TeacherPlanes, region: Box, rules: Rules, *rest: Any) -> Any:
        sought.append(rules)
        return find(planes, region, rules, *rest)

    monkeypatch.setattr(teacher_job, "with_objects", counted)
    tried = Rules(selecting=Selecting(left_out=0.3))
    see(view, None, tried)
    assert not sought
    assert np.array_equal(view.shown.instances, objects)
    see(view, None, replace(tried, min_size=20))
    see(view, unsure(seed=1))
    assert len(sought) == 2


def test_a_new_answer_is_chosen_from_by_the_same_rule() -> None:
    view = make_view()
    rules = Rules(selecting=Selecting(left_out=0.3))
    see(view, unsure(LEFT), rules)
    assert not view.shown.trusted[RIGHT.slices].any()  # Nothing is known there.
    alone = view.shown.trusted.copy()

    see(view, unsure(RIGHT))

    both = unsure()
    expected = Selecting(left_out=0.3).select(both.label, both.confidence, 3)
    assert np.array_equal(view.shown.trusted == Trust.TRUSTED, expected)
    assert not np.array_equal(view.shown.trusted[LEFT.slices], alone[LEFT.slices])


def test_a_window_without_an_answer_can_be_tried_on() -> None:
    view = make_view()
    see(view, None, Rules(selecting=Selecting(left_out=0.3)))
    assert not view.shown.trusted.any()
