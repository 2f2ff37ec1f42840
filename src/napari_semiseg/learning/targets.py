"""Class targets on the device, the twin of :func:`segmentation.classes.class_targets`.

Targets are computed *after* the instance map is warped, so that a boundary is one pixel
thick at any zoom and no class is ever interpolated.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import torch
from torch.nn import functional

from napari_semiseg.segmentation.classes import (
    BACKGROUND,
    BOUNDARY,
    IGNORE,
    INTERIOR,
    SMALLEST_DIAMETER,
)

if TYPE_CHECKING:
    from torch import Tensor

    from napari_semiseg.learning.training_set import Task

_SMALLEST_AREA = math.pi * (SMALLEST_DIAMETER / 2) ** 2


def class_targets(
    instances: Tensor,
    annotated: Tensor,
    valid: Tensor,
    mode: Literal["inner", "outer"] = "inner",
    overrides: Tensor | None = None,
) -> Tensor:
    """Background, interior and boundary of a batch of instance maps.

    Parameters
    ----------
    instances
        int64 ``(B, Y, X)``: ids >= 1, 0 no object, -1 ignore.
    annotated
        bool ``(B, Y, X)``: where the class is known.
    valid
        bool ``(B, Y, X)``: False outside the tile; no boundary arises beside it.
    mode
        ``inner``: object pixels beside another label (an object of less than 5 px
        diameter, or without interior then: as ``outer``). ``outer`` (ACTIS): ground
        beside an object, and both sides of a contact.
    overrides
        int64 ``(B, Y, X)``: the class a person gave a pixel, which wins and makes it
        known; ``IGNORE`` elsewhere. None: nowhere.

    Returns
    -------
    Tensor
        int64 ``(B, Y, X)``, ``IGNORE`` where unknown.
    """
    is_object = (instances > 0) & valid
    edge = _beside_another(instances.clamp_min(0), valid)
    ground_edge = edge & ~is_object
    if mode == "outer":
        boundary = ground_edge | (edge & is_object & _at_contact(instances, valid))
    else:
        small = _too_small(instances.clamp_min(0), edge) & is_object
        around_small = _beside(small & valid) & ground_edge
        kept = edge & is_object & (~small | _at_contact(instances, valid))
        boundary = around_small | kept
    target = torch.full_like(instances, BACKGROUND)
    target[is_object] = INTERIOR
    target[boundary] = BOUNDARY
    # The outline of an object is known also where nobody labelled the ground beyond it.
    known = (annotated | (boundary & ~is_object)) & (instances >= 0) & valid
    target = target.where(known, IGNORE)
    if overrides is None:
        return target
    return overrides.where((overrides != IGNORE) & valid, target)


def targets_of(
    fields: Tensor, task: Task, mode: Literal["inner", "outer"] = "inner"
) -> Tensor:
    """Class targets of resampled squares, see `LabelledBatch`.

    Parameters
    ----------
    fields
        float32 ``(B, 5 or 6, Y, X)``.
    task, mode
        Of a semantic task the fields hold the classes, and there is no boundary.

    Returns
    -------
    Tensor
        int64 ``(B, Y, X)``, ``IGNORE`` where unknown.
    """
    labels, annotated, valid, told = fields[:, :4].unbind(1)
    number = labels.round().long()
    known, inside = annotated > 0.5, valid > 0.5
    told = told.round().long() - 1
    overrides = told.where(told >= 0, IGNORE)
    if task == "instances":
        return class_targets(number, known, inside, mode, overrides)
    target = number.where(known & inside, IGNORE)
    return overrides.where((overrides != IGNORE) & inside, target)


def weights_of(fields: Tensor) -> Tensor:
    """How much the target of each pixel counts, float32 ``(B, Y, X)``."""
    return fields[:, 4]


def kind_targets(fields: Tensor) -> Tensor | None:
    """Classes of the objects, for the head that tells them apart.

    Parameters
    ----------
    fields
        As in `targets_of`; without a sixth field there is nothing to tell apart.

    Returns
    -------
    Tensor or None
        int64 ``(B, Y, X)``: classes from 0, ``IGNORE`` but on annotated pixels of
        objects. A pixel that a person calls background is none.
    """
    if fields.shape[1] < 6:
        return None
    ids, annotated, valid, told, _, kinds = fields.unbind(1)
    known = (ids > 0.5) & (annotated > 0.5) & (valid > 0.5) & (kinds > 0.5)
    known &= told.round().long() - 1 != BACKGROUND
    return (kinds.round().long() - 1).where(known, IGNORE)


def _neighbours(n_axes: int) -> list[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """Slices of a batch that pair every pixel with its next along each spatial axis."""
    pairs = []
    for axis in range(1, n_axes):
        before = [slice(None)] * n_axes
        after = [slice(None)] * n_axes
        before[axis], after[axis] = slice(None, -1), slice(1, None)
        pairs.append((tuple(before), tuple(after)))
    return pairs


def _beside_another(ids: Tensor, valid: Tensor) -> Tensor:
    """Pixels with a valid direct neighbour of another id."""
    edge = torch.zeros_like(valid)
    for a, b in _neighbours(ids.ndim):
        differ = (ids[a] != ids[b]) & valid[a] & valid[b]
        edge[a] |= differ
        edge[b] |= differ
    return edge


def _beside(mask: Tensor) -> Tensor:
    """Pixels with a direct neighbour inside the mask."""
    beside = torch.zeros_like(mask)
    for a, b in _neighbours(mask.ndim):
        beside[a] |= mask[b]
        beside[b] |= mask[a]
    return beside


def _at_contact(instances: Tensor, valid: Tensor) -> Tensor:
    """Pixels that see two different objects in their 3 x 3 neighbourhood."""
    ids = instances.clamp_min(0).where(valid, 0).float()
    far = float(1 << 25)
    largest = functional.max_pool2d(ids, 3, 1, 1)
    smallest = -functional.max_pool2d(-ids.where(ids > 0, far), 3, 1, 1)
    return largest > smallest


def _too_small(ids: Tensor, edge: Tensor) -> Tensor:
    """Pixels of objects that an inner boundary would eat up."""
    n = int(ids.max()) + 1
    offset = torch.arange(len(ids), device=ids.device).view(-1, 1, 1) * n
    keys = ids + offset
    area = torch.bincount(keys.flatten(), minlength=n * len(ids))
    interior = torch.bincount(keys[~edge], minlength=n * len(ids))
    small = (area < _SMALLEST_AREA) | (interior == 0)
    return small[keys]
