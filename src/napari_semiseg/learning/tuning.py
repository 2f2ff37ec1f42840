"""Training tiles seen anew, to tune thresholds on where nothing is held out.

A network knows the tiles it was trained on: their objects come apart at nearly any
threshold, and the choice among equals is chance. Under strong intensity augmentation it
errs on them much as it does on new images, and a few views multiply the objects to
judge by. (``docs/benchmarks.md`` has the measurement.)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_semiseg.learning import intensity
from napari_semiseg.learning.devices import place_images
from napari_semiseg.learning.randomness import Randomness
from napari_semiseg.learning.settings import IntensitySettings
from napari_semiseg.learning.teacher import evaluating
from napari_semiseg.learning.validation import probability_forward

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from napari_semiseg.learning.training_set import LabelledTile

_CONTEXT = 32  # Pixels around a tile that the network sees with it.
_ENOUGH_OBJECTS = 300
_MOST_VIEWS = 4
_SEED = 0  # The same views of the same tiles for every model.


def n_tuning_views(tiles: Sequence[LabelledTile]) -> int:
    """How often the tiles are looked at anew: less the more objects they hold."""
    n_objects = sum(len(np.unique(t.instances[t.instances > 0])) for t in tiles)
    if n_objects == 0:
        return 0
    return min(_MOST_VIEWS, math.ceil(_ENOUGH_OBJECTS / n_objects) - 1)


def altered_probabilities(
    network: nn.Module, tiles: Sequence[LabelledTile], device: torch.device
) -> list[list[NDArray[np.float32]]]:
    """Softmax of the tiles under strong intensity augmentation.

    Returns
    -------
    list[list[NDArray[np.float32]]]
        For each of `n_tuning_views` views one ``(K, *S)`` per tile.
    """
    random = Randomness(_SEED, device)
    forward = probability_forward(network, device)
    with evaluating(network):
        return [
            [_altered(forward, tile, random) for tile in tiles]
            for _ in range(n_tuning_views(tiles))
        ]


def _altered(
    forward: Callable[[Tensor], Tensor], tile: LabelledTile, random: Randomness
) -> NDArray[np.float32]:
    source, box = tile.region()
    around = box.grow(_CONTEXT).clip(source.shape)
    pixels = torch.from_numpy(np.ascontiguousarray(source.read(around), np.float32))
    seen = place_images(pixels[None], random.device)
    altered = intensity.augment(seen, IntensitySettings(), random)
    probability = forward(altered)[0].cpu().numpy()
    inner = tuple(
        slice(o - a, o - a + s)
        for o, a, s in zip(box.origin, around.origin, box.size, strict=True)
    )
    return np.ascontiguousarray(probability[(slice(None), *inner)])
