"""Pairs of views of the same tiles: one moved against the other, or both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from napari_semiseg.learning import intensity, transformations
from napari_semiseg.learning.supervised import draw_squares
from napari_semiseg.learning.targets import kind_targets, targets_of, weights_of
from napari_semiseg.segmentation.trust import apply_trust

if TYPE_CHECKING:
    from torch import Tensor

    from napari_semiseg.learning.equipment import Equipment
    from napari_semiseg.learning.randomness import Randomness
    from napari_semiseg.learning.said import Said
    from napari_semiseg.learning.sampling import LabelledBatch
    from napari_semiseg.learning.transformation_settings import (
        TransformationStageSettings,
    )
    from napari_semiseg.segmentation.classes import BoundaryMode


@dataclass(frozen=True)
class Pair:
    """Two views of every tile, and how the first maps onto the second.

    Attributes
    ----------
    image
        float32 ``(2 B, C, *S)``: first views, then second ones.
    target
        int64 ``(2 B, *S)``: of labelled tiles, which come first in either half, and of
        the pixels of unlabelled ones that a person decided about.
    weight
        float32 ``(2 B, *S)``: how much each of these pixels counts.
    positions
        float32 ``(B, *S, D)``: where in the first view each pixel of the second lies.
    first, second
        bool ``(B, *S)``: what of either view is image that may be compared.
    kinds
        Classes of the objects, int64 as ``target``; None where there is one alone.
    """

    image: Tensor
    target: Tensor
    weight: Tensor
    positions: Tensor
    first: Tensor
    second: Tensor
    kinds: Tensor | None = None


@dataclass(frozen=True)
class _View:
    """Images, what of them may be compared, and what is known of them."""

    image: Tensor
    usable: Tensor
    fields: Tensor


def draw_pair(
    equipment: Equipment,
    settings: TransformationStageSettings,
    boundary: BoundaryMode,
    unlabelled: bool,
) -> Pair:
    """Two views of labelled and, if wanted, of unlabelled tiles."""
    random = equipment.random
    tiles = _draw_tiles(equipment, settings, unlabelled)
    n, shape = len(tiles.image), tuple(tiles.image.shape[2:])
    second = transformations.draw(n, shape, settings.transformations, random)
    across = to_second = second.positions()
    views = [tiles, _moved(tiles, to_second, settings, random)]
    if settings.sides == "two":
        first = transformations.draw(n, shape, settings.transformations, random)
        views[0] = _moved(tiles, first.positions(), settings, random)
        across = first.inverse(to_second)
    image = torch.cat([view.image for view in views])
    if settings.augmented:  # Every view in intensities of its own.
        image = intensity.augment(image, settings.intensity, random)
    fields = torch.cat([view.fields for view in views])
    target = targets_of(fields, equipment.task, boundary)
    first_usable, second_usable = (view.usable for view in views)
    return Pair(
        image,
        target,
        weights_of(fields),
        across,
        first_usable,
        second_usable,
        kind_targets(fields),
    )


def allowed(said: Said) -> Tensor:
    """All but the pixels that a person does not trust, or ignores; bool ``(B, *S)``."""
    everything = torch.ones_like(said.ignored)
    return apply_trust(everything, said.trust) & ~said.ignored


def _draw_tiles(
    equipment: Equipment, settings: TransformationStageSettings, unlabelled: bool
) -> _View:
    """Labelled tiles and behind them the others, before the transformations."""
    labelled = _draw_labelled(equipment, settings)
    image, fields = labelled.image, labelled.fields
    usable = (fields[:, 2] > 0.5) & (fields[:, 0] >= 0)
    if unlabelled:
        n = equipment.batch(settings.unlabelled_batch, 1)
        drawn = equipment.unlabelled.draw(n, equipment.random)
        image = torch.cat([image, drawn.image])
        fields = torch.cat([fields, drawn.fields])
        usable = torch.cat([usable, drawn.valid & allowed(drawn.said)])
    return _View(image, usable, fields)


def _draw_labelled(
    equipment: Equipment, settings: TransformationStageSettings
) -> LabelledBatch:
    n = equipment.batch(settings.labelled_batch, 1)
    if settings.augmented:
        return draw_squares(equipment, n, settings.geometry)
    return equipment.labelled.centre(equipment.labelled.draw(n, equipment.random))


def _moved(
    tiles: _View,
    positions: Tensor,
    settings: TransformationStageSettings,
    random: Randomness,
) -> _View:
    """The tiles at the positions, with the noise that is no movement."""
    border = "reflection" if settings.beyond == "mirrored" else "zeros"
    image = transformations.warp(tiles.image, positions, border=border)
    return _View(
        _noisy(image, settings, random),
        transformations.warp_mask(tiles.usable, positions),
        transformations.warp(tiles.fields, positions, "nearest"),
    )


def _noisy(
    image: Tensor, settings: TransformationStageSettings, random: Randomness
) -> Tensor:
    drawn = settings.transformations
    if not drawn.noise:
        return image
    noisy = image + random.normal(tuple(image.shape)) * drawn.noise_deviation
    if not drawn.noise_clipped:
        return noisy
    return noisy.clamp(image.amin(), image.amax())
