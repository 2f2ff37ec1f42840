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


class Plateau:
    """Halves a rate when a score has not improved for a while (Kervadec et al. 2019).

    The while is a fifth of the stage: 20 of the paper's 100 epochs. Without any score
    the rate stays.
    """

    patience = 0.2

    def __init__(self) -> None:
        self.factor = 1.0
        self._best = -math.inf
        self._since = 0.0

    def take(self, t: float, score: float) -> None:
        """Take a score, at ``t`` from 0 (begin of the stage) to 1 (its end)."""
        if score > self._best:
            self._best, self._since = score, t
        elif t - self._since >= self.patience:
            self.factor, self._since = self.factor / 2, t

    def state(self) -> dict[str, float | None]:
        """For a checkpoint."""
        best = None if math.isinf(self._best) else self._best
        return {"factor": self.factor, "best": best, "since": self._since}

    def load_state(self, state: dict[str, float]) -> None:
        """Go on from :meth:`state`."""
        best = state["best"]
        self.factor, self._since = state["factor"], state["since"]
        self._best = -math.inf if best is None else best
