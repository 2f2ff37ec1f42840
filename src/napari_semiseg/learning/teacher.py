"""The teacher: a running mean of the student, and its averaged prediction."""

from __future__ import annotations

import contextlib
import copy
import math
from typing import TYPE_CHECKING

import torch

from napari_semiseg.learning import symmetries
from napari_semiseg.learning.class_head import probabilities_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn


@contextlib.contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients inside the block, the old mode afterwards."""
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        network.train(was_training)


def decay_of_half_life(half_life: float) -> float:
    """Decay a step after which half of the weights' memory is gone."""
    return 1.0 - math.log(2) / max(half_life, 1.0)


class Average:
    """Exponential moving average of a network: parameters and float buffers.

    ``theta_teacher <- d * theta_teacher + (1 - d) * theta_student`` (ACTIS 3.1). Float
    buffers move alike, integer buffers are copied: the teacher predicts in evaluation
    mode, where the running statistics of its batch normalisation matter. (The public
    code rebinds a local variable instead, so that its teacher never moves, and leaves
    the buffers out.)
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.updates = 0

    @torch.no_grad()
    def update(
        self, student: nn.Module, decay: float, *, warm_up: bool = False
    ) -> None:
        """Move towards the student.

        With ``warm_up`` the first updates average evenly, ``d = min(1 - 1 / (n + 1),
        d)``, for a mean that starts from random weights.
        """
        if warm_up:
            decay = min(1 - 1 / (self.updates + 1), decay)
        self.updates += 1
        its = student.state_dict()
        for name, mine in self.network.state_dict().items():
            if mine.is_floating_point():
                mine.lerp_(its[name], 1 - decay)
            else:
                mine.copy_(its[name])


def averaged_probability(network: nn.Module, x: Tensor, n_views: int) -> Tensor:
    """Mean class probability over ``n_views`` flips and turns (ACTIS 3.1, Eq. 1).

    Probabilities are averaged, not logits: averaged logits would let one confident view
    outvote the rest.

    Parameters
    ----------
    x
        float32 ``(B, C, Y, X)``.
    n_views
        1, 2, 4 or 8; 8 is the whole of D4.

    Returns
    -------
    Tensor
        float32 ``(B, K + N, Y, X)``, see `probabilities_of`.
    """
    views = _views(n_views)
    with evaluating(network):
        if x.shape[-1] == x.shape[-2]:
            stacked = torch.cat([symmetries.apply(x, s) for s in views])
            parts = probabilities_of(network, stacked).split(len(x))
        else:
            parts = tuple(
                probabilities_of(network, symmetries.apply(x, s)) for s in views
            )
        undone = [symmetries.undo(p, s) for p, s in zip(parts, views, strict=True)]
        return torch.stack(undone).mean(0)


def _views(n_views: int) -> list[int]:
    """Symmetries of D4; the first two, and four, are groups that swap y and x."""
    return [0, 5, 2, 7, 4, 1, 6, 3][:n_views]
