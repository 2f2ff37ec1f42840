"""Strong views of pseudo-labelled tiles: pixels change, classes stay where they are.

Nothing is warped here, so that labels are never interpolated; what moves pixels between
images (CutMix) moves their labels and masks with them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_semiseg.learning import intensity, mixing
from napari_semiseg.segmentation.classes import IGNORE

if TYPE_CHECKING:
    from torch import Tensor

    from napari_semiseg.learning.fixmatch_st_settings import StrongViewSettings
    from napari_semiseg.learning.randomness import Randomness


@dataclass(frozen=True)
class TaughtTiles:
    """Unlabelled tiles and what a teacher says of them.

    Attributes
    ----------
    image
        float32 ``(B, C, S, S)``.
    label
        int64 ``(B, S, S)``.
    selected, valid
        bool ``(B, S, S)``: what the loss learns, and over what it is averaged.
    weight
        float32 ``(B, S, S)``: how much each pixel counts, 1 unless a person accepted
        it.
    kinds
        int64 ``(B, S, S)``: classes of the objects, from 0, where the class head learns
        them, ``IGNORE`` elsewhere; None where there is no such head.
    """

    image: Tensor
    label: Tensor
    selected: Tensor
    valid: Tensor
    weight: Tensor
    kinds: Tensor | None = None

    @property
    def foreground(self) -> Tensor:
        """Where the teacher sees objects, bool ``(B, S, S)``."""
        return (self.label > 0) & self.valid


def covered(tiles: TaughtTiles) -> Tensor:
    """Share of the valid pixels that the loss learns."""
    return tiles.selected.sum() / tiles.valid.sum().clamp_min(1)


def strong_view(
    tiles: TaughtTiles,
    numbers: Tensor,
    settings: StrongViewSettings,
    random: Randomness,
) -> TaughtTiles:
    """Jitter, blur, noise, grey; then boxes of other images, or of noise.

    Parameters
    ----------
    numbers
        int64 ``(B,)``: which image each tile is of; see `mixing.draw_partners`.
    """
    image = intensity.augment(tiles.image, settings.intensity, random)
    image = _made_grey(image, settings.grey, random)
    tiles = replace(tiles, image=image)
    if settings.cutmix:
        tiles = cut_and_mixed(tiles, numbers, settings.cutmix, random)
    if settings.cutout:
        tiles = _cut_out(tiles, settings.cutout, random)
    return tiles


def _made_grey(image: Tensor, chance: float, random: Randomness) -> Tensor:
    if not chance or image.shape[1] != 3:
        return image
    chosen = random.uniform(0, 1, (len(image), 1, 1, 1)) < chance
    return image.mean(1, keepdim=True).expand_as(image).where(chosen, image)


def cut_and_mixed(
    tiles: TaughtTiles, numbers: Tensor, chance: float, random: Randomness
) -> TaughtTiles:
    """A box of another image in a share ``chance`` of the tiles (CutMix)."""
    n, height, width = tiles.label.shape
    partners, found = mixing.draw_partners(numbers, random)
    boxes = mixing.draw_boxes(n, (height, width), chance, random)
    boxes = boxes & found[:, None, None]
    return _pasted(tiles, partners, boxes)


def _pasted(tiles: TaughtTiles, partners: Tensor, boxes: Tensor) -> TaughtTiles:
    """Boxes of their partners, all planes alike; see `mixing.paste`."""

    def paste(plane: Tensor) -> Tensor:
        return mixing.paste(plane, partners, boxes)

    return TaughtTiles(
        paste(tiles.image),
        paste(tiles.label),
        paste(tiles.selected),
        paste(tiles.valid),
        paste(tiles.weight),
        None if tiles.kinds is None else paste(tiles.kinds),
    )


def _cut_out(tiles: TaughtTiles, chance: float, random: Randomness) -> TaughtTiles:
    """Boxes of noise as bright as the tile; nobody can know what lay there (ST++)."""
    n, height, width = tiles.label.shape
    boxes = mixing.draw_boxes(n, (height, width), chance, random)
    low = tiles.image.amin((2, 3), keepdim=True)
    high = tiles.image.amax((2, 3), keepdim=True)
    noise = random.uniform(0, 1, tuple(tiles.image.shape)) * (high - low) + low
    return TaughtTiles(
        noise.where(boxes[:, None], tiles.image),
        tiles.label,
        tiles.selected & ~boxes,
        tiles.valid & ~boxes,
        tiles.weight,
        None if tiles.kinds is None else tiles.kinds.where(~boxes, IGNORE),
    )
