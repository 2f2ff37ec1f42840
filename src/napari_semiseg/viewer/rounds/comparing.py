"""Telling two rounds apart: where, which two, and what came of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_semiseg.errors import SemisegError
from napari_semiseg.runs.chosen_thresholds import thresholds_in_force
from napari_semiseg.segmentation.watershed import Thresholds
from napari_semiseg.viewer.canvas import camera_of
from napari_semiseg.viewer.rounds.comparison import Comparison, compare
from napari_semiseg.viewer.rounds.sights import RoundSights
from napari_semiseg.viewer.teacher.questions import middle
from napari_semiseg.viewer.teacher.teacher_planes import Rules
from napari_semiseg.viewer.teacher.teachers import Teacher

if TYPE_CHECKING:
    from napari_semiseg.runs.rounds import Round
    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.rounds.round_book import RoundBook
    from napari_semiseg.viewer.rounds.sights import Sight
    from napari_semiseg.viewer.teacher.answer_work import Chosen

_TOPIC = "comparing rounds"
_STILL = 500  # Milliseconds that the view must rest.
_LARGEST = 2048  # Pixels a side; outlines of more would be slow.


class Comparing(QObject):
    """The round in view against another one, in what is on the screen.

    While it is on, it follows: the round in view, the image, and the part of it that is
    seen.

    Attributes
    ----------
    on
        Whether a comparison is wanted.
    result
        The last one; None: there is none yet of what is in view.
    problem
        Why there is none, a sentence; empty: none is known.
    """

    changed = Signal()

    def __init__(self, desk: Desk, book: RoundBook) -> None:
        super().__init__(desk.session)
        self._desk, self._book = desk, book
        self._sights = RoundSights(desk)
        self._against: str | None = None
        self._levels: Chosen | None = None
        self.on = False
        self.result: Comparison | None = None
        self.problem = ""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        for signal, slot in self._connections():
            signal.connect(slot)

    @property
    def other(self) -> Round | None:
        """The round that the one in view is compared with; None: there is none."""
        seen = self._book.in_view
        others = [one for one in self._book.rounds if one != seen]
        chosen = self._book.of_run(self._against)
        if chosen in others:
            return chosen
        earlier = [one for one in others if seen and one.number < seen.number]
        return next(reversed(earlier or others), None)

    @property
    def busy(self) -> bool:
        """Whether a model is looking at the image for it."""
        return self._sights.busy

    @property
    def progress(self) -> tuple[int, int]:
        """Pieces of the image that were looked at, and all of them."""
        return self._sights.progress

    def why_not(self) -> str | None:
        """Why nothing can be compared, a sentence; None: it can."""
        session = self._desk.session
        if session.project is None:
            return "Open a project first."
        if len(self._book.rounds) < 2:
            return "It takes two rounds: correct some objects, then train again."
        if session.item is None or self._desk.teacher.window is None:
            return "Choose an image in step 1 first."
        if self._book.in_view is None:
            return "Choose a round in the list: now you see the model in training."
        return None

    def set_on(self, on: bool) -> None:
        """Compare from now on, or no more."""
        if on != self.on:
            self.on = on
            self._begin()

    def compare_with(self, run: str) -> None:
        """Compare the round in view with that of another run."""
        if run != self._against:
            self._against = run
            self._begin()

    def close(self) -> None:
        """Compare nothing, and let go of the others."""
        self.set_on(False)
        self._sights.close()
        for signal, slot in self._connections():
            signal.disconnect(slot)

    def _connections(self) -> list[tuple[Any, Any]]:
        desk = self._desk
        camera = camera_of(desk.viewer).events
        return [
            (self._timer.timeout, self._look),
            (self._sights.ready, self._cut),
            (self._sights.progressed, self.changed),
            (self._sights.failed, self._complain),
            (self._book.changed, self._begin),
            (desk.session.image_changed, self._begin),
            (desk.session.project_changed, self._on_project),
            (desk.teacher.window_changed, self._begin),
            (desk.teacher.changed, self._look_soon),
            (camera.center, self._look_soon),
            (camera.zoom, self._look_soon),
        ]

    def _on_project(self) -> None:
        self._against = None
        self.set_on(False)

    def _begin(self) -> None:
        """Drop what was found; look again if that is wanted."""
        self._timer.stop()
        self._sights.cancel()
        self._desk.background.forget(_TOPIC)
        self.result, self.problem = None, ""
        self._look_soon()
        self.changed.emit()

    def _look_soon(self, _event: object = None) -> None:
        if self.on and not self._sights.busy:
            self._timer.start(_STILL)

    def _look(self) -> None:
        """Ask both models about what is on the screen, unless nothing is new."""
        item, window = self._desk.session.item, self._desk.teacher.window
        seen, other = self._book.in_view, self.other
        if not self.on or self.why_not() or item is None or window is None:
            return
        if seen is None or other is None:
            return
        place = middle(self._desk.looking.visible().intersection(window), _LARGEST)
        if place.empty:
            return
        known = self.result
        levels, before = self._desk.teacher.thresholds, self._levels
        if known is not None and known.box.contains(place):
            if levels == before:
                return
            place = known.box  # Only to be cut out otherwise.
        self._levels = levels
        pair = sorted((seen, other), key=lambda one: one.number)
        self._sights.look(item, place, [one.run for one in pair])
        self.changed.emit()

    def _cut(self, sights: tuple[Sight, Sight]) -> None:
        try:
            rules = {sight.run: self._rules_of(sight.run) for sight in sights}
        except (SemisegError, OSError) as error:
            self._complain(str(error))
            return
        self._desk.background.submit(
            partial(compare, *sights, rules), self._take, self._complain, topic=_TOPIC
        )

    def _rules_of(self, run: str) -> Rules:
        """By which the objects of a round are cut out now."""
        one, project = self._book.of_run(run), self._desk.session.opened
        if one is None:
            raise SemisegError("This round is gone: choose another one.")
        folder = self._book.folder_of(one)
        told = Teacher(folder, lives=False).rules()
        seen = self._book.in_view
        if seen is not None and seen.run == run:
            now = self._desk.teacher.thresholds  # Perhaps not saved yet.
            levels, min_size = Thresholds(now.foreground, now.seed), now.min_size
        else:
            kept = thresholds_in_force(project, folder)
            levels, min_size = Thresholds(kept.foreground, kept.seed), kept.min_size
        return Rules(
            thresholds=levels,
            min_size=min_size,
            form=told.form,
            boundary_mode=told.boundary,
            task=project.task,
        )

    def _take(self, found: Comparison) -> None:
        item = self._desk.session.item
        if self.on and item is not None and item.id == found.image_id:
            self.result = found
            self.changed.emit()

    def _complain(self, sentence: str) -> None:
        self.problem = sentence
        self.on = False
        self.result = None
        self.changed.emit()
