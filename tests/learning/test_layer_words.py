from __future__ import annotations

import itertools
from dataclasses import astuple
from typing import TYPE_CHECKING

import pytest

from napari_semiseg.learning.methods import METHODS, make_settings

if TYPE_CHECKING:
    from napari_semiseg.learning.settings import Preset


@pytest.mark.parametrize("name", METHODS)
def test_every_method_says_what_its_layers_hold(name: str) -> None:
    words = METHODS[name].settings.layer_words
    assert all(astuple(words))
    for about in astuple(words)[1:]:
        assert about.endswith(".")
        assert "loss" in about or "learns" in about, "what a correction does"


def test_only_what_the_loss_uses_is_called_a_pseudo_label() -> None:
    names = {name: METHODS[name].settings.layer_words.label_name for name in METHODS}
    assert names["supervised"] == "prediction (no target)"
    assert names["actis"] == "pseudo-labels"


@pytest.mark.parametrize("preset", ["default", "paper"])
@pytest.mark.parametrize("name", METHODS)
def test_every_stage_says_what_is_done_in_it(name: str, preset: Preset) -> None:
    settings = make_settings(name, preset)
    for unlabelled in (0, 3):
        for stage in METHODS[name].plan(settings, unlabelled, False):
            assert stage.words, stage.name
            assert not stage.words.endswith(".")


def test_every_mode_of_fixmatch_st_says_what_is_done() -> None:
    for first, students in itertools.product(
        ("supervised", "fixmatch"), ("none", "st", "st++")
    ):
        changes = {"first": first, "self_training": students}
        settings = make_settings("fixmatch-st", "default", changes)
        for stage in METHODS["fixmatch-st"].plan(settings, 3, False):
            assert stage.words, stage.name
