"""Which pseudo-labels can be relied on: several stages of a training, compared (ST++).

Source: ST++ (Yang et al. 2022). The last checkpoint is compared with each earlier one,
by the mean IoU of what they predict of an image; an image on which the network agreed
with itself early is reliable.

In the public code an image on which all see background only has a mean IoU of 1 and is
the most reliable of all, so that the student learns that nothing is there. Here such an
image has no score, and never counts as reliable. Besides, the background is left out of
the mean, unless told otherwise: it is most of the image and always agreed on.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.geometry import Box
from napari_semiseg.learning.report import ImageReliability
from napari_semiseg.learning.validation import probability_forward
from napari_semiseg.prediction.predict import predict_probability
from napari_semiseg.segmentation.semantic import confusion, jaccard

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import NDArray
    from torch import nn

    from napari_semiseg.geometry import ImageSource

CHECKPOINTS = "checkpoints"
_WHOLE = 4_000_000  # Pixels up to which all of an image is compared.
_PART, _PARTS_A_SIDE = 512, 4  # Else parts of so many pixels, 4 along each axis.


def keep_checkpoint(
    handed_on: dict[str, Any],
    network: nn.Module,
    done: float,
    fractions: Sequence[float],
) -> None:
    """Keep a copy of the weights when the next of the fractions is reached.

    Parameters
    ----------
    handed_on
        Of the equipment; the copies stand there as ``checkpoints``.
    done
        Fraction of the stage that is done.
    """
    kept = handed_on.setdefault(CHECKPOINTS, [])
    due = sum(done >= fraction - 1e-9 for fraction in fractions)
    if due > len(kept):
        state = network.state_dict().items()
        kept.append({name: v.detach().to("cpu", copy=True) for name, v in state})


class Agreement:
    """How well earlier checkpoints agree with the last one on one image.

    Parameters
    ----------
    n_checkpoints, n_classes
        The earlier ones and the last together, and K.
    background
        Whether class 0 is part of the mean.
    """

    def __init__(self, n_checkpoints: int, n_classes: int, *, background: bool) -> None:
        self._tables = [
            np.zeros((n_classes, n_classes), np.int64) for _ in range(n_checkpoints - 1)
        ]
        self._first = 0 if background else 1

    def add(self, labels: Sequence[NDArray[np.uint8]]) -> None:
        """Count a part of the image: the classes ``(*S)`` that each one predicts."""
        n_classes = len(self._tables[0]) if self._tables else 0
        for table, label in zip(self._tables, labels[:-1], strict=True):
            table += confusion(label, labels[-1], n_classes)

    @property
    def score(self) -> float | None:
        """Mean over the earlier checkpoints of the mean IoU, 0 to 1.

        The mean IoU is over the classes that one of the two predicts. None when no
        checkpoint predicts anything but background.
        """
        if not any(table[1:].any() or table[:, 1:].any() for table in self._tables):
            return None
        ious = [jaccard(table)[self._first :] for table in self._tables]
        means = [np.nanmean(iou) for iou in ious if not np.isnan(iou).all()]
        return float(np.mean(means))


def assess(
    checkpoints: Sequence[nn.Module],
    source: ImageSource,
    device: torch.device,
    n_classes: int,
    *,
    background: bool,
) -> tuple[float | None, float]:
    """Score of an image, and the mean confidence of the last checkpoint.

    Large images are compared in parts spread over them. No test-time augmentation, as
    in the public code.

    Parameters
    ----------
    checkpoints
        Networks in evaluation mode, the last one last.
    """
    if len(checkpoints) < 2:  # A first stage too short to have two.
        return None, 0.0
    agreement = Agreement(len(checkpoints), n_classes, background=background)
    forwards = [probability_forward(network, device) for network in checkpoints]
    confidence, n_pixels = 0.0, 0
    for part in parts_of(source.shape):
        labels = []
        for forward in forwards:
            probability = predict_probability(
                forward, source, region=part, device=device
            )
            labels.append(probability.argmax(0).astype(np.uint8))
        agreement.add(labels)
        confidence += float(probability.max(0).sum(dtype=np.float64))
        n_pixels += math.prod(part.size)
    return agreement.score, confidence / n_pixels


def parts_of(shape: tuple[int, ...]) -> list[Box]:
    """The whole image, or parts evenly spread over a large one."""
    if math.prod(shape) <= _WHOLE:
        return [Box.whole(shape)]
    axes = [
        sorted({int(i) for i in np.linspace(0, max(0, length - _PART), _PARTS_A_SIDE)})
        for length in shape
    ]
    side = (_PART,) * len(shape)
    return [Box(origin, side).clip(shape) for origin in itertools.product(*axes)]


def ranked(
    image_ids: Sequence[str],
    assessed: Sequence[tuple[float | None, float]],
    fraction: float,
) -> list[tuple[int, ImageReliability]]:
    """The images in the order of their reliability, with their numbers.

    Parameters
    ----------
    image_ids, assessed
        Of each image; score and mean confidence.
    fraction
        Share of the images that is reliable, hence learned in round 1: one at least,
        but none without a score.
    """
    order = sorted(
        range(len(assessed)),
        key=lambda i: (assessed[i][0] is None, -(assessed[i][0] or 0), -assessed[i][1]),
    )
    n_scored = sum(score is not None for score, _ in assessed)
    n_reliable = min(n_scored, max(1, math.floor(fraction * len(assessed))))
    return [
        (
            i,
            ImageReliability(
                image_ids[i], *assessed[i], 1 if place < n_reliable else 2
            ),
        )
        for place, i in enumerate(order)
    ]
