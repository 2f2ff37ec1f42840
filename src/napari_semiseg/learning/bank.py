"""A first-in-first-out store of pseudo-labelled tiles.

With as many fresh tiles a step as the batch holds, and no more room than that, every
tile is labelled for one step only: the literal paper. With fewer fresh ones a
pseudo-label serves several steps, each time under another augmentation, and the
teacher's views cost little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from napari_semiseg.learning.randomness import Randomness

_FIELDS = ("image", "label", "confidence", "valid")


class Bank:
    """Tiles with their hard pseudo-labels and confidences, on the device."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._kept: dict[str, Tensor] = {}

    def __len__(self) -> int:
        return len(self._kept["image"]) if self._kept else 0

    def add(
        self, image: Tensor, label: Tensor, confidence: Tensor, valid: Tensor
    ) -> None:
        """Append a batch; the oldest tiles leave when the bank is full."""
        fresh = dict(zip(_FIELDS, (image, label, confidence, valid), strict=True))
        if self._kept:
            fresh = {
                name: torch.cat([self._kept[name], fresh[name]]) for name in _FIELDS
            }
        self._kept = {name: fresh[name][-self.capacity :] for name in _FIELDS}

    def draw(self, n: int, random: Randomness) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Image, label, confidence and valid mask of ``n`` different tiles.

        Of all it has when it has fewer.
        """
        order = torch.randperm(len(self), generator=random.host)[:n]
        chosen = order.to(self._kept["image"].device)
        image, label, confidence, valid = (self._kept[name][chosen] for name in _FIELDS)
        return image, label, confidence, valid

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return dict(self._kept)

    def load_state(self, state: dict[str, Any], device: torch.device) -> None:
        """Go on from :meth:`state`."""
        self._kept = {name: value.to(device) for name, value in state.items()}
