"""Being told to go: terminate and Ctrl+C as a question to ask between two steps."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Interruption:
    """Whether somebody told this process to go (terminate, Ctrl+C)."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self) -> bool:
        """Whether to leave as soon as the work is saved."""
        return self.asked

    def _ask(self, number: int, frame: object) -> None:
        self.asked = True

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Listen to signals within the block; only the main thread can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGTERM, signal.SIGINT)
        before = [signal.signal(number, self._ask) for number in numbers]
        try:
            yield
        finally:
            for number, old in zip(numbers, before, strict=True):
                signal.signal(number, old)
