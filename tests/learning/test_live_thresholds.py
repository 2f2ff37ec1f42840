"""Thresholds for those who look on while a network learns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from tests.learning.conftest import SIZE, discs, tile

from napari_semiseg.geometry import ArraySource, Box
from napari_semiseg.learning.live_thresholds import LiveThresholds, some_tiles
from napari_semiseg.learning.methods import make_settings
from napari_semiseg.learning.training import Training
from napari_semiseg.learning.training_set import TrainingSet

CPU = torch.device("cpu")
SETTINGS = make_settings("supervised", "default")


class Clock:
    """Seconds that pass while somebody tunes."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Young(torch.nn.Module):
    """Sees foreground nearly everywhere, more of it where it is bright."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__()
        self.clock, self.asked = clock, 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.asked += 1
        if self.clock is not None:
            self.clock.now += 1.0
        return torch.cat([-x, 1.5 + 3 * x, torch.full_like(x, -4)], 1)


def test_they_suit_a_network_that_is_far_from_its_end() -> None:
    tiles = TrainingSet((tile(0), tile(1), tile(2)))
    found = LiveThresholds(tiles, CPU).at(Young(), SETTINGS, 1)
    assert found is not None
    assert found.foreground > 0.6


def test_they_are_tuned_again_when_that_is_cheap_and_something_was_learned() -> None:
    clock = Clock()
    network = Young(clock)
    live = LiveThresholds(TrainingSet((tile(0),)), CPU, clock)
    live.at(network, SETTINGS, 1)
    cost = clock.now
    asked = network.asked

    live.at(network, SETTINGS, 2)  # Too soon.
    assert network.asked == asked
    clock.now += 21 * cost
    live.at(network, SETTINGS, 1)  # Nothing was learned.
    assert network.asked == asked
    live.at(network, SETTINGS, 3)
    assert network.asked == 2 * asked


def test_without_objects_there_is_nothing_to_tune_on() -> None:
    empty = replace(tile(0), instances=np.zeros((SIZE, SIZE), np.int32))
    assert some_tiles([empty]) == []
    assert LiveThresholds(TrainingSet((empty,)), CPU).at(Young(), SETTINGS, 1) is None


def test_tiles_beyond_enough_objects_are_left_out() -> None:
    ids = np.arange(SIZE * SIZE, dtype=np.int32).reshape(SIZE, SIZE)
    assert len(some_tiles([replace(tile(0), instances=ids), tile(1)])) == 1


def test_a_preview_brings_them_and_leaves_no_trace() -> None:
    settings = make_settings(
        "supervised",
        "default",
        {
            "steps": 2,
            "tile_size": SIZE,
            "network": {"encoder": "mobilenet_v2", "weights": "none"},
            "supervised": {"batch": 2},
        },
    )

    def losses(*, watched: bool) -> list[float]:
        training = Training(TrainingSet((tile(0),)), settings, device="cpu")
        found = []
        for report in training:
            found.append(report.losses["supervised"])
            if watched:
                source = ArraySource(discs(7)[0])
                seen = training.preview(source, Box((0, 0), (SIZE, SIZE)))
                assert seen.thresholds is not None
        return found

    assert losses(watched=True) == losses(watched=False)
