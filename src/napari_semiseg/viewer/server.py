"""The project's server as the dock sees it: questions go out, signals come back."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_semiseg.errors import SemisegError
from napari_semiseg.runs import asking
from napari_semiseg.runs.serving import follow_server, start_server

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from napari_semiseg.geometry import Box
    from napari_semiseg.learning.settings import Settings
    from napari_semiseg.project.records import ImageItem
    from napari_semiseg.runs.control import Request
    from napari_semiseg.runs.events import Event
    from napari_semiseg.runs.server_folder import ServerFolder
    from napari_semiseg.runs.serving import RunningServer
    from napari_semiseg.viewer.desk import Desk


@dataclass(frozen=True)
class KnownDevice:
    """Where a model can be trained and used on this computer.

    Attributes
    ----------
    name
        As options want it: ``cpu``, ``cuda:0``.
    kind
        ``cpu``, ``cuda`` or ``mps``.
    words
        For people.
    free_bytes, total_bytes
        Its memory; None: not known.
    """

    name: str
    kind: str
    words: str
    free_bytes: int | None = None
    total_bytes: int | None = None


class Server(QObject):
    """Asks the process that predicts, ranks, exports and measures for this project.

    It is started at the first question, or by `warm`, and ends with the project. One
    that died is started again at the next question. Every ``ask_...`` returns the id of
    its request, which the answering events name as ``request``; None when nothing could
    be asked, which has been said then. What fails is answered too, by an event
    ``refused`` with a ``sentence``, or ``cancelled``, on the signal of its kind; events
    are listed in :mod:`napari_semiseg.runs.serving`.

    Attributes
    ----------
    devices
        Empty until it is `ready`.
    default_device
        Name of the one that is taken when nobody chooses; None until then.
    """

    ready = Signal()
    """Devices are known."""
    answered = Signal(object)
    """``preview``, ``refused`` or ``cancelled``: of a preview."""
    ranked = Signal(object)
    """``ranked`` for each image, ``ranked_all``, ``refused``, ``cancelled``."""
    export_event = Signal(object)
    """``exporting``, ``exported``, ``refused``, ``cancelled``."""
    paced = Signal(object)
    """``pace``, ``refused``, ``cancelled``."""
    lost = Signal(str)
    """The process died; what was asked of it will not be answered."""
    _arrived = Signal(object, object)

    def __init__(
        self,
        desk: Desk,
        start: Callable[[Path], RunningServer] = start_server,
    ) -> None:
        super().__init__(desk.session)
        self._desk = desk
        self._start = start
        self._running: RunningServer | None = None
        self._leaving: list[threading.Thread] = []
        self._signals: dict[str, Any] = {}  # Of the requests that await an answer.
        self._given_up = threading.Event()
        self._closed = False
        self.devices: tuple[KnownDevice, ...] = ()
        self.default_device: str | None = None
        self._arrived.connect(self._take)
        desk.session.project_changed.connect(self.stop)

    @property
    def running(self) -> bool:
        """Whether a process serves, or is starting."""
        return self._running is not None

    @property
    def previews(self) -> Path | None:
        """Folder that the files of a ``preview`` event lie in."""
        return None if self._running is None else self._running.folder.previews

    def warm(self) -> None:
        """Start it, so that the first answer comes soon; nothing without a project."""
        if self._desk.session.project is not None:
            self._folder()

    def ask_preview(self, item: ImageItem, box: Box, run: str = "") -> str | None:
        """Ask how the model in use, or that of a run, sees a box, for `answered`."""
        return self._ask(
            self.answered, lambda f: asking.request_preview(f, item.id, box, run=run)
        )

    def ask_rank(self, images: Sequence[str] | None = None) -> str | None:
        """Ask how sure the model is of images (ids; None: all), for `ranked`."""
        return self._ask(self.ranked, lambda f: asking.request_ranking(f, images))

    def ask_export(self, output: Path, **options: Any) -> str | None:
        """Ask for files; options as of `runs.asking.request_export`."""
        return self._ask(
            self.export_event, lambda f: asking.request_export(f, output, **options)
        )

    def ask_pace(self, settings: Settings, **options: Any) -> str | None:
        """Ask what a step costs; options as of `runs.asking.request_pace`."""
        return self._ask(
            self.paced, lambda f: asking.request_pace(f, settings, **options)
        )

    def cancel(self, request: str) -> None:
        """Leave what was asked; nothing when it has been answered."""
        if self._running is None or request not in self._signals:
            return
        with contextlib.suppress(SemisegError, OSError):
            asking.request_cancel(self._running.folder, request)

    def stop(self) -> None:
        """End the process, without waiting for it; the next question starts another."""
        running, self._running = self._running, None
        if running is None:
            return
        self._given_up.set()
        # Another event for the next process: this one's thread has yet to read it.
        self._given_up = threading.Event()
        self._leave_unanswered()
        # It may be in the middle of a prediction, and takes a second or two to end. If
        # this process leaves before that, it sees so and ends by itself.
        thread = threading.Thread(
            target=running.stop, name="napari-semiseg-leaving", daemon=True
        )
        thread.start()
        self._leaving = [*filter(threading.Thread.is_alive, self._leaving), thread]

    def close(self) -> None:
        """End the process, and answer nothing any more."""
        if self._closed:
            return
        self._closed = True
        self._desk.session.project_changed.disconnect(self.stop)
        self.stop()

    def wait_ended(self, seconds: float) -> bool:
        """Wait for processes that were told to end; whether they have."""
        end = time.monotonic() + seconds
        for thread in self._leaving:
            thread.join(max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in self._leaving)

    def _ask(self, signal: Any, ask: Callable[[ServerFolder], Request]) -> str | None:
        folder = self._folder()
        if folder is None:
            return None
        try:
            request = ask(folder)
        except (SemisegError, OSError) as error:
            self._desk.session.say(str(error), problem=True)
            return None
        self._signals[request.id] = signal
        return request.id

    def _folder(self) -> ServerFolder | None:
        """Of the process that serves, which is started when there is none."""
        if self._running is None and not self._closed:
            try:
                self._running = self._start(self._desk.session.opened.folder)
            except (SemisegError, OSError) as error:
                self._desk.session.say(str(error), problem=True)
                return None
            threading.Thread(
                target=self._follow,
                args=(self._running, self._given_up),
                name="napari-semiseg-server",
                daemon=True,
            ).start()
        return None if self._running is None else self._running.folder

    def _follow(self, running: RunningServer, given_up: threading.Event) -> None:
        def wait(seconds: float) -> None:
            given_up.wait(seconds)

        # The window may have been closed, and this object with it.
        with contextlib.suppress(RuntimeError):
            for event in follow_server(running, given_up.is_set, wait=wait):
                self._arrived.emit(running, event)

    def _take(self, running: RunningServer, event: Event) -> None:
        if running is not self._running:
            return  # Late words of one that was left.
        name, request = event.get("event"), event.get("request")
        if name == "ready":
            self.devices = tuple(KnownDevice(**one) for one in event["devices"])
            self.default_device = event["default_device"]
            self.ready.emit()
        elif name in ("lost", "closed"):
            self._lose(event)
        elif request in self._signals:
            signal = self._signals[request]
            if name not in ("ranked", "exporting"):  # These are followed by more.
                del self._signals[request]
            signal.emit(event)

    def _lose(self, event: Event) -> None:
        self._running = None
        self._leave_unanswered()
        sentence = event.get("sentence") or (
            "The program that predicts in the background was ended."
        )
        self.lost.emit(sentence)

    def _leave_unanswered(self) -> None:
        """Nobody shall wait for an answer that does not come."""
        unanswered, self._signals = self._signals, {}
        for request, signal in unanswered.items():
            signal.emit({"event": "cancelled", "request": request})
