"""Whether the teacher's confidence means something, inside and outside the mask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.api.benchmarking.judging import true_classes
from napari_semiseg.geometry import Box
from napari_semiseg.segmentation.classes import IGNORE, class_targets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_semiseg.api.benchmarking.examples import Example
    from napari_semiseg.learning.training import Training

N_BINS = 10
_MOST_IMAGES = 16
_MOST_SIDE = 512  # Pixels of an image that are looked at, along each axis.


def measure_confidence(training: Training, pool: Sequence[Example]) -> dict[str, Any]:
    """Pixels of unlabelled images by predicted class, mask, confidence and truth.

    Returns
    -------
    dict[str, Any]
        ``pixels``, ``correct`` and ``confidence`` (a sum): lists ``(K, 2, N_BINS)``
        over class, outside or inside the selected mask, and bin of confidence.
    """
    found: NDArray[np.float64] | None = None
    for example in spread(pool, _MOST_IMAGES):
        box = middle(example.truth.shape, _MOST_SIDE)
        seen = training.preview(example.source, box, example.name)
        true = training_target(training, example.truth)[box.slices]
        n_classes = len(seen.probability)
        counted = tally(seen.label, seen.confidence, seen.selected, true, n_classes)
        found = counted if found is None else found + counted
    if found is None:
        return {}
    names = ("pixels", "correct", "confidence")
    return {name: part.tolist() for name, part in zip(names, found, strict=True)}


def tally(
    label: NDArray[Any],
    confidence: NDArray[Any],
    selected: NDArray[np.bool_],
    true: NDArray[Any],
    n_classes: int,
) -> NDArray[np.float64]:
    """Count pixels: float ``(3, K, 2, N_BINS)``, see `measure_confidence`.

    Parameters
    ----------
    label, confidence, selected, true
        ``(*S)``; pixels whose true class is `IGNORE` are left out.
    """
    known = true != IGNORE
    label, confidence, true = label[known], confidence[known], true[known]
    bins = np.minimum((confidence * N_BINS).astype(int), N_BINS - 1)
    shape = (n_classes, 2, N_BINS)
    index = np.ravel_multi_index(
        (label.astype(int), selected[known].astype(int), bins), shape
    )
    size = int(np.prod(shape))
    parts = (
        np.bincount(index, weights, size).reshape(shape)
        for weights in (None, label == true, confidence)
    )
    return np.stack([part.astype(np.float64) for part in parts])


def calibration(counted: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Accuracy, mean confidence and calibration error, per class and side of the mask.

    The calibration error is the mean over pixels of the distance between the accuracy
    and the mean confidence of their bin (expected calibration error).
    """
    pixels, correct, confidence = (
        np.asarray(counted[name], float) for name in ("pixels", "correct", "confidence")
    )
    rows = []
    for c, side in np.ndindex(pixels.shape[:2]):
        n = pixels[c, side].sum()
        if not n:
            continue
        gap = np.abs(correct[c, side] - confidence[c, side]).sum() / n
        rows.append(
            {
                "class": c,
                "selected": bool(side),
                "share": float(n / pixels.sum()),
                "accuracy": float(correct[c, side].sum() / n),
                "confidence": float(confidence[c, side].sum() / n),
                "calibration_error": float(gap),
            }
        )
    return rows


def training_target(training: Training, truth: NDArray[np.int32]) -> NDArray[np.uint8]:
    """The true class of every pixel as the method learns classes, uint8 ``(*S)``."""
    if training.training_set.task == "semantic":
        return true_classes(truth)
    return class_targets(truth, truth >= 0, mode=training.settings.boundary)


def spread(pool: Sequence[Example], most: int) -> list[Example]:
    """At most so many examples, evenly over the pool."""
    step = max(1, -(-len(pool) // most))
    return list(pool[::step])


def middle(shape: tuple[int, ...], most: int) -> Box:
    """The middle of an image, at most so wide."""
    size = tuple(min(side, most) for side in shape)
    origin = tuple((side - s) // 2 for side, s in zip(shape, size, strict=True))
    return Box(origin, size)
