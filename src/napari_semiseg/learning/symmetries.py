"""The eight flips and quarter turns of a square (D4), exact on pixels.

They act on the last two axes, so that a volume is only turned in its plane, where
microscopes resolve alike in both directions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

N_SYMMETRIES = 8


def apply(x: Tensor, symmetry: int) -> Tensor:
    """Turn ``x`` by ``symmetry % 4`` quarters, then mirror it if ``symmetry >= 4``."""
    turned = torch.rot90(x, symmetry % 4, dims=(-2, -1))
    return turned.flip(-1) if symmetry >= 4 else turned


def undo(x: Tensor, symmetry: int) -> Tensor:
    """The inverse of :func:`apply`."""
    mirrored = x.flip(-1) if symmetry >= 4 else x
    return torch.rot90(mirrored, -(symmetry % 4), dims=(-2, -1))


def apply_each(x: Tensor, symmetries: Sequence[int]) -> Tensor:
    """Apply to each sample of squares ``(B, ..., S, S)`` its own symmetry."""
    return torch.stack([apply(one, s) for one, s in zip(x, symmetries, strict=True)])
