"""How a learning rate falls over a stage, at ``t`` from 0 (begin) to 1 (end)."""

from __future__ import annotations

import math


def cosine(first: float, last: float, t: float) -> float:
    """Cosine decay from ``first`` at t = 0 to ``last`` at t = 1."""
    return last + (first - last) * 0.5 * (1 + math.cos(math.pi * t))


def poly(first: float, t: float, power: float = 0.9) -> float:
    """Polynomial decay ``first * (1 - t) ** power`` (DeepLab; ST++ and FixMatch).

    Used at step k of n with t = k / n, it never reaches 0 within the stage.
    """
    return first * math.pow(max(0.0, 1.0 - t), power)
