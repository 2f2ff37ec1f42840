"""Crops beside a crop, and the pseudo-label that both make together (COM).

A *fixed* crop is drawn at random; *shifted* ones lie diagonally beside it and overlap
it. Where they overlap, the label comes from the shifted crop, elsewhere from the fixed
one. Functions on labels and probabilities take crops of any number of axes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from napari_semiseg.geometry import Box
from napari_semiseg.learning.said import LabelRules
from napari_semiseg.learning.sampling import UnlabelledBatch, UnlabelledSampler
from napari_semiseg.learning.shift_sizes import diagonals, reach

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_semiseg.learning.randomness import Randomness
    from napari_semiseg.learning.training_set import UnlabelledImage


@dataclass(frozen=True)
class ShiftedBatch:
    """Fixed crops of unlabelled images, and shifted ones beside each of them.

    Attributes
    ----------
    fixed
        B crops.
    crops
        float32 ``(B, N, C, S, S)``.
    shifts
        int64 ``(B, N, 2)``: where each crop begins, seen from the beginning of its
        fixed one; (y, x) in pixels. One for which there was no room lies a whole crop
        away, and holds the fixed one.
    """

    fixed: UnlabelledBatch
    crops: Tensor
    shifts: Tensor


class ShiftedSampler(UnlabelledSampler):
    """Draws fixed crops and others beside each.

    ``fraction`` of the crop's side is how far they are shifted along each axis; less in
    images that are not much larger than a crop, see `shift_sizes.reach`. A crop never
    leaves its image, nor touches an excluded box.
    """

    def __init__(
        self,
        images: Sequence[UnlabelledImage],
        size: int,
        device: torch.device,
        fraction: float,
        rules: LabelRules = LabelRules(),  # noqa: B008 (frozen)
    ) -> None:
        super().__init__(images, size, device, rules)
        self.fraction = fraction

    def draw_shifted(self, n: int, beside: int, random: Randomness) -> ShiftedBatch:
        """``n`` fixed crops and, of each, ``beside`` different shifted ones."""
        fixed = self.draw(n, random)
        crops = fixed.image[:, None].repeat(1, beside, 1, 1, 1)
        shifts = torch.full((n, beside, 2), self.size)
        for sample, (number, box) in enumerate(fixed.places):
            image = self.images[number]
            for k, shift in enumerate(self._choose_shifts(image, box, beside, random)):
                pixels = self._pixels(number, _moved(box, shift))
                crops[sample, k] = torch.from_numpy(pixels).to(self.device)
                shifts[sample, k] = torch.tensor(shift)
        return ShiftedBatch(fixed, crops, shifts.to(self.device))

    def _choose_shifts(
        self, image: UnlabelledImage, box: Box, at_most: int, random: Randomness
    ) -> list[tuple[int, ...]]:
        """Some of those for which there is room, in random order."""
        far = reach(image.source.shape, self.size, self.fraction)
        choices = [s for s in diagonals(far) if _has_room(_moved(box, s), image)]
        order = torch.randperm(len(choices), generator=random.host).tolist()
        return [choices[k] for k in order[:at_most]]


def turn_shifts(shifts: Tensor, symmetries: Sequence[int]) -> Tensor:
    """Shifts ``(B, N, D)`` as they are once fixed crop and shifted one are turned.

    Parameters
    ----------
    symmetries
        One of each of the B samples, see `learning.symmetries`: quarter turns of the
        last two axes, then a mirror of the last.
    """
    quarters = torch.tensor([s % 4 for s in symmetries], device=shifts.device)
    mirrored = torch.tensor([s >= 4 for s in symmetries], device=shifts.device)
    y, x = shifts[..., -2], shifts[..., -1]
    ways_y, ways_x = torch.stack([y, -x, -y, x]), torch.stack([x, y, -x, -y])
    sample = torch.arange(len(shifts), device=shifts.device)
    y, x = ways_y[quarters, sample], ways_x[quarters, sample]
    x = torch.where(mirrored[:, None], -x, x)
    return torch.cat([shifts[..., :-2], torch.stack([y, x], -1)], -1)


def seen_from_fixed(x: Tensor, shifts: Tensor) -> tuple[Tensor, Tensor]:
    """What a shifted crop shows at the pixels of its fixed one.

    Parameters
    ----------
    x
        ``(B, K, *S)``: of shifted crops.
    shifts
        int64 ``(B, D)``, pixels.

    Returns
    -------
    tuple[Tensor, Tensor]
        ``(B, K, *S)``, and bool ``(B, *S)`` where the crops overlap; elsewhere the
        first is no use.
    """
    inside: Tensor = torch.ones((), dtype=torch.bool, device=x.device)
    sample = torch.arange(len(x), device=x.device)
    n_axes = x.ndim - 2
    places = [sample.view(-1, *(1,) * n_axes)]
    for axis, length in enumerate(x.shape[2:]):
        along = torch.arange(length, device=x.device) - shifts[:, axis, None]
        view = [len(x), *(length if a == axis else 1 for a in range(n_axes))]
        inside = inside & ((along >= 0) & (along < length)).view(view)
        places.append(along.clamp(0, length - 1).view(view))
    return x.movedim(1, -1)[tuple(places)].movedim(-1, 1), inside


def overlay(fixed: Tensor, temporary: Tensor, shifts: Tensor) -> tuple[Tensor, Tensor]:
    """COM: the temporary prediction where the crops overlap, else the fixed one.

    Parameters
    ----------
    fixed
        float ``(B, K, *S)``: probabilities of fixed crops.
    temporary
        float ``(B, N, K, *S)``: of the crops beside them; averaged where several
        overlap the fixed one.
    shifts
        int64 ``(B, N, D)``.

    Returns
    -------
    tuple[Tensor, Tensor]
        float ``(B, K, *S)``, whose most probable class is the dynamic pseudo-label, and
        bool ``(B, *S)`` where it is a temporary one.
    """
    n_shifts = temporary.shape[1]
    moved, inside = seen_from_fixed(temporary.flatten(0, 1), shifts.flatten(0, 1))
    moved = moved.unflatten(0, (-1, n_shifts))
    inside = inside.unflatten(0, (-1, n_shifts))
    count = inside.sum(1)
    total = (moved * inside[:, :, None]).sum(1)
    mean = total / count.clamp_min(1)[:, None]
    overlapping = count > 0
    return mean.where(overlapping[:, None], fixed), overlapping


def _moved(box: Box, shift: tuple[int, ...]) -> Box:
    origin = tuple(o + d for o, d in zip(box.origin, shift, strict=True))
    return Box(origin, box.size)


def _has_room(box: Box, image: UnlabelledImage) -> bool:
    whole = Box.whole(image.source.shape)
    return whole.contains(box) and not any(box.overlaps(e) for e in image.excluded)
