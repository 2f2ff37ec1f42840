"""Batch normalisation that does not learn from next to nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

FEWEST_VALUES = 4
"""Of two values a channel, batch normalisation makes -1 and 1 whatever they are."""


class CautiousBatchNorm2d(nn.BatchNorm2d):
    """Uses the running statistics where a batch has too few values for its own.

    So it is in pooled branches and at the bottom of deep encoders with one or two small
    tiles a step. torch's own raises with one value a channel, and with two or three it
    puts noise in the place of what the network has computed.
    """

    def forward(self, x: Tensor) -> Tensor:
        """As torch's, but for fewer than `FEWEST_VALUES` values a channel."""
        if not self.training or x.numel() >= FEWEST_VALUES * x.shape[1]:
            return super().forward(x)
        return functional.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            training=False,
            eps=self.eps,
        )


def make_cautious(network: nn.Module) -> nn.Module:
    """Replace the plain batch normalisations of a network, in place.

    Those of timm that are one with their activation stay. Names and values do not
    change: weights can be loaded before and after.
    """
    for name, child in network.named_children():
        if type(child) is nn.BatchNorm2d and child.track_running_stats:
            setattr(network, name, _cautious(child))
        else:
            make_cautious(child)
    return network


def _cautious(plain: nn.BatchNorm2d) -> CautiousBatchNorm2d:
    made = CautiousBatchNorm2d(
        plain.num_features, plain.eps, plain.momentum, plain.affine
    )
    made.load_state_dict(plain.state_dict())
    return made
