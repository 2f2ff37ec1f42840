"""How much memory a training takes, for its events."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

_EVERY = 2.0  # Seconds between two measurements.


class MemoryMeter:
    """Measures now and then what this process takes.

    Parameters
    ----------
    device
        Where it trains. On CUDA it is the most that was ever allocated there, elsewhere
        the memory of the process as it is.
    clock
        Monotonic seconds.
    """

    def __init__(
        self, device: str | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._device = device or "cpu"
        self._clock = clock
        self._last: float | None = None

    def fields(self) -> dict[str, int]:
        """``device_bytes`` if it is time to measure, else nothing."""
        now = self._clock()
        if self._last is not None and now - self._last < _EVERY:
            return {}
        self._last = now
        return {"device_bytes": self._measure()}

    def _measure(self) -> int:
        # Whoever trains on CUDA has loaded torch; nobody else shall have to.
        torch = sys.modules.get("torch")
        if torch is not None and self._device.startswith("cuda"):
            return int(torch.cuda.max_memory_allocated(self._device))
        return int(psutil.Process().memory_info().rss)
