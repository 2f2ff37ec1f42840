"""A first-in-first-out store of pseudo-labelled tiles.

With as many fresh tiles a step as the batch holds, and no more room than that, every
tile is labelled for one step only: the literal paper. With fewer fresh ones a
pseudo-label serves several steps, each time under another augmentation, and the
teacher's views cost little.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import torch

from napari_semiseg.learning.said import Said

if TYPE_CHECKING:
    from torch import Tensor

    from napari_semiseg.learning.pseudo_labels import PseudoLabels
    from napari_semiseg.learning.randomness import Randomness
    from napari_semiseg.learning.sampling import UnlabelledBatch


@dataclass(frozen=True)
class LabelledByTeacher:
    """Unlabelled tiles and what the teacher said of them.

    Attributes
    ----------
    image
        float32 ``(B, C, S, S)``.
    label, confidence
        int64 and float32 ``(B, S, S)``.
    valid
        bool ``(B, S, S)``, as in `UnlabelledBatch`.
    trust, target, weight, ignored, told_kind
        What a person says of the pixels, as in `Said`.
    numbers
        int64 ``(B,)``: which image each tile is of.
    kind, kind_confidence
        int64 and float32 ``(B, S, S)``: classes of the objects, from 0; None where
        nothing tells them apart.
    """

    image: Tensor
    label: Tensor
    confidence: Tensor
    valid: Tensor
    trust: Tensor
    target: Tensor
    weight: Tensor
    ignored: Tensor
    numbers: Tensor
    kind: Tensor | None = None
    kind_confidence: Tensor | None = None
    told_kind: Tensor | None = None

    @classmethod
    def of(cls, drawn: UnlabelledBatch, pseudo: PseudoLabels) -> LabelledByTeacher:
        """Drawn tiles with their pseudo-labels."""
        said, kinds = drawn.said, pseudo.kinds
        return cls(
            drawn.image,
            pseudo.label,
            pseudo.confidence,
            drawn.valid,
            said.trust,
            said.target,
            said.weight,
            said.ignored,
            drawn.numbers,
            None if kinds is None else kinds.label,
            None if kinds is None else kinds.confidence,
            None if kinds is None else said.kind,
        )

    @property
    def said(self) -> Said:
        """What a person says of the pixels."""
        return Said(self.target, self.weight, self.trust, self.ignored, self.told_kind)


_FIELDS = tuple(field.name for field in fields(LabelledByTeacher))


class Bank:
    """Tiles with their hard pseudo-labels and confidences, on the device."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._kept: dict[str, Tensor] = {}

    def __len__(self) -> int:
        return len(self._kept["image"]) if self._kept else 0

    def add(self, tiles: LabelledByTeacher) -> None:
        """Append a batch; the oldest tiles leave when the bank is full."""
        all_planes = {name: getattr(tiles, name) for name in _FIELDS}
        fresh = {n: plane for n, plane in all_planes.items() if plane is not None}
        if self._kept:
            fresh = {
                name: torch.cat([self._kept[name], plane])
                for name, plane in fresh.items()
            }
        self._kept = {name: plane[-self.capacity :] for name, plane in fresh.items()}

    def draw(self, n: int, random: Randomness) -> LabelledByTeacher:
        """``n`` different tiles; all it has when it has fewer."""
        order = torch.randperm(len(self), generator=random.host)[:n]
        chosen = order.to(self._kept["image"].device)
        return LabelledByTeacher(**{n: kept[chosen] for n, kept in self._kept.items()})

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return dict(self._kept)

    def load_state(self, state: dict[str, Any], device: torch.device) -> None:
        """Go on from :meth:`state`."""
        self._kept = {name: value.to(device) for name, value in state.items()}
        if not self._kept:
            return
        # Saved before there was trust, before targets, before tiles were mixed.
        unset = vars(Said.nothing(self._kept["valid"], "kind" in self._kept))
        kind = unset.pop("kind")
        if kind is not None:
            unset["told_kind"] = kind
        numbers = torch.arange(len(self), device=device)
        self._kept = {**unset, "numbers": numbers, **self._kept}
