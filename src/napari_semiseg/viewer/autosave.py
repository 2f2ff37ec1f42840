"""Saving what changed, soon and one after the other, in a thread of its own."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_semiseg.errors import SemisegError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    Write = Callable[[], None]
    """Writes to disk; called in the saving thread."""
    Take = Callable[[], Write]
    """Copies what is to be saved; called in the main thread."""

_LOG = logging.getLogger(__name__)
_DELAY = 500  # Milliseconds from the first unsaved stroke to its copy.
_RETRY = 3000  # Milliseconds after a failure.


class Autosave(QObject):
    """Writes marked things within a second; each write is atomic by itself.

    A thing is marked under a key, with a function that copies it. The copy is taken at
    the latest half a second after the first mark, also in the middle of a long stroke,
    and written in another thread, in the order of the copies. A write that fails stays
    marked and is tried again.
    """

    saved = Signal(float)
    """Something was written, and nothing failed; seconds since 1970."""
    failed = Signal(str)
    """A write failed, in a sentence; it will be tried again."""
    _done = Signal(object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._marked: dict[Hashable, Take] = {}
        self._retry: dict[Hashable, Write] = {}
        self._under_way = 0
        self._broken: set[Hashable] = (
            set()
        )  # Keys; the saving thread's alone to change.
        self._jobs: queue.Queue[tuple[Hashable, Write] | None] = queue.Queue()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.take)
        self._done.connect(self._note)
        self._thread = threading.Thread(
            target=self._work, name="napari-semiseg-saving", daemon=True
        )
        self._thread.start()

    @property
    def unsaved(self) -> bool:
        """Whether anything is not on the disk yet."""
        return bool(self._marked or self._retry or self._under_way)

    def mark(self, key: Hashable, take: Take) -> None:
        """Note that the thing under ``key`` has changed.

        Parameters
        ----------
        key
            Names the thing; marking it twice saves it once.
        take
            Copies the thing and returns the function that writes the copy.
        """
        self._marked[key] = take
        self._retry.pop(key, None)  # A newer copy is about to come.
        if not self._timer.isActive():
            self._timer.start(_DELAY)

    def take(self) -> None:
        """Copy all marked things now, and send them to be written."""
        self._timer.stop()
        marked, self._marked = self._marked, {}
        jobs = {**self._retry, **{key: take() for key, take in marked.items()}}
        self._retry = {}
        for job in jobs.items():
            self._under_way += 1
            self._jobs.put(job)

    def flush(self, timeout: float = 30.0) -> bool:
        """Write everything, and wait for it.

        Returns
        -------
        bool
            Whether all of it is on the disk now.
        """
        self.take()
        end = time.monotonic() + timeout
        while self._jobs.unfinished_tasks and time.monotonic() < end:
            time.sleep(0.005)
        finished = not self._jobs.unfinished_tasks
        return finished and not self._broken

    def close(self) -> bool:
        """Write everything and end the thread; False when something was not saved."""
        complete = self.flush()
        self._jobs.put(None)
        return complete

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            key, write = job
            error: str | None = None
            try:
                write()
            except Exception as found:
                error = _sentence(found)
            if error is None:
                self._broken.discard(key)
            else:
                self._broken.add(key)
            # The window may have been closed, and this object with it.
            with contextlib.suppress(RuntimeError):
                self._done.emit((key, write), error)
            self._jobs.task_done()

    def _note(self, job: tuple[Hashable, Write], error: str | None) -> None:
        self._under_way -= 1
        if error is None:
            if not self._broken:
                self.saved.emit(time.time())
            return
        key, write = job
        if key not in self._marked:
            self._retry[key] = write
        self._timer.start(_RETRY)
        self.failed.emit(error)


def _sentence(error: Exception) -> str:
    if not isinstance(error, SemisegError):
        _LOG.error("Saving failed.", exc_info=error)
    return f"Not saved: {error} It is tried again every few seconds."
