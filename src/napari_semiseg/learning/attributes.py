"""Attributes of soft regions that a penalty can act on: size, centroid, moments.

An attribute is any differentiable function of the probabilities ``p`` of R regions,
float ``(B, R, *S)``, and of the pixels that count, bool ``(B, *S)``. What it returns
begins with the axes ``(B, R)``. Lengths are fractions of the tile's side, so that no
attribute depends on how large tiles are.

Source: Kervadec et al., "Curriculum semi-supervised segmentation" (MICCAI 2019): the
sizes of Eqs. 3 to 5, divided by the number of pixels; of further attributes the paper
says that the framework takes them, "e.g. shape moments".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from napari_semiseg.learning.training_set import Task

Attribute = Callable[[Tensor, Tensor], Tensor]

_LEAST_MASS = 1e-6  # In pixels: a region without any lies in the middle, as a point.


def regions(probability: Tensor, task: Task) -> Tensor:
    """Probabilities of the regions that have sizes, ``(B, R, *S)`` of ``(B, K, *S)``.

    Those of the user's classes; of instances one, interior and boundary together.
    """
    foreground = probability[:, 1:]
    return foreground.sum(1, keepdim=True) if task == "instances" else foreground


def size(p: Tensor, valid: Tensor) -> Tensor:
    """Share of the valid pixels that each region covers, ``(B, R)``."""
    weight = valid[:, None].to(p.dtype)
    over = tuple(range(2, p.ndim))
    return (p * weight).sum(over) / weight.sum(over).clamp_min(1)


def centroid(p: Tensor, valid: Tensor) -> Tensor:
    """Where the middle of each region lies, ``(B, R, D)``, from 0 to 1 along an axis.

    The middle of the tile for a region without any pixel.
    """
    mass = p * valid[:, None].to(p.dtype)
    total = mass.flatten(2).sum(2)[..., None] + _LEAST_MASS
    places = _places(p)
    found = torch.einsum("brn,nd->brd", mass.flatten(2), places)
    return (found + 0.5 * _LEAST_MASS) / total


def second_moments(p: Tensor, valid: Tensor) -> Tensor:
    """How far each region extends around its centroid: covariances ``(B, R, D, D)``.

    0 for a region without any pixel.
    """
    mass = (p * valid[:, None].to(p.dtype)).flatten(2)
    away = _places(p) - centroid(p, valid)[:, :, None]  # (B, R, N, D)
    found = torch.einsum("brn,brnd,brne->brde", mass, away, away)
    return found / (mass.sum(2) + _LEAST_MASS)[..., None, None]


def _places(p: Tensor) -> Tensor:
    """Middles of all pixels, float ``(N, D)``, in the order (y, x) or (z, y, x)."""
    axes = [
        (torch.arange(length, device=p.device, dtype=p.dtype) + 0.5) / length
        for length in p.shape[2:]
    ]
    grid = torch.meshgrid(*axes, indexing="ij")
    return torch.stack(grid, -1).flatten(0, -2)
