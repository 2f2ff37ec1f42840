"""Random transformations of images, and the differentiable layer that maps predictions.

A transformation says where each pixel of the transformed sample is taken from. It acts
alike on images, labels and probabilities, in two dimensions and in three; gradients run
through interpolated probabilities, as in Fig. 1 of the paper on learning consistency
under transformations. Near-isometries only: a boundary of one pixel keeps its width.

Coordinates are pixels, (x, y) or (x, y, z): the order of torch's ``grid_sample``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

    from napari_semiseg.learning.randomness import Randomness
    from napari_semiseg.learning.transformation_settings import TransformationSettings

_WHOLLY_INSIDE = 0.999
_FEWEST_CONTROLS = 3
_INVERSION_STEPS = 12


@dataclass(frozen=True)
class Transformation:
    """Pixel o of the new sample shows ``A (o - c) + c + s + d(o)`` of the old one.

    Attributes
    ----------
    matrix
        float32 ``(B, D, D)``: A, orthogonal. c is the middle of the sample.
    shift
        float32 ``(B, D)``: s, pixels.
    field
        float32 ``(B, D, *S)``: the smooth displacement d, pixels; None: there is none.
    shape
        S.
    """

    matrix: Tensor
    shift: Tensor
    field: Tensor | None
    shape: tuple[int, ...]

    def positions(self) -> Tensor:
        """Where every pixel is taken from, float32 ``(B, *S, D)``."""
        points = pixels(self.shape, self.matrix.device)
        moved = self._affine(points.expand(len(self.matrix), *points.shape))
        return moved if self.field is None else moved + self.field.movedim(1, -1)

    def inverse(self, places: Tensor) -> Tensor:
        """The points of the transformed sample that show given places of the other.

        Parameters
        ----------
        places
            float32 ``(B, *S, D)``.

        Returns
        -------
        Tensor
            float32 ``(B, *S, D)``. Exact without a displacement; with one by fixed
            point iteration, which converges where the displacement does not fold.
        """
        points = self._affine_inverse(places)
        if self.field is None:
            return points
        for _ in range(_INVERSION_STEPS):
            moved = warp(self.field, points, border="border").movedim(1, -1)
            points = self._affine_inverse(places - moved)
        return points

    def _affine(self, points: Tensor) -> Tensor:
        middle = self._middle
        turned = torch.einsum("bij,b...j->b...i", self.matrix, points - middle)
        return turned + middle + _over(self.shift, points)

    def _affine_inverse(self, places: Tensor) -> Tensor:
        middle = self._middle
        back = places - _over(self.shift, places) - middle
        return torch.einsum("bji,b...j->b...i", self.matrix, back) + middle

    @property
    def _middle(self) -> Tensor:
        sizes = [(size - 1) / 2 for size in reversed(self.shape)]
        return torch.tensor(sizes, device=self.matrix.device)


def pixels(shape: tuple[int, ...], device: torch.device) -> Tensor:
    """The coordinates of every pixel, float32 ``(*S, D)``."""
    axes = [torch.arange(s, device=device, dtype=torch.float32) for s in shape]
    grid = torch.meshgrid(*axes, indexing="ij")
    return torch.stack(grid[::-1], dim=-1)


def identity(n: int, shape: tuple[int, ...], device: torch.device) -> Transformation:
    """The transformation that changes nothing."""
    matrix = torch.eye(len(shape), device=device).expand(n, -1, -1)
    return Transformation(
        matrix, torch.zeros(matrix.shape[:2], device=device), None, shape
    )


def draw(
    n: int,
    shape: tuple[int, ...],
    settings: TransformationSettings,
    random: Randomness,
) -> Transformation:
    """One for each of ``n`` samples of ``shape`` (Y, X) or (Z, Y, X).

    The public code draws a single angle for all images of all epochs (its draw is
    frozen into a compiled function); here every sample has its own at every step.
    """
    return Transformation(
        _draw_matrix(n, len(shape), settings, random),
        _draw_shift(n, shape, settings, random),
        _draw_field(n, shape, settings, random) if settings.elastic else None,
        shape,
    )


def warp(
    x: Tensor, positions: Tensor, mode: str = "bilinear", border: str = "zeros"
) -> Tensor:
    """Values at the positions, with gradients in ``x``.

    Parameters
    ----------
    x
        float ``(B, C, *S)``.
    positions
        float32 ``(B, *T, D)``, pixels of ``x``.
    mode, border
        Of ``grid_sample``: ``bilinear`` (in a volume trilinear) or ``nearest``;
        ``zeros``, ``border`` or ``reflection`` beyond ``x``.
    """
    sizes = [max(size - 1, 1) for size in reversed(x.shape[2:])]
    grid = positions * (2.0 / torch.tensor(sizes, device=x.device)) - 1.0
    return functional.grid_sample(
        x, grid, mode=mode, padding_mode=border, align_corners=True
    )


def warp_mask(mask: Tensor, positions: Tensor) -> Tensor:
    """Where positions lie wholly inside a mask: bool ``(B, *S)`` to ``(B, *T)``."""
    return warp(mask[:, None].float(), positions)[:, 0] > _WHOLLY_INSIDE


def warp_probability(p: Tensor, positions: Tensor) -> Tensor:
    """Probabilities ``(B, K, *S)`` at the positions, summing to 1 over K again.

    Never logits: a mean of logits is not the logit of a mean. Beyond ``p`` they are 0;
    `warp_mask` tells where that is.
    """
    warped = warp(p, positions)
    return warped / warped.sum(1, keepdim=True).clamp_min(1e-6)


def _draw_matrix(
    n: int, n_axes: int, settings: TransformationSettings, random: Randomness
) -> Tensor:
    """A turn within the plane of x and y, after flips of any axis."""
    matrix = torch.eye(n_axes, device=random.device).repeat(n, 1, 1)
    if settings.rotation:
        limit = math.radians(settings.largest_angle)
        angle = random.uniform(-limit, limit, (n,))
        cos, sin = angle.cos(), angle.sin()
        rows = [torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)]
        matrix[:, :2, :2] = torch.stack(rows, 1)
    if settings.flip:
        signs = random.uniform(-1, 1, (n, 1, n_axes)).sign()
        matrix = matrix * signs
    return matrix


def _draw_shift(
    n: int, shape: tuple[int, ...], settings: TransformationSettings, random: Randomness
) -> Tensor:
    """Whole pixels, so that a shift alone interpolates nothing."""
    if not settings.shift:
        return torch.zeros((n, len(shape)), device=random.device)
    reach = [math.floor(size * settings.largest_shift) for size in reversed(shape)]
    steps = [2 * r + 1 for r in reach]
    drawn = random.uniform(0, 1, (n, len(shape))).clamp_max(1 - 1e-6)
    along = torch.tensor(steps, device=random.device)
    return (drawn * along).floor() - torch.tensor(reach, device=random.device)


def _draw_field(
    n: int, shape: tuple[int, ...], settings: TransformationSettings, random: Randomness
) -> Tensor:
    """Smooth displacement ``(n, D, *S)``, pixels, from a coarse grid of normal ones."""
    controls = [
        max(_FEWEST_CONTROLS, round(size / settings.elastic_spacing) + 1)
        for size in shape
    ]
    coarse = random.normal((n, len(shape), *controls)) * settings.elastic_deviation
    mode = "bicubic" if len(shape) == 2 else "trilinear"
    return functional.interpolate(coarse, size=shape, mode=mode, align_corners=True)


def _over(x: Tensor, points: Tensor) -> Tensor:
    """``(B, D)`` for every point of ``(B, *S, D)``."""
    return x.view(len(x), *(1,) * (points.ndim - 2), x.shape[-1])
