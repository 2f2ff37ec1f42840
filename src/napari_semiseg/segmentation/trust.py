"""What a person says about a pseudo-label, whatever the model's confidence in it."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, TypeVar

# A mask as an array or as a tensor: the rule is the same, and this room has no torch.
Mask = TypeVar("Mask")


class Trust(IntEnum):
    """Whether the loss shall use a pixel's pseudo-label."""

    UNSET = 0
    """Nobody said so: the method decides."""
    TRUSTED = 1
    NOT_TRUSTED = 2


def apply_trust(selected: Mask, trust: Any) -> Mask:
    """Let what a person says of pseudo-labels win over the method's own choice.

    Parameters
    ----------
    selected
        bool ``(*S)``, array or tensor: the pixels that a method would learn from.
    trust
        uint8 ``(*S)`` of the same kind, values of `Trust`.
    """
    chosen: Any = selected
    mask: Mask = (chosen | (trust == Trust.TRUSTED)) & (trust != Trust.NOT_TRUSTED)
    return mask
