"""Thresholds of the watershed while a network still learns, for those who look on.

A young network cuts objects out best at thresholds far from 0.5; those of its end are
not known yet. They are tuned on the labelled tiles, whenever that is cheap beside the
training.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.learning.tuning import altered_probabilities
from napari_semiseg.learning.validation import tile_probabilities
from napari_semiseg.segmentation.thresholds import LabelledTruth, search_thresholds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch
    from torch import nn

    from napari_semiseg.learning.settings import Settings
    from napari_semiseg.learning.training_set import LabelledTile, TrainingSet
    from napari_semiseg.segmentation.watershed import Thresholds

_SHARE = 20.0  # Times as long as it took passes before it is done again.
_ENOUGH = 60  # Objects to judge by; further tiles would take time alone.


class LiveThresholds:
    """Tunes the thresholds now and then; what is known meanwhile holds.

    Parameters
    ----------
    training_set
        Its validation tiles are judged by; without any, those learned from, altered.
    clock
        Seconds.
    """

    def __init__(
        self,
        training_set: TrainingSet,
        device: torch.device,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._objects = training_set.task == "instances"
        self._held_out = bool(training_set.validation)
        tiles = training_set.validation or training_set.training
        self._tiles = some_tiles(tiles) if self._objects else []
        self._device, self._clock = device, clock
        self._known: Thresholds | None = None
        self._step, self._due = -1, float("-inf")

    def at(
        self, network: nn.Module, settings: Settings, step: int
    ) -> Thresholds | None:
        """Those for the network as it is now; None where nothing is to be cut out.

        Parameters
        ----------
        network
            Which predicts; it is left as it was.
        settings
            How objects are cut out, and how thresholds are chosen.
        step
            Of the training: they are not tuned twice at the same one.
        """
        began = self._clock()
        if self._tiles and step != self._step and began >= self._due:
            self._known, self._step = self._tune(network, settings), step
            ended = self._clock()
            self._due = ended + _SHARE * (ended - began)
        return self._known

    def _tune(self, network: nn.Module, settings: Settings) -> Thresholds | None:
        views = [tile_probabilities(network, self._tiles, self._device)]
        if not self._held_out and settings.threshold_rule != "best":
            views += altered_probabilities(network, self._tiles, self._device)
        seen = [probability for view in views for probability in view]
        if not all(np.isfinite(probability).all() for probability in seen):
            return None
        truths = [LabelledTruth(t.instances, t.annotated) for t in self._tiles]
        return search_thresholds(
            seen,
            truths * len(views),
            form=settings.watershed,
            min_size=settings.minimum_size,
            rule=settings.threshold_rule,
        ).thresholds


def some_tiles(tiles: Sequence[LabelledTile]) -> list[LabelledTile]:
    """The first tiles that together hold enough objects; none without objects."""
    chosen: list[LabelledTile] = []
    n_objects = 0
    for tile in tiles:
        found = len(np.unique(tile.instances[tile.instances > 0]))
        if found and n_objects < _ENOUGH:
            chosen.append(tile)
            n_objects += found
    return chosen
