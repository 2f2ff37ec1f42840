"""How long people label: strokes, clicks and keys are counted, and kept by tile."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_semiseg.errors import SemisegError
from napari_semiseg.project.labelling_time import ActivityClock, LabellingTime
from napari_semiseg.viewer.own_layers import use_of
from napari_semiseg.viewer.teacher.layer_making import EDITABLE, NAMES
from napari_semiseg.viewer.tiles.annotation_layer import ANNOTATION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_semiseg.geometry import Box
    from napari_semiseg.project.project import Project
    from napari_semiseg.viewer.desk import Desk

    Place = tuple[str, Box | None]
    """The id of an image and a tile of it; None: elsewhere in it."""

_LOG = logging.getLogger(__name__)
_EVERY = 5000  # Milliseconds between two writes: what a crash may lose.
_HELD = 1000  # Milliseconds to wait for the end of a stroke.
_RESTING = "pan_zoom"  # The tool of a layer that is only looked at.
_PAINTED = {ANNOTATION, *(NAMES[plane] for plane in EDITABLE)}


class LabellingMinutes(QObject):
    """Counts the time in which somebody labels; the dock's writer of `LabellingTime`.

    Strokes, clicks with a tool and keys of the dock are acts. Nothing is written while
    the mouse is down, and time that cannot be written is written later: nobody is
    asked or told.

    Parameters
    ----------
    clock
        Monotonic seconds.

    Attributes
    ----------
    seconds
        Of the open project, for all images together; None: none were recorded yet.
    """

    changed = Signal()
    """`seconds` is another number."""

    def __init__(self, desk: Desk, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(desk.session)
        self._desk = desk
        self._now = clock
        self._clock = ActivityClock(clock=clock)
        self._place: Place | None = None
        self._due = _Due()
        self._held = False
        self.seconds: float | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        for signal, slot in self._connections():
            signal.connect(slot)
        desk.viewer.mouse_drag_callbacks.append(self._drag)

    def close(self) -> None:
        """Count no more, and let go of the viewer."""
        self._timer.stop()
        callbacks = self._desk.viewer.mouse_drag_callbacks
        if self._drag in callbacks:
            callbacks.remove(self._drag)
            for signal, slot in self._connections():
                signal.disconnect(slot)

    def _connections(self) -> list[tuple[Any, Callable[..., object]]]:
        desk = self._desk
        return [
            (self._timer.timeout, self._write_soon),
            (desk.annotating.edited, self._act_in_hand),
            (desk.keys.pressed, self._act_in_hand),
            (desk.session.corrected, self._on_corrected),
            (desk.session.leaving, self._leave),
            (desk.session.project_changed, self._on_project),
        ]

    def _act_in_hand(self, _key: str = "") -> None:
        self._act(self._desk.session.tile)

    def _on_corrected(self, _image_id: str, box: Box) -> None:
        tile = self._desk.session.tile
        self._act(tile if tile is not None and tile.contains(box) else None)

    def _act(self, box: Box | None) -> None:
        session = self._desk.session
        if session.item is None or not session.writable:
            return
        place = session.item.id, box
        if place != self._place:
            self._credit()
            self._place = place
        self._clock.act()
        if not self._timer.isActive():
            self._timer.start(_EVERY)

    def _drag(self, viewer: Any, event: Any) -> Iterator[None]:
        """Every movement of a stroke is an act: one may last for a minute."""
        use = self._tool()
        if use is None:
            return
        self._held = True
        try:
            self._click(use)
            yield
            while event.type == "mouse_move":
                self._click(use)
                yield
        finally:
            self._held = False
        self._click(use)

    def _click(self, use: str) -> None:
        self._act(self._desk.session.tile if use == ANNOTATION else None)

    def _tool(self) -> str | None:
        """What a click in the image would change; None: nothing, it moves the view."""
        active = self._desk.viewer.layers.selection.active
        use = None if active is None else use_of(active)
        if use in _PAINTED and getattr(active, "mode", _RESTING) != _RESTING:
            return use
        return None

    def _credit(self) -> None:
        """Count the time since the last call for the place that was worked on."""
        seconds = self._clock.take()
        if seconds and self._place is not None:
            self._due.add(self._place, seconds)
            self.seconds = (self.seconds or 0.0) + seconds
            self.changed.emit()

    def _write_soon(self) -> None:
        if self._held:
            self._timer.start(_HELD)
        else:
            self._mark()

    def _leave(self) -> None:
        self._timer.stop()
        self._mark()

    def _mark(self) -> None:
        self._credit()
        project = self._desk.session.project
        if project is not None and self._due:
            take = partial(self._due.copied, project)
            self._desk.autosave.mark(("minutes",), take)

    def _on_project(self) -> None:
        project = self._desk.session.project
        self._clock, self._place = ActivityClock(clock=self._now), None
        self._due, self.seconds = _Due(), None
        if project is None:
            self._desk.background.forget("minutes")
            return
        total = LabellingTime(project).total
        self._desk.background.submit(total, self._know, _LOG.warning, topic="minutes")

    def _know(self, before: float | None) -> None:
        """What was recorded before; some may have been counted meanwhile."""
        if before is not None:
            self.seconds = before + (self.seconds or 0.0)
        self.changed.emit()


class _Due:
    """Seconds of a project that are not on the disk; for two threads."""

    def __init__(self) -> None:
        self._seconds: defaultdict[Place, float] = defaultdict(float)
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._seconds)

    def add(self, place: Place, seconds: float) -> None:
        """Count time for a place."""
        with self._lock:
            self._seconds[place] += seconds

    def copied(self, project: Project) -> Callable[[], None]:
        """Take all of it; the function returned writes it, or puts it back."""
        with self._lock:
            taken = dict(self._seconds)
            self._seconds.clear()
        return partial(self._write, LabellingTime(project), project, taken)

    def _write(
        self, book: LabellingTime, project: Project, taken: dict[Place, float]
    ) -> None:
        for place, seconds in taken.items():
            try:
                book.add(project.image(place[0]), place[1], seconds)
            except (SemisegError, OSError) as error:
                _LOG.warning("The time of labelling is written later: %s", error)
                self.add(place, seconds)
