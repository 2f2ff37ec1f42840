"""How good a network is on labelled tiles, while it trains."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.errors import SemisegError
from napari_semiseg.learning.class_head import probabilities_of
from napari_semiseg.learning.devices import precision
from napari_semiseg.learning.networks import SegmentationNetwork
from napari_semiseg.learning.teacher import evaluating
from napari_semiseg.prediction.predict import predict_probability
from napari_semiseg.segmentation.metrics import score_image
from napari_semiseg.segmentation.semantic import confusion, dice, mean_iou
from napari_semiseg.segmentation.thresholds import LabelledTruth, search_thresholds
from napari_semiseg.segmentation.watershed import instances_from_probability

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from napari_semiseg.learning.settings import Settings
    from napari_semiseg.learning.training_set import LabelledTile, Task

MAIN_SCORE: dict[str, str] = {"instances": "ap", "semantic": "mean_iou"}
"""The score by which the best weights of a run are chosen."""


class DivergedError(SemisegError):
    """The loss, or what the network predicts, is no number any more."""


def probability_forward(
    network: nn.Module, device: torch.device, *, with_kinds: bool = False
) -> Callable[[Tensor], Tensor]:
    """Class probabilities of a batch by a network in evaluation mode.

    ``with_kinds``: behind them those of the objects' classes, see `probabilities_of`.
    """

    def forward(x: Tensor) -> Tensor:
        with precision(device):
            if with_kinds:
                return probabilities_of(network, x)
            logits = network(x)
        out: Tensor = logits.float().softmax(1)
        return out

    return forward


def tile_probabilities(
    network: nn.Module,
    tiles: Sequence[LabelledTile],
    device: torch.device,
    *,
    with_kinds: bool = False,
) -> list[NDArray[np.float32]]:
    """Softmax ``(K, *S)`` of each tile, predicted with its surroundings.

    ``with_kinds``: behind it that of the objects' classes, if a head tells them apart.

    The network is in evaluation mode meanwhile and in its old mode afterwards. (The
    public code validates in training mode and on logits, so that thresholds mean
    nothing and the statistics of batch normalisation drift.)
    """
    with evaluating(network):
        forward = probability_forward(network, device, with_kinds=with_kinds)
        return [
            predict_probability(forward, source, region=box, device=device)
            for source, box in (tile.region() for tile in tiles)
        ]


def score_tiles(
    network: nn.Module,
    tiles: Sequence[LabelledTile],
    settings: Settings,
    device: torch.device,
    task: Task = "instances",
) -> dict[str, float]:
    """Scores on labelled tiles; of objects at the thresholds that suit them best.

    Returns
    -------
    dict[str, float]
        Of objects ``ap`` (precision x recall at IoU 0.5), ``f1``, ``s_dsb``: means over
        the tiles. Of a semantic task ``mean_iou`` and ``mean_dice`` over the classes
        that occur, background included, of all tiles together. Of objects of several
        classes ``class_accuracy``, too: the share of the pixels inside of them whose
        class is right.

    Raises
    ------
    DivergedError
        When the network predicts no numbers any more.
    """
    predicted = tile_probabilities(network, tiles, device, with_kinds=True)
    n_kinds = network.n_kinds if isinstance(network, SegmentationNetwork) else 0
    probabilities = [one[: len(one) - n_kinds] for one in predicted]
    if not all(np.isfinite(probability).all() for probability in probabilities):
        raise DivergedError(
            "The network predicts no numbers any more: the learning rate is too high "
            "for these images. Start again with half of it."
        )
    if task == "semantic":
        return score_classes(probabilities, [tile.known_classes() for tile in tiles])
    scores = _score_objects(probabilities, tiles, settings)
    if n_kinds:
        right = pixel_accuracy([one[-n_kinds:] for one in predicted], tiles)
        scores |= {} if right is None else {"class_accuracy": right}
    return scores


def pixel_accuracy(
    kinds: Sequence[NDArray[np.float32]], tiles: Sequence[LabelledTile]
) -> float | None:
    """Share of the objects' pixels whose class is right; None without any object.

    ``kinds`` are softmax ``(N, *S)`` of the objects' classes.
    """
    right, known = 0, 0
    for probability, tile in zip(kinds, tiles, strict=True):
        inside = tile.annotated & (tile.instances > 0)
        found = probability.argmax(0) + 1 == tile.object_classes()
        right += int((found & inside).sum())
        known += int(inside.sum())
    return right / known if known else None


def score_classes(
    probabilities: Sequence[NDArray[np.float32]], truths: Sequence[NDArray[np.uint8]]
) -> dict[str, float]:
    """``mean_iou`` and ``mean_dice`` of one confusion matrix; 0 without any pixel."""
    table = sum(
        confusion(probability.argmax(0), truth, len(probability))
        for probability, truth in zip(probabilities, truths, strict=True)
    )
    assert not isinstance(table, int)
    found = dice(table)
    both = {
        "mean_iou": mean_iou(table),
        "mean_dice": float(np.nanmean(found)) if table.any() else math.nan,
    }
    return {name: 0.0 if math.isnan(score) else score for name, score in both.items()}


def _score_objects(
    probabilities: Sequence[NDArray[np.float32]],
    tiles: Sequence[LabelledTile],
    settings: Settings,
) -> dict[str, float]:
    truths = [LabelledTruth(tile.instances, tile.annotated) for tile in tiles]
    found = search_thresholds(
        probabilities,
        truths,
        form=settings.watershed,
        min_size=settings.minimum_size,
        rule=settings.threshold_rule,
    )
    scores = [
        score_image(
            instances_from_probability(
                probability,
                found.thresholds,
                min_size=settings.minimum_size,
                form=settings.watershed,
            ),
            truth.instances,
            annotated=truth.annotated,
        )
        for probability, truth in zip(probabilities, truths, strict=True)
    ]
    return {
        "ap": statistics.fmean(s.ap_actis for s in scores),
        "f1": statistics.fmean(s.f1 for s in scores),
        "s_dsb": statistics.fmean(s.s_dsb for s in scores),
    }
