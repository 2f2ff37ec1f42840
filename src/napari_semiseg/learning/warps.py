"""Affine and elastic augmentation in one resampling (ACTIS 3.2).

Images are interpolated bilinearly, instance maps with nearest neighbours; class targets
are made from the warped instances. (The public code warps the class map itself
bilinearly, which writes interior where background meets boundary.)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

    from napari_semiseg.learning.randomness import Randomness
    from napari_semiseg.learning.settings import GeometrySettings


def draw_positions(
    n: int, size: int, canvas: int, settings: GeometrySettings, random: Randomness
) -> Tensor:
    """Where each output pixel is taken from.

    Parameters
    ----------
    n, size, canvas
        Number of samples, side of the output and side of the square canvas, pixels.

    Returns
    -------
    Tensor
        float32 ``(n, size, size, 2)``: (x, y) in canvas pixels.
    """
    axis = torch.arange(size, device=random.device, dtype=torch.float32)
    axis = axis - (size - 1) / 2
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    centred = torch.stack([x, y], dim=-1)  # (S, S, 2)
    matrix, shift = _draw_affine(n, size, settings, random)
    positions = torch.einsum("nij,yxj->nyxi", matrix, centred) + shift[:, None, None]
    if settings.elastic > 0:
        positions = positions + _draw_elastic(n, size, settings, random)
    return positions + (canvas - 1) / 2


def resample(x: Tensor, positions: Tensor, mode: str) -> Tensor:
    """Values of the canvas at the drawn positions.

    Parameters
    ----------
    x
        float ``(B, C, W, W)``. Instance ids stay exact up to 2**24.
    positions
        float ``(B, S, S, 2)`` from :func:`draw_positions`.
    mode
        ``bilinear`` for images (mirrored beyond the canvas), ``nearest`` for ids and
        masks (0 beyond the canvas).
    """
    grid = positions * (2 / (x.shape[-1] - 1)) - 1
    padding = "reflection" if mode == "bilinear" else "zeros"
    return functional.grid_sample(
        x, grid, mode=mode, padding_mode=padding, align_corners=True
    )


def _draw_affine(
    n: int, size: int, settings: GeometrySettings, random: Randomness
) -> tuple[Tensor, Tensor]:
    """Matrices ``(n, 2, 2)`` and shifts ``(n, 2)``; identity for those left alone."""
    chosen = (random.uniform(0, 1, (n,)) < settings.probability).float()
    limit, stretch = math.radians(settings.rotation), math.log(settings.scale)
    angle = random.uniform(-limit, limit, (n,)) * chosen
    scale = (random.uniform(-stretch, stretch, (n,)) * chosen).exp()
    shear = random.uniform(-settings.shear, settings.shear, (n,)) * chosen
    reach = settings.translation * size
    shift = random.uniform(-reach, reach, (n, 2)) * chosen[:, None]
    cos, sin = angle.cos() * scale, angle.sin() * scale
    rows = [torch.stack([cos, shear * cos - sin], -1)]
    rows.append(torch.stack([sin, shear * sin + cos], -1))
    return torch.stack(rows, 1), shift


def _draw_elastic(
    n: int, size: int, settings: GeometrySettings, random: Randomness
) -> Tensor:
    """Smooth random displacement ``(n, S, S, 2)``, pixels.

    Drawn on a grid as coarse as the field is smooth and enlarged bicubically: the same
    field as a blurred one, at a fraction of the cost.
    """
    chosen = (random.uniform(0, 1, (n, 1, 1, 1)) < settings.probability).float()
    coarse = max(2, round(size / settings.elastic_sigma) + 1)
    field = random.normal((n, 2, coarse, coarse)) * (settings.elastic * chosen)
    fine = functional.interpolate(
        field, size=(size, size), mode="bicubic", align_corners=True
    )
    return fine.movedim(1, -1)
