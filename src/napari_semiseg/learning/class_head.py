"""The head that gives every object a class, as healthy or apoptotic: what it learns.

Where a task of objects has several classes, a second head beside that of background,
interior and boundary tells them apart; here its classes are *kinds*, so as not to mix
them up with those of the pixels. It learns inside foreground alone: that of the labels,
and that of a teacher's pseudo-labels. A method calls `Equipment.outputs` in the place
of `Equipment.logits`, and adds `class_terms` to its own terms. The losses of one that
knows nothing of the head are completed by `class_lesson.losses_of`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_semiseg.learning.losses import cross_entropy, masked_mean
from napari_semiseg.learning.networks import SegmentationNetwork, build_network
from napari_semiseg.segmentation.classes import IGNORE

if TYPE_CHECKING:
    from torch import Tensor, nn

    from napari_semiseg.learning.strong_views import TaughtTiles

MOST_KINDS = 80
"""So many, and the classes of pixels, have a number each in one byte."""
LABELLED = "classes"
"""Name of the term of labelled objects."""
TAUGHT = "unlabelled classes"
"""Name of the term of objects that a teacher found."""


def with_head(
    network: SegmentationNetwork, n_kinds: int, seed: int
) -> SegmentationNetwork:
    """A network with a class head, new and random, or without one; else the same.

    All other weights stay. It comes from a model to start from, whose objects had one
    class, or several; a head for the wanted number of kinds is kept.
    """
    if network.n_kinds == n_kinds:
        return network
    made, _ = build_network(
        network.settings.model_copy(update={"weights": "none"}),
        network.n_channels,
        network.n_classes,
        n_kinds=n_kinds,
        seed=seed,
    )
    made.settings = network.settings
    weights = made.state_dict()
    for name, kept in network.state_dict().items():
        # Of the last layer's outputs those of the pixels' classes come first.
        both = zip(kept.shape, weights[name].shape, strict=True)
        shared = tuple(slice(min(sizes)) for sizes in both)
        weights[name][shared] = kept[shared].to(weights[name].device)
    made.load_state_dict(weights)
    return made


def outputs_of(network: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Logits of both heads by one pass, ``(B, K, *S)`` and ``(B, N, *S)``.

    N is 0 where the network has one head.
    """
    if isinstance(network, SegmentationNetwork) and network.n_kinds:
        return network.both(x)
    logits: Tensor = network(x)
    return logits, logits[:, :0]


def probabilities_of(network: nn.Module, x: Tensor) -> Tensor:
    """Softmax of the classes, and behind it that of the kinds.

    Returns
    -------
    Tensor
        float32 ``(B, K + N, *S)``; N is 0 where the network has one head.
    """
    parts, kinds = outputs_of(network, x)
    probability = parts.float().softmax(1)
    if not kinds.shape[1]:
        return probability
    return torch.cat([probability, kinds.float().softmax(1)], 1)


def class_terms(
    logits: Tensor,
    target: Tensor | None,
    *,
    name: str = LABELLED,
    weight: float = 1.0,
    among: Tensor | None = None,
    counts: Tensor | float = 1.0,
) -> dict[str, Tensor]:
    """The loss of the class head as a term: cross-entropy inside known objects.

    Parameters
    ----------
    logits
        float ``(B, N, *S)``; without a head (N = 0) there is no term.
    target
        int64 ``(B, *S)``: kinds from 0, ``IGNORE`` outside of known objects. A batch
        without any object gives 0, with a gradient.
    name, weight
        Of the term.
    among
        bool ``(B, *S)``: the mean is over these pixels, not over the known ones alone,
        so that doubtful pseudo-labels count for less.
    counts
        float ``(B, *S)``: how much each pixel counts.
    """
    if target is None or not logits.shape[1]:
        return {}
    error = cross_entropy(logits, target)
    known = (target != IGNORE) * counts
    if among is None:
        return {name: masked_mean(error, known) * weight}
    return {name: (error * known).sum() / among.sum().clamp_min(1) * weight}


def taught_terms(
    logits: Tensor, tiles: TaughtTiles, weight: float
) -> dict[str, Tensor]:
    """The loss of the class head inside the foreground that a teacher sees.

    Over all of that foreground, not over the selected pixels: doubtful kinds count for
    less.
    """
    return class_terms(
        logits,
        tiles.kinds,
        name=TAUGHT,
        weight=weight,
        among=tiles.foreground,
        counts=tiles.weight,
    )


def taught_kinds(label: Tensor, kind: Tensor, counts: Tensor) -> Tensor:
    """Targets of the class head from a teacher: its kinds inside its own foreground.

    Parameters
    ----------
    label
        int64 ``(B, *S)``: the teacher's classes of the pixels, 0 background.
    kind
        int64 ``(B, *S)``: its kinds.
    counts
        bool ``(B, *S)``: where both are trusted.

    Returns
    -------
    Tensor
        int64 ``(B, *S)``, ``IGNORE`` elsewhere.
    """
    return kind.where(counts & (label > 0), IGNORE)
