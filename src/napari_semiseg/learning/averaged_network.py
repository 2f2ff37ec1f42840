"""Several networks that predict as one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

from napari_semiseg.learning.networks import SegmentationNetwork

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


class AveragedNetwork(SegmentationNetwork):
    """The mean of the probabilities of networks of one kind.

    It is made of the networks themselves, not of copies. What it returns are
    logarithms of the mean probabilities: logits, whose softmax is that mean.
    """

    def __init__(self, networks: Sequence[SegmentationNetwork]) -> None:
        first = networks[0]
        super().__init__(
            nn.ModuleList(networks),
            first.settings,
            first.n_channels,
            first.n_classes,
            first.n_kinds,
        )
        self.to(first.mean.device)

    @property
    def members(self) -> list[SegmentationNetwork]:
        """The networks."""
        return [
            one for one in self.body.children() if isinstance(one, SegmentationNetwork)
        ]

    def forward(self, image: Tensor) -> Tensor:
        """Log mean probability float32 ``(B, K, *S)`` of images ``(B, C, *S)``."""
        return _mean_of([one(image) for one in self.members])

    def both(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """The same of both heads, float32 ``(B, K, *S)`` and ``(B, N, *S)``."""
        parts, kinds = zip(*(one.both(image) for one in self.members), strict=True)
        return _mean_of(parts), _mean_of(kinds)


def _mean_of(logits: Sequence[Tensor]) -> Tensor:
    each = [one.float().log_softmax(1) for one in logits]
    return torch.logsumexp(torch.stack(each), 0) - math.log(len(each))


def members_of(network: SegmentationNetwork) -> list[SegmentationNetwork]:
    """The networks that a model is made of: itself, unless it is several."""
    return network.members if isinstance(network, AveragedNetwork) else [network]
