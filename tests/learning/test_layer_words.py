from __future__ import annotations

from dataclasses import astuple

import pytest

from napari_semiseg.learning.methods import METHODS


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
