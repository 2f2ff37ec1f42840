"""What people give by mistake: learned from, or refused in a sentence."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.learning.conftest import SIZE, discs, tile, unlabelled

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import ArraySource
from napari_semiseg.learning.methods import METHODS, make_settings
from napari_semiseg.learning.training import Training
from napari_semiseg.learning.training_set import (
    LabelledTile,
    TrainingSet,
    UnlabelledImage,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_semiseg.learning.settings import Settings
    from napari_semiseg.learning.training_set import Task

# Every method trains in every one of them.
pytestmark = pytest.mark.slow

SMALL = {"bank": 4, "fresh": 1, "teacher_views": 1, "views": 1}


def shrunk(values: dict[str, Any]) -> dict[str, Any]:
    """The settings of any method with small batches, by the names of its fields."""
    found = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found[name] = shrunk(value)
        elif "batch" in name and isinstance(value, int) and value > 2:
            found[name] = 2
        elif name in SMALL and isinstance(value, int):
            found[name] = SMALL[name]
    return found


def small(method: str) -> Settings:
    """Few steps of every stage, as small as they can be."""
    changes = shrunk(make_settings(method).model_dump())
    network = {"architecture": "enet"}
    mine = {"steps": 6, "tile_size": SIZE, "network": network, "validate_every": 0.5}
    return make_settings(method, "default", {**changes, **mine})


def nothing() -> np.ndarray:
    return np.zeros((SIZE, SIZE), np.int32)


def one_known_pixel() -> LabelledTile:
    """Nearly every batch of it is ignored as a whole."""
    size = 4 * SIZE
    known = np.zeros((size, size), bool)
    known[0, 0] = True
    image = np.random.default_rng(0).random((1, size, size), np.float32)
    empty = np.zeros((size, size), np.int32)
    return tile(0, image=image, instances=empty, annotated=known)


def two_pixel_objects() -> LabelledTile:
    ids = nothing()
    for number, (y, x) in enumerate(np.ndindex(6, 6), start=1):
        ids[2 + 5 * y, 2 + 5 * x : 4 + 5 * x] = number
    return tile(0, image=(ids > 0)[None].astype(np.float32), instances=ids)


def smaller_than_a_tile() -> LabelledTile:
    image, ids = discs(0)
    ids = ids[:20, :17]
    return tile(0, image=image[:, :20, :17], instances=ids, annotated=ids >= 0)


def constant_image() -> LabelledTile:
    return tile(0, image=np.zeros((1, SIZE, SIZE), np.float32))


CASES: dict[str, Callable[[], LabelledTile]] = {
    "only background": lambda: tile(0, instances=nothing()),
    "only one object": lambda: tile(0, instances=nothing() + 1),
    "batches of ignored pixels": one_known_pixel,
    "objects of two pixels": two_pixel_objects,
    "an image smaller than a tile": smaller_than_a_tile,
    "an empty image": constant_image,
}


def learn(method: str, images: TrainingSet) -> Training:
    training = Training(images, small(method), device="cpu")
    for report in training:
        assert all(math.isfinite(loss) for loss in report.losses.values())
        assert all(0 <= score <= 1 for score in (report.scores or {}).values())
    return training


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", CASES)
def test_strange_labels(method: str, case: str) -> None:
    learn(method, TrainingSet((CASES[case](),), (unlabelled(10),)))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", ["only background", "batches of ignored pixels"])
def test_strange_labels_of_classes(method: str, case: str) -> None:
    one = replace(CASES[case](), classes={})
    judge = tile(1, "validation", classes={2: 2, 3: 2})
    images = TrainingSet((one, judge), (unlabelled(10),), classes=("a", "b"))
    training = learn(method, replace(images, task="semantic"))
    assert training.model().card.n_classes == 3


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(1, 1), (17, 300)])
def test_one_strange_unlabelled_image(method: str, shape: tuple[int, int]) -> None:
    odd = UnlabelledImage(ArraySource(np.full((1, *shape), 0.5, np.float32)))
    learn(method, TrainingSet((tile(0),), (odd,)))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("task", ["instances", "semantic"])
def test_a_validation_tile_that_nobody_knows(method: str, task: Task) -> None:
    blank = tile(1, "validation", annotated=nothing() > 0)
    images = TrainingSet((tile(0), blank), (unlabelled(10),), task=task)
    learn(method, images)


@pytest.mark.parametrize("method", METHODS)
def test_nothing_unlabelled(method: str) -> None:
    learn(method, TrainingSet((tile(0), tile(1))))


@pytest.mark.parametrize("method", METHODS)
def test_one_step_is_a_run(method: str) -> None:
    settings = small(method).model_copy(update={"steps": 1})
    images = TrainingSet((tile(0),), (unlabelled(10),))
    assert [r.step for r in Training(images, settings, device="cpu")][-1] == 1


@pytest.mark.parametrize("task", ["instances", "semantic"])
def test_labels_that_are_all_ignored_are_refused(task: Task) -> None:
    ignored = tile(0, instances=nothing() - 1, annotated=nothing() > 0)
    with pytest.raises(SemisegError, match="every pixel is marked to be ignored"):
        Training(TrainingSet((ignored,), task=task), small("actis"), device="cpu")
