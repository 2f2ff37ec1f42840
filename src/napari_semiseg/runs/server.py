"""The body of a project's server: one loop that takes requests and answers in turn.

What it can do is given to it (`Work`). Previews go first: they are answered even in the
middle of a ranking or an export, whenever that says how far it is.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from napari_semiseg.errors import SemisegError
from napari_semiseg.runs.control import Inbox
from napari_semiseg.runs.events import EventWriter
from napari_semiseg.runs.failures import is_device_memory
from napari_semiseg.runs.interruption import Interruption
from napari_semiseg.runs.liveness import is_alive
from napari_semiseg.runs.work import LeftError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_semiseg.runs.control import Request
    from napari_semiseg.runs.events import Event
    from napari_semiseg.runs.liveness import TrainingProcess
    from napari_semiseg.runs.server_folder import ServerFolder
    from napari_semiseg.runs.work import Work

_LOG = logging.getLogger(__name__)
_POLL = 0.1  # Seconds between two looks at the requests.
_HEARTBEAT = 30.0  # Seconds between two signs of life.
_PARENT = 2.0  # Seconds between two looks for the parent.
_TELLING = 0.2  # Seconds between two events of an export.


class Server:
    """Answers the requests in a folder until it is told to close.

    Parameters
    ----------
    folder
        Where requests come and answers go.
    work
        What it can do.
    parent
        The process it works for; it closes when that is gone. None: whoever asks.
    clock, wait
        Monotonic seconds, and how to let them pass.
    """

    def __init__(
        self,
        folder: ServerFolder,
        work: Work,
        *,
        parent: TrainingProcess | None = None,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._folder = folder
        self._work = work
        self._parent = parent
        self._clock, self._wait = clock, wait
        self._inbox = Inbox(folder.control, since=0.0)
        self._interruption = Interruption()
        self._events = EventWriter(folder.events)
        self._previews: dict[tuple[str, str], Request] = {}
        self._jobs: deque[Request] = deque()
        self._ranking: tuple[Request, Iterator[dict[str, Any]]] | None = None
        self._in_hand: list[Request] = []
        self._left: set[str] = set()
        self._closing = False
        self._model: str | None = None
        self._spoke = self._looked = self._told = clock()

    def serve(self) -> None:
        """Answer until a stop, a signal, or the end of the parent."""
        with self._events, self._interruption.listening():
            self._model = self._work.model()
            self._write("ready", **self._work.describe(), model=self._model)
            self._collect()
            while not self._is_closing():
                if not self._do_next():
                    self._wait(_POLL)
                self._collect()
            # Nobody reads them any more, and they are large.
            shutil.rmtree(self._folder.previews, ignore_errors=True)
            self._write("closed")

    # -- requests ---------------------------------------------------------------------

    def _collect(self) -> None:
        """Sort new requests; show that it lives, and whether its parent does."""
        for request in self._inbox.read():
            self._sort(request)
        now = self._clock()
        if now - self._spoke > _HEARTBEAT:
            self._write("alive")
        if self._parent is not None and now - self._looked > _PARENT:
            self._looked = now
            self._closing |= is_alive(self._parent) is False

    def _sort(self, request: Request) -> None:
        if request.kind == "preview":
            self._replace(self._previews.pop(_place(request), None))
            self._previews[_place(request)] = request
        elif request.kind == "rank":
            self._begin_ranking(request)
        elif request.kind in ("export", "pace"):
            self._jobs.append(request)
        elif request.kind == "cancel":
            self._cancel(str(request.options.get("request")))
        elif request.kind == "stop":
            self._closing = True
        else:
            sentence = "No run trains here that could be paused."
            self._refuse(request, sentence)

    def _cancel(self, wanted: str) -> None:
        for request in (*self._previews.values(), *self._jobs):
            if request.id == wanted:
                self._previews.pop(_place(request), None)
                self._jobs = deque(job for job in self._jobs if job != request)
                self._replace(request)
                return
        if self._ranking is not None and self._ranking[0].id == wanted:
            self._end_ranking()
        elif any(request.id == wanted for request in self._in_hand):
            self._left.add(wanted)

    def _replace(self, request: Request | None) -> None:
        if request is not None:
            self._write("cancelled", request=request.id)

    # -- work -------------------------------------------------------------------------

    def _do_next(self) -> bool:
        """Do the most urgent piece of work; whether there was any."""
        if self._previews:
            self._answer_previews()
        elif self._jobs:
            self._do(self._jobs.popleft())
        elif self._ranking is not None:
            self._rank_one(*self._ranking)
        else:
            return False
        if not (self._previews or self._jobs or self._ranking):
            self._work.rest()
        return True

    def _answer_previews(self) -> None:
        """The newest first: that is where somebody looks."""
        while self._previews and not self._is_closing():
            self._preview(self._previews.popitem()[1])

    def _preview(self, request: Request) -> None:
        def attend() -> None:
            self._attend_preview(request)

        self._try(request, "preview", lambda: self._work.preview(request, attend))

    def _do(self, request: Request) -> None:
        if request.kind == "export":

            def export() -> dict[str, Any]:
                return self._work.export(request, lambda f: self._tell(request, f))

            self._try(request, "exported", export)
        else:
            self._try(request, "pace", lambda: self._work.pace(request))

    def _begin_ranking(self, request: Request) -> None:
        self._end_ranking()
        images = self._work.ranking(request, lambda: self._attend(request))
        self._ranking = (request, images)

    def _end_ranking(self) -> None:
        """Leave the ranking under way, also in the middle of an image."""
        if self._ranking is None:
            return
        request, self._ranking = self._ranking[0], None
        self._replace(request)
        if request in self._in_hand:
            self._left.add(request.id)

    def _rank_one(self, request: Request, images: Iterator[dict[str, Any]]) -> None:
        """One image, so that other work need not wait for all of them."""
        last: dict[str, Any] = {}

        def following() -> dict[str, Any] | None:
            try:
                return next(images)
            except StopIteration as end:
                last.update(end.value or {})
                return None

        if not self._try(request, "ranked", following, ("ranked_all", last)):
            # Done, or failed: unless another ranking has taken its place.
            if self._ranking is not None and self._ranking[0] == request:
                self._ranking = None

    def _try(
        self,
        request: Request,
        answer: str,
        work: Callable[[], dict[str, Any] | None],
        end: tuple[str, dict[str, Any]] = ("", {}),
    ) -> bool:
        """Do a piece of work and write its answer; whether there is more of it."""
        self._in_hand.append(request)
        try:
            self._look_at_model()
            fields = work()
        except LeftError:
            if request.kind != "rank":  # Of that, it has been said.
                self._replace(request)
            return False
        except Exception as error:
            self._refuse(request, _sentence(error))
            return False
        finally:
            self._in_hand.remove(request)
            self._left.discard(request.id)
        if fields is None:
            self._write(end[0], request=request.id, **end[1])
            return False
        self._write(answer, request=request.id, **fields)
        return True

    # -- in the middle of work --------------------------------------------------------

    def _attend(self, request: Request) -> None:
        """Look for requests and answer previews; called while something goes on."""
        self._collect()
        if self._previews:
            self._answer_previews()
        self._check(request)

    def _attend_preview(self, request: Request) -> None:
        """As above, for a preview: a newer one of another place makes it needless."""
        self._collect()
        newer = self._previews.get(_place(request))
        there = (request.origin, request.size)
        if newer is not None and (newer.origin, newer.size) != there:
            raise LeftError
        self._check(request)

    def _check(self, request: Request) -> None:
        if self._is_closing() or request.id in self._left:
            raise LeftError

    def _tell(self, request: Request, fields: dict[str, Any]) -> None:
        self._attend(request)
        if self._clock() - self._told >= _TELLING:
            self._told = self._clock()
            self._write("exporting", request=request.id, **fields)

    # -- words ------------------------------------------------------------------------

    def _look_at_model(self) -> None:
        model = self._work.model()
        if model != self._model:
            self._model = model
            self._write("model", run=model)

    def _refuse(self, request: Request, sentence: str) -> None:
        self._write("refused", request=request.id, sentence=sentence)

    def _is_closing(self) -> bool:
        return self._closing or self._interruption.asked

    def _write(self, name: str, **fields: Any) -> Event:
        self._spoke = self._clock()
        return self._events.write(name, **fields)


def _place(request: Request) -> tuple[str, str]:
    """Whose view of which image is asked for."""
    return request.image_id, request.run


def _sentence(error: Exception) -> str:
    if isinstance(error, SemisegError):
        return str(error)
    if isinstance(error, MemoryError):
        return "The memory does not suffice: close other programs, or use less at once."
    if is_device_memory(error):
        return (
            "The memory of the GPU does not suffice: close other programs that use it, "
            "or choose the CPU."
        )
    _LOG.error("A request failed.", exc_info=error)
    return f"Something unexpected happened ({type(error).__name__}: {error})."
