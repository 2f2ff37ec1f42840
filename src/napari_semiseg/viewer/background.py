"""Work that would make the viewer wait, in one thread beside it."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from qtpy.QtCore import QObject, Signal

from napari_semiseg.errors import SemisegError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
_LOG = logging.getLogger(__name__)


class Background(QObject):
    """One thread for numbers and files; answers arrive in the main thread.

    Work of one topic replaces older work of it: what has not begun is left out, and a
    late answer is dropped. After `close` nothing is answered any more.
    """

    _answered = Signal(object)
    problem = Signal(str)
    """A sentence for the user, where a job was given no ``failed``."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="napari-semiseg")
        self._newest: Counter[str] = Counter()
        self._pending = 0
        self._closed = False
        self._answered.connect(self._answer)

    @property
    def busy(self) -> bool:
        """Whether work is under way or its answer has not arrived."""
        return self._pending > 0

    def submit(
        self,
        work: Callable[[], T],
        done: Callable[[T], None],
        failed: Callable[[str], None] | None = None,
        *,
        topic: str = "",
    ) -> None:
        """Run ``work`` in the thread, then ``done`` with its result in the main one.

        Parameters
        ----------
        work
            Must not touch layers or widgets; it may raise a `SemisegError`.
        done
            Called with the result.
        failed
            Called with a sentence; None: `problem` is emitted.
        topic
            Newer work of the same topic replaces this; empty: nothing does.
        """
        if self._closed:
            return
        number = 0
        if topic:
            self._newest[topic] += 1
            number = self._newest[topic]
        self._pending += 1
        self._pool.submit(self._run, work, done, failed, topic, number)

    def forget(self, topic: str) -> None:
        """Drop the answers of a topic that are still to come."""
        self._newest[topic] += 1

    def close(self) -> None:
        """Stop answering; work under way is left to end by itself."""
        self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _current(self, topic: str, number: int) -> bool:
        return not topic or self._newest[topic] == number

    def _run(
        self,
        work: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[str], None] | None,
        topic: str,
        number: int,
    ) -> None:
        call: Callable[[], None] | None = None
        if self._current(topic, number):
            try:
                result = work()
            except Exception as error:
                sentence = _sentence(error)
                call = _bound(failed or self.problem.emit, sentence)
            else:
                call = _bound(done, result)
        # The window may have been closed, and this object with it.
        with contextlib.suppress(RuntimeError):
            self._answered.emit((topic, number, call))

    def _answer(self, answer: tuple[str, int, Callable[[], None] | None]) -> None:
        topic, number, call = answer
        self._pending -= 1
        if call is not None and not self._closed and self._current(topic, number):
            call()


def _bound(call: Callable[[Any], None], value: Any) -> Callable[[], None]:
    return lambda: call(value)


def _sentence(error: Exception) -> str:
    if isinstance(error, SemisegError):
        return str(error)
    _LOG.error("Work in the background failed.", exc_info=error)
    if isinstance(error, MemoryError):
        return "The memory does not suffice: close other programs, or zoom in."
    return f"Something unexpected happened ({type(error).__name__}: {error})."
