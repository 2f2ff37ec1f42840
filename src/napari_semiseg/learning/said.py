"""What a person said of the pixels of unlabelled tiles, on the device.

An image counts as unlabelled and yet a person may have drawn, accepted or erased some
of its objects: there their word is the target, whatever a teacher sees. It wins over
trust, which is about the teacher's labels alone. What they ignore is in no loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_semiseg.learning import symmetries
from napari_semiseg.learning.targets import kind_targets, targets_of, weights_of
from napari_semiseg.segmentation.classes import IGNORE
from napari_semiseg.segmentation.trust import apply_trust

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_semiseg.learning.told import KnownPixels, Told
    from napari_semiseg.learning.training_set import Task
    from napari_semiseg.segmentation.classes import BoundaryMode


@dataclass(frozen=True)
class LabelRules:
    """How targets come from what a person drew.

    Attributes
    ----------
    task, boundary
        What is learned, and where the boundary of an object lies.
    n_kinds
        Classes of objects that a head of its own tells apart; 0: no such head.
    accepted_weight
        How much an accepted pixel counts, beside a drawn one.
    """

    task: Task = "instances"
    boundary: BoundaryMode = "inner"
    n_kinds: int = 0
    accepted_weight: float = 1.0


@dataclass(frozen=True)
class Said:
    """What a person says of a batch.

    Attributes
    ----------
    target
        uint8 ``(B, *S)``: class of the pixels, `IGNORE` where nobody says it.
    weight
        float32 ``(B, *S)``: how much that counts; 1 where nobody says anything.
    trust
        uint8 ``(B, *S)``, values of `Trust`: whether pseudo-labels shall count.
    ignored
        bool ``(B, *S)``: what shall be in no loss at all.
    kind
        uint8 ``(B, *S)``: classes of objects, from 0, `IGNORE` where nobody says it;
        None where there is one class alone.
    """

    target: Tensor
    weight: Tensor
    trust: Tensor
    ignored: Tensor
    kind: Tensor | None = None

    @classmethod
    def of_fields(cls, fields: Tensor, trust: Tensor, rules: LabelRules) -> Said:
        """Of squares of unlabelled images, see `UnlabelledBatch`."""
        target = targets_of(fields, rules.task, rules.boundary).to(torch.uint8)
        weight = weights_of(fields).where(target != IGNORE, 1.0)
        kind = kind_targets(fields)
        return cls(
            target,
            weight,
            trust,
            fields[:, 0] < 0,
            None if kind is None else kind.to(torch.uint8),
        )

    @classmethod
    def nothing(cls, valid: Tensor, kinds: bool = False) -> Said:
        """Nobody says anything of a batch; bool ``(B, *S)``."""
        unset = torch.full_like(valid, IGNORE, dtype=torch.uint8)
        return cls(
            unset,
            torch.ones_like(valid, dtype=torch.float32),
            torch.zeros_like(unset),
            torch.zeros_like(valid),
            unset if kinds else None,
        )

    @property
    def known(self) -> Tensor:
        """Where the person's word is the target, bool ``(B, *S)``."""
        return self.target != IGNORE

    def label(self, label: Tensor) -> Tensor:
        """The targets: the person's, and elsewhere pseudo-labels, int64."""
        return self.target.long().where(self.known, label)

    def selected(self, selected: Tensor) -> Tensor:
        """What the loss learns, of what a method would; bool ``(B, *S)``."""
        return (apply_trust(selected, self.trust) | self.known) & ~self.ignored

    def kinds(self, kinds: Tensor) -> Tensor:
        """Targets of the class head: the person's, and elsewhere those of a teacher."""
        if self.kind is None:
            return kinds
        return self.kind.long().where(self.kind != IGNORE, kinds)

    def turned(self, turns: Sequence[int]) -> Said:
        """Each sample under a symmetry of its own, see `learning.symmetries`."""
        return self._each(lambda plane: symmetries.apply_each(plane, turns))

    def to(self, device: torch.device) -> Said:
        """The same on another device."""
        return self._each(lambda plane: plane.to(device))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Said:
        kind = None if self.kind is None else change(self.kind)
        planes = (self.target, self.weight, self.trust, self.ignored)
        target, weight, trust, ignored = map(change, planes)
        return Said(target, weight, trust, ignored, kind)


def said_of(told: Told, rules: LabelRules, device: torch.device) -> Said:
    """What a person says of a box, of any size, as a batch of one."""
    fields = torch.from_numpy(field_planes(told, rules)).to(device)
    trust = torch.from_numpy(np.ascontiguousarray(told.trust)).to(device)
    return Said.of_fields(fields[None], trust[None], rules)


def field_planes(known: KnownPixels, rules: LabelRules) -> NDArray[np.float32]:
    """What is known of pixels, in the order of `LabelledBatch.fields`, ``(F, *S)``."""
    inside = np.ones(known.instances.shape, bool)
    planes = [
        *_numbers(known, rules.task),
        inside,
        _overrides_plus_one(known),
        known.pixel_weights(rules.accepted_weight),
    ]
    if rules.n_kinds:
        planes.append(known.object_classes())
    return np.stack(planes).astype(np.float32)


def _numbers(
    known: KnownPixels, task: Task
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Ids or classes of the pixels, -1 to ignore, and where they are known."""
    if task == "instances":
        return known.instances, known.annotated
    kinds = known.known_classes()
    unknown = np.where(known.instances < 0, -1, 0)
    numbers = np.where(kinds == IGNORE, unknown, kinds)
    return numbers.astype(np.int32), kinds != IGNORE


def _overrides_plus_one(known: KnownPixels) -> NDArray[np.int64]:
    """So that padding, which is 0, overrides nothing."""
    if known.class_overrides is None:
        return np.zeros(known.instances.shape, np.int64)
    kinds = known.class_overrides.astype(np.int64)
    return np.where(kinds == IGNORE, 0, kinds + 1)
