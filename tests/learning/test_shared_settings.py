"""Settings that stages of several methods have: bounds, words, files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from napari_semiseg.errors import SemisegError
from napari_semiseg.learning.methods import METHODS, load_settings, make_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BAD: dict[str, Any] = {
    "learning_rate": 0,
    "final_learning_rate": -1e-5,
    "momentum": 1.1,
    "weight_decay": -1,
    "average_half_life": 2,
    "class_weights": [1, 0, 1],
    "unlabelled_weight": -1,
    "labelled_batch": 0,
    "unlabelled_batch": 0,
}


def places(model: BaseModel, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from places(value, (*before, name))
        else:
            yield (*before, name)


def nested(place: tuple[str, ...], value: Any) -> dict[str, Any]:
    for name in reversed(place):
        value = {name: value}
    return value


ALL = [(name, place) for name in METHODS for place in places(make_settings(name))]
SHARED = [(name, place) for name, place in ALL if place[-1] in BAD and len(place) > 1]


@pytest.mark.parametrize(("name", "place"), SHARED)
def test_bounds_hold_wherever_a_setting_is_shared(
    name: str, place: tuple[str, ...]
) -> None:
    with pytest.raises(SemisegError, match=place[-1]):
        make_settings(name, "default", nested(place, BAD[place[-1]]))


@pytest.mark.parametrize("name", METHODS)
def test_every_setting_says_what_it_is(name: str) -> None:
    for place in places(make_settings(name)):
        model: Any = make_settings(name)
        for part in place[:-1]:
            model = getattr(model, part)
        field = type(model).model_fields[place[-1]]
        assert field.description or place == ("name",), place


def test_settings_files_of_before_are_read(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text(
        "steps = 300\n[supervised]\nlearning_rate = 2e-3\nweight_decay = 0\n"
        "class_weights = [1, 1, 2]\naverage_half_life = 0.1\n"
        "[consistency]\nunlabelled_weight = 0.5\nmomentum = 0.8\n"
    )
    found: Any = make_settings("actis", "default", load_settings(file))
    assert found.supervised.learning_rate == 2e-3
    assert found.supervised.class_weights == (1, 1, 2)
    assert (found.consistency.unlabelled_weight, found.consistency.momentum) == (
        0.5,
        0.8,
    )
