"""Bands that an attribute of a region should lie in, and the penalty outside of them.

Source: Kervadec et al. 2019, Eqs. 3 to 5. Sizes are shares of the tile here, not
pixels: the public code divides the squared pixels by the number of pixels and weighs
them by 0.01, of which the paper prints nothing. That is ``0.01 |Omega| v^2`` for a
violation v in shares, 655 v^2 for the paper's tiles of 256 x 256; this number is the
weight of preset ``paper`` for tiles of any size. In minutes of training it drowns the
labels; ``default`` has a measured one, 5 (``docs/benchmarks.md``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from napari_semiseg.learning.attributes import size

if TYPE_CHECKING:
    from torch import Tensor

    from napari_semiseg.learning.attributes import Attribute


@dataclass(frozen=True)
class Band:
    """Between which values an attribute should lie, float of the attribute's shape."""

    low: Tensor
    high: Tensor

    @classmethod
    def around(cls, value: Tensor, gamma: Tensor, least: Tensor) -> Band:
        """``(1 - gamma) R`` to ``(1 + gamma) R`` (Eq. 3), not narrower than ``least``.

        Where R is nearly nothing its own share of it would demand emptiness.

        Parameters
        ----------
        value
            float ``(B, R)``: the size that is thought true.
        gamma, least
            float ``(R,)``: relative and smallest half-width.
        """
        half = torch.maximum(gamma * value, least.expand_as(value))
        return cls((value - half).clamp_min(0), value + half)

    def where(self, used: Tensor) -> Band:
        """The band of the classes in use; sizes of the others are free."""
        return Band(
            self.low.where(used, torch.zeros_like(self.low)),
            self.high.where(used, torch.ones_like(self.high)),
        )


def band_penalty(value: Tensor, band: Band, clip: float | None = None) -> Tensor:
    """C(t) of Eq. 5: 0 inside the band, the squared distance to it outside.

    Parameters
    ----------
    value
        float, the attribute.
    clip
        Beyond this distance the penalty goes on as a straight line (Huber), so that one
        wrong band cannot rule a step. None: never, as in the paper.

    Returns
    -------
    Tensor
        Of ``value``'s shape.
    """
    beyond = (band.low - value).clamp_min(0) + (value - band.high).clamp_min(0)
    if clip is None:
        return beyond**2
    return (beyond**2).where(beyond <= clip, 2 * clip * beyond - clip**2)


def attribute_penalty(
    p: Tensor,
    valid: Tensor,
    band: Band,
    attribute: Attribute = size,
    clip: float | None = None,
) -> Tensor:
    """L_U of Eq. 4: the penalty of all regions of a tile, the mean over the tiles.

    Parameters
    ----------
    p
        float ``(B, R, *S)``: probabilities of the regions.
    valid
        bool ``(B, *S)``: pixels that count.
    band
        Of the attribute.
    attribute
        What is bounded.
    """
    error = band_penalty(attribute(p, valid), band, clip)
    return error.flatten(1).sum(1).mean()
