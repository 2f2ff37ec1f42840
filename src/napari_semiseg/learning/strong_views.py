"""Strong views of pseudo-labelled tiles: pixels change, classes stay where they are.

Nothing is warped here, so that labels are never interpolated; what moves pixels between
images (CutMix) moves their labels and masks with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_semiseg.learning import intensity, mixing

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
    """

    image: Tensor
    label: Tensor
    selected: Tensor
    valid: Tensor


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
    tiles = TaughtTiles(image, tiles.label, tiles.selected, tiles.valid)
    if settings.cutmix:
        tiles = _cut_and_mixed(tiles, numbers, settings.cutmix, random)
    if settings.cutout:
        tiles = _cut_out(tiles, settings.cutout, random)
    return tiles


def _made_grey(image: Tensor, chance: float, random: Randomness) -> Tensor:
    if not chance or image.shape[1] != 3:
        return image
    chosen = random.uniform(0, 1, (len(image), 1, 1, 1)) < chance
    return image.mean(1, keepdim=True).expand_as(image).where(chosen, image)


def _cut_and_mixed(
    tiles: TaughtTiles, numbers: Tensor, chance: float, random: Randomness
) -> TaughtTiles:
    n, height, width = tiles.label.shape
    partners, found = mixing.draw_partners(numbers, random)
    boxes = mixing.draw_boxes(n, (height, width), chance, random)
    boxes = boxes & found[:, None, None]
    planes = (tiles.image, tiles.label, tiles.selected, tiles.valid)
    return TaughtTiles(*(mixing.paste(plane, partners, boxes) for plane in planes))


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
    )
