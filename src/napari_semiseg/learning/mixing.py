"""CutMix and cutout: boxes that belong to another image, or to none.

CutMix (Yun et al. 2019) as semi-supervised segmentation uses it: image, label, selected
and valid mask are pasted together. A partner is always a tile of *another* image. (The
public code of UniMatch gives both of its unlabelled streams the same order, so that it
pastes crops of the same image; its successor flips the batch, which mixes the middle
sample of an odd one with itself.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from napari_semiseg.learning.randomness import Randomness

_SMALLEST, _LARGEST = 0.02, 0.4  # Of the tile's area, as in ST++ and UniMatch.
_FLATTEST = 0.3  # Height to width, and its inverse.


def draw_boxes(
    n: int, shape: tuple[int, int], chance: float, random: Randomness
) -> Tensor:
    """A box in some of the samples, as masks.

    Its area is uniform in 2 to 40 % of the tile, its height to width in 0.3 to 1 / 0.3;
    a side longer than the tile is cut to it.

    Parameters
    ----------
    n, shape
        Number of masks and their (Y, X).
    chance
        That a sample has a box.

    Returns
    -------
    Tensor
        bool ``(n, Y, X)``, on the device.
    """
    height, width = shape
    area = random.uniform(_SMALLEST, _LARGEST, (n,)) * (height * width)
    ratio = random.uniform(_FLATTEST, 1 / _FLATTEST, (n,))
    chosen = random.uniform(0, 1, (n,)) < chance
    rows = _between((area * ratio).sqrt(), height, random)
    columns = _between((area / ratio).sqrt(), width, random)
    return rows[:, :, None] & columns[:, None, :] & chosen[:, None, None]


def _between(side: Tensor, length: int, random: Randomness) -> Tensor:
    """A stretch of one axis somewhere, bool ``(n, length)``."""
    side = side.round().clamp(1, length)
    # Uniform over all places at which the stretch fits, first and last included.
    start = (random.uniform(0, 1, (len(side),)) * (length - side + 1)).floor()
    start = start.minimum(length - side)
    places = torch.arange(length, device=side.device)
    return (places >= start[:, None]) & (places < (start + side)[:, None])


def draw_partners(numbers: Tensor, random: Randomness) -> tuple[Tensor, Tensor]:
    """For each sample another one of a different image, all equally likely.

    Parameters
    ----------
    numbers
        int64 ``(B,)``: which image each sample is of.

    Returns
    -------
    tuple[Tensor, Tensor]
        Index int64 ``(B,)`` of the partner, and bool ``(B,)`` whether there is any;
        a sample without one is its own.
    """
    n = len(numbers)
    other = numbers[:, None] != numbers[None]
    lots = random.uniform(0, 1, (n, n)).masked_fill(~other, -1.0)
    found = other.any(1)
    own = torch.arange(n, device=numbers.device)
    return lots.argmax(1).where(found, own), found


def paste(plane: Tensor, partners: Tensor, boxes: Tensor) -> Tensor:
    """Each sample with the box of its partner: ``(B, *S)`` or ``(B, C, *S)``."""
    inside = boxes if plane.ndim == boxes.ndim else boxes[:, None]
    return plane[partners].where(inside, plane)
