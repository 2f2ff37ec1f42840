"""Whether pseudo-masks that are called reliable are the true ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import spearmanr

from napari_semiseg.api.benchmarking.confidence import middle, spread, training_target
from napari_semiseg.segmentation.semantic import confusion, mean_iou

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from napari_semiseg.api.benchmarking.examples import Example
    from napari_semiseg.learning.report import ImageReliability
    from napari_semiseg.learning.training import Training

N_PARTS = 5
_MOST_IMAGES = 100
_MOST_SIDE = 512  # Pixels of an image that are looked at, along each axis.


def measure_reliability(
    training: Training, ranking: Iterable[ImageReliability], pool: Sequence[Example]
) -> list[dict[str, Any]]:
    """Reliability of images, and the mean IoU of their pseudo-masks with the truth.

    To be asked for while the training is at the stage that ranked them.

    Returns
    -------
    list[dict[str, Any]]
        ``image``, ``reliability`` (None where the checkpoints see no object) and
        ``mean_iou`` (with the background), for at most 100 images.
    """
    scores = {one.image_id: one.score for one in ranking}
    found = []
    for example in spread([one for one in pool if one.name in scores], _MOST_IMAGES):
        box = middle(example.truth.shape, _MOST_SIDE)
        seen = training.preview(example.source, box, example.name)
        true = training_target(training, example.truth)[box.slices]
        table = confusion(seen.label, true, len(seen.probability))
        found.append(
            {
                "image": example.name,
                "reliability": scores[example.name],
                "mean_iou": mean_iou(table),
            }
        )
    return found


def summarise_reliability(
    seeds: Iterable[Sequence[Mapping[str, Any]]],
) -> list[dict[str, Any]]:
    """One dict a seed that ranked at least five images.

    Returns
    -------
    list[dict[str, Any]]
        ``n`` images with a reliability, Spearman's ``rho`` with the true mean IoU,
        its ``p`` (two-sided), and ``parts``: the mean true mean IoU of five parts of
        equal size, the least reliable first.
    """
    rows = []
    for measured in seeds:
        ranked = [one for one in measured if one["reliability"] is not None]
        if len(ranked) < N_PARTS:
            continue
        reliability, true = np.array(
            [(one["reliability"], one["mean_iou"]) for one in ranked], float
        ).T
        order = np.argsort(reliability, kind="stable")
        rho, p = spearmanr(reliability, true)
        rows.append(
            {
                "n": len(ranked),
                "rho": float(rho),
                "p": float(p),
                "parts": [
                    float(np.nanmean(part))
                    for part in np.array_split(true[order], N_PARTS)
                ],
            }
        )
    return rows
