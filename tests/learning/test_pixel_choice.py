from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from napari_semiseg.learning.filters import CappedFilter, make_filter
from napari_semiseg.learning.methods import METHODS, make_settings
from napari_semiseg.learning.pixel_choice import pixel_choice
from napari_semiseg.learning.pseudo_labels import PseudoLabels

N = 3


def seen() -> PseudoLabels:
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 2, (1, N, 48, 56)).astype(np.float32)
    return PseudoLabels.of(torch.softmax(torch.from_numpy(logits), 1))


def mine(method: str, value: float, changes: Any = None) -> np.ndarray:
    pseudo = seen()
    label = pseudo.label[0].numpy().astype(np.uint8)
    rule = pixel_choice(make_settings(method, "default", changes)).at(value)
    return rule.select(label, pseudo.confidence[0].numpy(), N)


def by(engine: Any) -> np.ndarray:
    """What a filter keeps that has seen this image alone."""
    pseudo = seen()
    engine.update(pseudo, torch.ones_like(pseudo.label, dtype=torch.bool))
    kept: np.ndarray = engine.select(pseudo.label, pseudo.confidence)[0].numpy()
    return kept


@pytest.mark.parametrize("value", [0.0, 0.2, 0.55, 0.9])
@pytest.mark.parametrize("kind", ["percentile", "fixed"])
def test_actis_keeps_the_pixels_of_its_own_filter(kind: str, value: float) -> None:
    changes = {"consistency": {"filter": kind}}
    choice = pixel_choice(make_settings("actis", "default", changes))
    tried = choice.settings(make_settings("actis", "default", changes), value)
    engine = make_filter(tried.consistency, N)  # type: ignore[attr-defined]
    assert np.array_equal(mine("actis", value, changes), by(engine))


@pytest.mark.parametrize("value", [0.4, 0.7, 0.95])
@pytest.mark.parametrize("class_wise", [True, False])
def test_fixmatch_keeps_the_pixels_of_its_own_filter(
    value: float, class_wise: bool
) -> None:
    changes = {"fixmatch": {"class_wise": class_wise}}
    settings = make_settings("fixmatch-st", "default", changes)
    tried = pixel_choice(settings).settings(settings, value)
    engine = CappedFilter(N, tried.fixmatch)  # type: ignore[attr-defined]
    assert np.array_equal(mine("fixmatch-st", value, changes), by(engine))


def test_co_training_has_one_limit() -> None:
    confidence = seen().confidence[0].numpy()
    assert np.array_equal(mine("co-training", 0.6), confidence >= np.float32(0.6))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("preset", ["default", "paper"])
def test_every_method_has_a_number_or_says_why_not(method: str, preset: Any) -> None:
    settings = make_settings(method, preset)
    choice = pixel_choice(settings)
    assert choice.about.endswith(".")
    if choice.kind is None:
        assert method in {"supervised", "curriculum", "consistency"}
        assert "choose" in choice.about
        return
    value: Any = settings
    for name in choice.place:
        value = getattr(value, name)
    assert value == choice.value
    changed = choice.settings(settings, 0.625)
    assert pixel_choice(changed).value == 0.625
    assert choice.settings(changed, choice.value) == settings


@pytest.mark.parametrize(
    ("method", "changes", "words"),
    [
        ("actis", {"consistency": {"filter": "adaptive"}}, "by itself"),
        ("actis", {"consistency": {"filtering": False}}, "all pixels"),
        ("actis", {"consistency": {"unlabelled_weight": 0.0}}, "no single pixel"),
        ("fixmatch-st", {"first": "supervised"}, "all pixels"),
        (
            "fixmatch-st",
            {"first": "supervised", "self_training": "none"},
            "no single pixel",
        ),
        ("consistency", {"consistency": {"consistency_weight": 0.0}}, "no single"),
        ("curriculum", {}, "sizes"),
    ],
)
def test_settings_without_a_number_say_so(
    method: str, changes: dict[str, Any], words: str
) -> None:
    choice = pixel_choice(make_settings(method, "default", changes))
    assert choice.kind is None
    assert words in choice.about


def test_self_training_is_named_where_it_follows() -> None:
    assert "self-training" in pixel_choice(make_settings("fixmatch-st")).about
    alone = make_settings("fixmatch-st", "default", {"self_training": "none"})
    assert "self-training" not in pixel_choice(alone).about
