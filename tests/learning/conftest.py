"""A small training set and fast settings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_semiseg.geometry import ArraySource
from napari_semiseg.learning.methods import make_settings
from napari_semiseg.learning.said import LabelRules, Said, said_of
from napari_semiseg.learning.told import Told
from napari_semiseg.learning.training_set import (
    LabelledTile,
    TrainingSet,
    UnlabelledImage,
)

if TYPE_CHECKING:
    from napari_semiseg.geometry import Box
    from napari_semiseg.learning.settings import Settings

SIZE = 32


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def discs(seed: int, size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """An image float32 (1, S, S) of bright discs, and their ids int32 (S, S)."""
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[:size, :size]
    instances = np.zeros((size, size), np.int32)
    for number in range(1, 7):
        y, x, r = rng.uniform(4, size - 4), rng.uniform(4, size - 4), rng.uniform(4, 8)
        disc = (yy - y) ** 2 + (xx - x) ** 2 < r**2
        instances[disc & (instances == 0)] = number
    image = (instances > 0) * 0.8 + rng.normal(0.1, 0.05, instances.shape)
    return image[None].astype(np.float32), instances


def tile(seed: int, role: str = "training", **changes) -> LabelledTile:
    image, instances = discs(seed)
    values = {
        "image": image,
        "instances": instances,
        "annotated": np.ones(instances.shape, bool),
        "image_id": f"image-{seed}",
        "role": role,
    }
    return LabelledTile(**{**values, **changes})


def unlabelled(seed: int) -> UnlabelledImage:
    return UnlabelledImage(ArraySource(discs(seed, 48)[0]), f"image-{seed}")


class ArrayTold:
    """What is said of an image, in memory."""

    def __init__(self, told: Told) -> None:
        self.told = told

    def read(self, box: Box) -> Told:
        return Told(*(plane[box.slices] for plane in self.told.planes))


def trusting(trust: np.ndarray) -> ArrayTold:
    """Nothing but what is said of an image's pseudo-labels, uint8 (*S)."""
    return ArrayTold(replace(Told.nothing(trust.shape), trust=trust))


def drawn_on(shape: tuple[int, int], seed: int = 0) -> Told:
    """An image of which something of every kind is said."""
    rng = np.random.default_rng(seed)
    ids, owned = np.zeros(shape, np.int32), np.zeros(shape, bool)
    accepted = np.zeros(shape, bool)
    for number in range(1, 9):
        y, x = rng.integers(0, shape[0] - 8), rng.integers(0, shape[1] - 8)
        place = (slice(y, y + 8), slice(x, x + 8))
        ids[place], owned[place] = number, True
        accepted[place] = number % 2 == 0
    y, x = shape[0] // 2, shape[1] // 2
    owned[y : y + 4] = True  # What is no object there, a person erased.
    ids[:, x : x + 3], owned[:, x : x + 3], accepted[:, x : x + 3] = -1, False, False
    given = np.full(shape, 255, np.uint8)
    given[y + 5 : y + 8, : x - 1] = 2
    kinds = np.where(ids > 0, 1 + ids % 2, 0).astype(np.uint8)
    trust = rng.integers(0, 3, shape, np.uint8)
    return Told(ids, owned, given, accepted, kinds, trust)


def words(
    *told: Told, task: str = "instances", boundary: str = "inner", weight: float = 1.0
) -> Said:
    """What is said of the tiles of a batch."""
    rules = LabelRules(task, boundary, accepted_weight=weight)
    each = [said_of(one, rules, torch.device("cpu")) for one in told]
    planes = zip(*(list(vars(one).values())[:4] for one in each), strict=True)
    return Said(*(torch.cat(plane) for plane in planes))


def corrected_set() -> TrainingSet:
    """Classes given to pixels of a tile; trust, objects and more in the images."""
    kinds = np.full((SIZE, SIZE), 255, np.uint8)
    kinds[4:9, 3:20], kinds[20:22, 5:9] = 2, 0
    nothing_else = np.zeros((SIZE, SIZE), bool)
    labelled = (
        tile(0, class_overrides=kinds),
        tile(1, annotated=nothing_else, class_overrides=kinds.T.copy()),
        tile(2, "validation"),
    )
    rng = np.random.default_rng(3)
    images = (
        replace(unlabelled(s), corrections=trusting(rng.integers(0, 3, (48, 48), "u1")))
        for s in range(10, 12)
    )
    drawn = (
        replace(unlabelled(s), corrections=ArrayTold(drawn_on((48, 48), s)))
        for s in range(12, 14)
    )
    return TrainingSet(labelled, (*images, *drawn))


@pytest.fixture
def training_set() -> TrainingSet:
    labelled = (tile(0), tile(1), tile(2, "validation"))
    return TrainingSet(labelled, tuple(unlabelled(s) for s in range(10, 14)))


def quick(method: str = "actis", steps: int = 6, **changes) -> Settings:
    """Few small steps of a small network with random weights."""
    values = {
        "steps": steps,
        "tile_size": SIZE,
        "network": {"encoder": "mobilenet_v2", "weights": "none"},
        "supervised": {"batch": 2},
        **changes,
    }
    if method == "actis":
        small = {"labelled_batch": 2, "unlabelled_batch": 2, "fresh": 1, "bank": 4}
        small["teacher_views"] = 2
        values["consistency"] = {**small, **changes.get("consistency", {})}
    return make_settings(method, "default", values)
