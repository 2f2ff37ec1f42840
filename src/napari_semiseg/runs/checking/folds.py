"""How labelled tiles are dealt out to the folds of a cross-validation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.runs.snapshot import EXCLUSION_MARGIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_semiseg.learning.settings import Settings
    from napari_semiseg.learning.training_set import (
        LabelledTile,
        TrainingSet,
        UnlabelledImage,
    )

USUAL_FOLDS = 3
"""Into how many parts the labelled tiles are dealt where nobody says another number."""


@dataclass(frozen=True, eq=False)
class Fold:
    """One of the trainings of a cross-validation.

    Attributes
    ----------
    number, total
        Which of how many, from 1.
    training_set
        What it learns from: nothing of the tiles held out, and no pixel of them or near
        them as an unlabelled one.
    held_out
        The tiles it is scored on.
    settings
        Those of the run; the steps are as many fewer as the tiles are, so that a tile
        is looked at as often as in the run.
    """

    number: int
    total: int
    training_set: TrainingSet
    held_out: tuple[LabelledTile, ...]
    settings: Settings


def judged_tiles(training_set: TrainingSet) -> tuple[LabelledTile, ...]:
    """The tiles that train and by which a model can be scored."""
    return tuple(tile for tile in training_set.training if tile.annotated.any())


def why_no_folds(training_set: TrainingSet) -> str | None:
    """Why there is no cross-validation, a sentence; None: there is one."""
    if training_set.validation:
        return (
            "There are validation tiles, which judge the model: no cross-validation is "
            "needed."
        )
    if len(judged_tiles(training_set)) < 2:
        return (
            "Cross-validation needs two labelled tiles or more: this model cannot be "
            "validated. Label another tile."
        )
    return None


def make_folds(
    training_set: TrainingSet, settings: Settings, asked: int
) -> tuple[Fold, ...]:
    """Deal the labelled tiles out, the same way whenever the seed is the same.

    Tiles of one image stay together where several images have some, as they resemble
    each other.

    Parameters
    ----------
    asked
        How many folds at the most: there are no more than images, or tiles.
    """
    groups = _groups(judged_tiles(training_set))
    random = np.random.default_rng(settings.seed)
    # Large groups first, each to the fold that has the fewest tiles yet.
    shuffled = [groups[number] for number in random.permutation(len(groups))]
    dealt: list[list[LabelledTile]] = [[] for _ in range(min(asked, len(groups)))]
    for group in sorted(shuffled, key=len, reverse=True):
        min(dealt, key=len).extend(group)
    return tuple(
        _fold(number, len(dealt), training_set, settings, tuple(held_out))
        for number, held_out in enumerate(dealt, start=1)
    )


def n_folds(training_set: TrainingSet, asked: int) -> int:
    """How many folds there will be."""
    return min(asked, len(_groups(judged_tiles(training_set))))


def _groups(tiles: Sequence[LabelledTile]) -> list[list[LabelledTile]]:
    """Tiles that stay together."""
    images: dict[str, list[LabelledTile]] = {}
    for tile in tiles:
        images.setdefault(tile.image_id, []).append(tile)
    return list(images.values()) if len(images) > 1 else [[tile] for tile in tiles]


def _fold(
    number: int,
    total: int,
    whole: TrainingSet,
    settings: Settings,
    held_out: tuple[LabelledTile, ...],
) -> Fold:
    kept = tuple(tile for tile in whole.labelled if not _touched(tile, held_out))
    part = replace(
        whole,
        labelled=kept,
        unlabelled=tuple(_without(image, held_out) for image in whole.unlabelled),
    )
    share = len(judged_tiles(part)) / len(judged_tiles(whole))
    steps = max(1, round(settings.steps * share))
    fewer = settings.model_copy(update={"steps": steps})
    return Fold(number, total, part, held_out, fewer)


def _touched(tile: LabelledTile, others: Sequence[LabelledTile]) -> bool:
    """Whether a tile is one of some others, or shares a pixel with one."""
    return any(
        tile.image_id == other.image_id and tile.box.overlaps(other.box)
        for other in others
    )


def _without(image: UnlabelledImage, tiles: Sequence[LabelledTile]) -> UnlabelledImage:
    """An image that gives no unlabelled pixel of some tiles, or near them."""
    boxes = tuple(
        tile.box.grow(EXCLUSION_MARGIN).clip(image.source.shape)
        for tile in tiles
        if tile.image_id == image.image_id
    )
    return replace(image, excluded=(*image.excluded, *boxes)) if boxes else image
