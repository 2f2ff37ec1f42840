"""What watchers ask of a run that trains, and how it answers between two steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_semiseg.errors import SemisegError
from napari_semiseg.runs.control import Inbox
from napari_semiseg.runs.previews import answer_preview

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_semiseg.runs.control import Request
    from napari_semiseg.runs.events import Event
    from napari_semiseg.runs.folder import RunFolder
    from napari_semiseg.runs.previews import SourceOf
    from napari_semiseg.runs.trainable import Trainable


class Attendance:
    """Answers the requests to one run, each with an event.

    Attributes
    ----------
    paused, stopping
        What was asked for last.
    """

    def __init__(
        self,
        run: RunFolder,
        training: Trainable,
        source_of: SourceOf,
        write: Callable[..., Event],
    ) -> None:
        self._run = run
        self._training = training
        self._source_of = source_of
        self._write = write
        self._inbox = Inbox(run.control, run.record().asked)
        self.paused = False
        self.stopping = False

    def answer_all(self) -> None:
        """Answer all that has been asked by now."""
        for request in self._inbox.read():
            self._answer(request)

    def _answer(self, request: Request) -> None:
        if request.kind == "preview":
            self._preview(request)
            return
        if request.kind not in ("pause", "resume", "stop"):
            sentence = "A run that trains does not do this: ask when it has ended."
            self._write("refused", request=request.id, sentence=sentence)
            return
        if request.kind == "stop":
            self.stopping = True
        else:
            self.paused = request.kind == "pause"
        self._write("answered", request=request.id, kind=request.kind)

    def _preview(self, request: Request) -> None:
        try:
            fields = answer_preview(
                request, self._training, self._source_of, self._run.previews
            )
        except (SemisegError, MemoryError, RuntimeError) as error:
            # A preview that fails must not take the training along.
            self._write("refused", request=request.id, sentence=str(error))
            return
        self._write("preview", request=request.id, **fields)
