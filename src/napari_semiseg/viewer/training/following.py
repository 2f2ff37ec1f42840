"""One thread that reads what a run writes, and hands it on a few times a second."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_semiseg.errors import SemisegError
from napari_semiseg.runs import supervisor
from napari_semiseg.runs.status import status
from napari_semiseg.viewer.training.run_story import RunStory

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_semiseg.runs.events import Event
    from napari_semiseg.runs.folder import RunFolder
    from napari_semiseg.runs.supervisor import RunningProcess
    from napari_semiseg.viewer.training.run_view import RunView

    Tell = Callable[["Told"], None]

# Seconds between two words at least: each has the whole window drawn again.
_INTERVAL = 0.25


@dataclass(frozen=True, eq=False)
class Told:
    """What is new of a run.

    Attributes
    ----------
    by
        Who tells it; late words of somebody who was left are dropped.
    view
        The run as it stands; None when its folder cannot be read.
    events
        What has happened since the following began, one after the other.
    ended
        Whether this is the last word.
    problem
        Why the run cannot be followed, a sentence; empty: it can.
    """

    by: Following
    view: RunView | None
    events: tuple[Event, ...] = ()
    ended: bool = False
    problem: str = ""


class Following(threading.Thread):
    """Follows one run from its beginning to its end, or until it is left.

    Parameters
    ----------
    run
        Whoever started it.
    tell
        Called in this thread with each `Told`, four times a second at most.
    process
        Where this program started it; waited for, so that no zombie is left.
    living
        Whether it is going on; else only its end is told.
    """

    def __init__(
        self,
        run: RunFolder,
        tell: Tell,
        *,
        process: RunningProcess | None = None,
        living: bool = True,
    ) -> None:
        super().__init__(name="napari-semiseg-following", daemon=True)
        self.run_folder = run
        self.process = process
        self._tell = tell
        self._living = living
        self._left = threading.Event()
        self._since = time.time()
        self._told_at = 0.0
        self._fresh: list[Event] = []
        self._dirty = False

    def leave(self) -> None:
        """Say no more; the run itself goes on."""
        self._left.set()
        self._tell = _nothing  # Whoever listened must not be kept alive.

    def run(self) -> None:
        """Follow; called by `start`."""
        try:
            self._follow()
        except (SemisegError, OSError) as error:
            self._say(Told(self, None, ended=True, problem=str(error)))
        self._tell = _nothing
        if self.process is not None:
            self.process.wait()

    def _follow(self) -> None:
        run = self.run_folder
        story = RunStory(run.id, run.record())

        def wait(seconds: float) -> None:
            self._hand_on(story)
            self._left.wait(seconds)

        for event in supervisor.follow(
            run, process=self.process, should_stop=self._left.is_set, wait=wait
        ):
            story.take(event)
            self._dirty = True
            if event.get("event") in ("started", "resumed"):
                with contextlib.suppress(SemisegError):
                    story.know_device(run.record().device)
            if event.get("time", 0.0) >= self._since:
                self._fresh.append(event)
            self._hand_on(story)
        if not self._left.is_set():
            self._tell_end(story)

    def _hand_on(self, story: RunStory) -> None:
        now = time.monotonic()
        due = self._dirty and now - self._told_at >= _INTERVAL
        if not (due and self._living):
            return
        self._told_at, self._dirty = now, False
        events, self._fresh = tuple(self._fresh), []
        self._say(Told(self, story.view, events))

    def _tell_end(self, story: RunStory) -> None:
        run = self.run_folder
        resumable = run.checkpoint is not None
        story.end(status(run), run.record(), resumable=resumable)
        view = replace(story.view, seconds_left=None)
        self._say(Told(self, view, tuple(self._fresh), ended=True))

    def _say(self, told: Told) -> None:
        # The window may have been closed, and with it whoever listens.
        with contextlib.suppress(RuntimeError):
            self._tell(told)


def _nothing(told: Told) -> None:
    """Nobody listens any more."""


def stop_beside(
    run: RunFolder, process: RunningProcess | None, tell: Callable[[str], None]
) -> None:
    """Stop a run in a thread of its own, ending a deaf one.

    Parameters
    ----------
    process
        Where this program started it.
    tell
        Called in that thread with a sentence when the run does not answer.
    """

    def stop() -> None:
        # The window may have been closed, and with it whoever listens.
        with contextlib.suppress(RuntimeError):
            try:
                supervisor.stop(run, process=process, tell=tell)
            except (SemisegError, OSError) as error:
                tell(str(error))

    threading.Thread(target=stop, name="napari-semiseg-stopping", daemon=True).start()
