"""What a person says about a pseudo-label, whatever the model's confidence in it."""

from __future__ import annotations

from enum import IntEnum


class Trust(IntEnum):
    """Whether the loss shall use a pixel's pseudo-label."""

    UNSET = 0
    """Nobody said so: the method decides."""
    TRUSTED = 1
    NOT_TRUSTED = 2
