"""Curves of a run in bounded room: points that come too dense are averaged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_POINTS = 1000


@dataclass(frozen=True, eq=False)
class Curve:
    """Steps and values, float64 ``(N,)`` each, N at most `MOST_POINTS`."""

    steps: NDArray[np.float64]
    values: NDArray[np.float64]

    @property
    def last(self) -> float | None:
        """The newest value; None without any."""
        return float(self.values[-1]) if self.values.size else None


NO_CURVE = Curve(np.empty(0), np.empty(0))


class Trace:
    """Collects values one by one; each point is the mean of ``stride`` of them.

    Whenever there are too many points, neighbours become one and the stride doubles, so
    that 150,000 steps take no more room than 1,000.

    Parameters
    ----------
    most
        Points kept at most, an even number.
    """

    def __init__(self, most: int = MOST_POINTS) -> None:
        self._most = most
        self._stride = 1
        self._sums: list[tuple[float, float, int]] = []  # Of steps, of values; how many

    def add(self, step: float, value: float) -> None:
        """Append a value; steps only grow, but for `cut`."""
        if self._sums and self._sums[-1][2] < self._stride:
            steps, values, n = self._sums.pop()
            self._sums.append((steps + step, values + value, n + 1))
            return
        if len(self._sums) == self._most:
            self._halve()
        self._sums.append((step, value, 1))

    def cut(self, step: float) -> None:
        """Forget what lies behind a step."""
        while self._sums and self._sums[-1][0] / self._sums[-1][2] > step:
            self._sums.pop()

    @property
    def curve(self) -> Curve:
        """The points as they are now."""
        if not self._sums:
            return NO_CURVE
        steps, values, n = np.array(self._sums, np.float64).T
        return Curve(steps / n, values / n)

    def _halve(self) -> None:
        pairs = zip(self._sums[::2], self._sums[1::2], strict=True)
        self._sums = [(a + d, b + e, c + f) for (a, b, c), (d, e, f) in pairs]
        self._stride *= 2
