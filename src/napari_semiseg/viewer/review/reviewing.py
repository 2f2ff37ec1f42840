"""Judging what the teacher sees: object by object, tile by tile, run by run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_semiseg.errors import SemisegError
from napari_semiseg.viewer.review.choosing import Choosing
from napari_semiseg.viewer.review.cutting import Cutting
from napari_semiseg.viewer.review.feedback import Feedback
from napari_semiseg.viewer.review.needs_work import NeedsWork
from napari_semiseg.viewer.review.object_tool import ObjectTool
from napari_semiseg.viewer.review.peeking import Peeking
from napari_semiseg.viewer.review.ranking import Ranking
from napari_semiseg.viewer.review.review_book import ReviewBook
from napari_semiseg.viewer.review.run_reports import RunReports
from napari_semiseg.viewer.review.tile_spot import SIDE, box_around
from napari_semiseg.viewer.review.verdicts import Verdict, last_verdict, verdict_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_semiseg.geometry import Box
    from napari_semiseg.project.reviews import ReviewState
    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.teacher.object_acts import Verb

# What a verdict on an object is noted as; given back, it is forgotten.
_STATES: dict[Verb, ReviewState | None] = {
    "accept": "accepted",
    "reject": "rejected",
    "give back": None,
}


class Reviewing(QObject):
    """What a person does with the teacher's objects.

    Attributes
    ----------
    cutting
        The thresholds by which objects are cut out.
    choosing
        Which pixels count in training.
    reports
        What the training of the model in use, or the one going on, told of the images.
    ranking
        Which image is most worth a look.
    feedback
        Says what was done last to an object.
    book
        Notes what was reviewed, and counts it.
    needs_work
        Marks places as tiles to label.
    tool
        Accepts or rejects objects by clicks in the image.
    peeking
        Hides layers, to see what is under them.
    verdict
        What became of the last training; None: nothing is known of one.
    """

    changed = Signal()
    """`verdict`, `cutting`, `ranking` or `tool` is another one."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.session)
        self._desk = desk
        self.cutting = Cutting(desk)
        self.choosing = Choosing(desk)
        self.reports = RunReports(desk)
        self.ranking = Ranking(desk, self.reports)
        self.feedback = Feedback(desk)
        self.book = ReviewBook(desk)
        self.needs_work = NeedsWork(desk, self.feedback)
        self.tool = ObjectTool(desk)
        self.peeking = Peeking(desk)
        self.verdict: Verdict | None = None
        self._closed = False
        for signal, slot in self._connections():
            signal.connect(slot)
        for name, act in self._actions().items():
            desk.keys.bind(name, act)
        desk.keys.bind("peek", self.peeking.peek, self.peeking.unpeek)

    def close(self) -> None:
        """Save thresholds, put the tool away, let go of the others."""
        if self._closed:
            return
        self._closed = True
        self.tool.close()
        self.peeking.unpeek()
        self.feedback.close()
        self.book.close()
        self.choosing.close()
        self.cutting.close()
        self.ranking.close()
        self.reports.close()
        for signal, slot in self._connections():
            signal.disconnect(slot)

    def _connections(self) -> list[tuple[Any, Callable[..., object]]]:
        desk = self._desk
        return [
            (self.cutting.changed, self._tell),
            (self.choosing.changed, self._tell),
            (self.ranking.changed, self._tell),
            (self.reports.changed, self._tell),
            (self.feedback.changed, self._tell),
            (self.book.changed, self._tell),
            (self.tool.changed, self._tell),
            (self.tool.clicked, self._click),
            (desk.session.project_changed, self._on_model),
            (desk.session.model_changed, self._on_model),
            (desk.training.ended, self._on_ended),
        ]

    def _actions(self) -> dict[str, Callable[[], object]]:
        return {
            "accept object": self.accept_object,
            "reject": self.reject_object,
            "accept tile": self.accept_tile,
            "needs work": self.needs_work.toggle,
            "give back": self.give_back_object,
            "next image": self.ranking.go_next,
            "teacher layers": self.peeking.toggle,
        }

    def why_not(self) -> str | None:
        """Why nothing can be corrected now, a sentence; None: it can."""
        session = self._desk.session
        if session.project is None:
            return "Open a project first."
        if session.read_only:
            return session.read_only
        if self._desk.looking.teacher is None:
            return "Train a model first: then its objects can be judged here."
        if session.item is None or not self._desk.teacher.ready:
            return "Choose an image in step 1 first."
        return None

    def accept_object(self, world: Sequence[float] | None = None) -> None:
        """Make the object under the cursor, or at a place in the world, the user's."""
        self._with_object(world, "accept", self._desk.teacher.accept)

    def reject_object(self, world: Sequence[float] | None = None) -> None:
        """Say that the object under the cursor, or at a place, is none."""
        self._with_object(world, "reject", self._desk.teacher.reject)

    def give_back_object(self, world: Sequence[float] | None = None) -> None:
        """Give the object under the cursor, or at a place, back to the teacher."""
        give_back = self._desk.teacher.give_back_objects
        self._with_object(world, "give back", give_back)

    def give_back_view(self) -> None:
        """Give all corrections in view back to the teacher."""
        if self._permitted():
            self._desk.teacher.give_back(self._desk.looking.visible())

    def give_back_image(self) -> None:
        """Give all corrections of the image in view back to the teacher."""
        if self._permitted():
            self._desk.teacher.give_back()

    def accept_tile(self) -> None:
        """Finish the tile in hand, else a new one around the cursor, as it is shown."""
        if not self._permitted():
            return
        session = self._desk.session
        try:
            tile = self._tile_here() if session.tile is None else session.tile
        except SemisegError as error:
            session.say(str(error), problem=True)
        else:
            self.feedback.await_tile(tile)
            self.book.await_tile(tile)
            self._desk.teacher.accept_tile(tile)

    def _with_object(
        self,
        world: Sequence[float] | None,
        verb: Verb,
        act: Callable[[list[int]], int],
    ) -> None:
        if not self._permitted():
            return
        place = self._desk.viewer.cursor.position if world is None else world
        number = self._desk.teacher.object_at(place)
        if number > 0:
            pixels = self.feedback.pixels_of(number)  # A rejected one is not seen.
            with self.book.judging():
                done = act([number])
            if done:
                self.feedback.note(verb, pixels)
                if pixels is not None:
                    self.book.note(pixels[0], _STATES[verb])
        else:
            self._desk.session.say("There is no object here: point at one.")

    def _click(self, clicking: str, world: Sequence[float]) -> None:
        if clicking == "accept":
            self.accept_object(world)
        else:
            self.reject_object(world)

    def _permitted(self) -> bool:
        reason = self.why_not()
        if reason is not None:
            self._desk.session.say(reason)
        return reason is None

    def _tile_here(self) -> Box:
        """A box around the cursor, of the size of the image's tiles, in the image."""
        session = self._desk.session
        if session.item is None:
            raise SemisegError("Choose an image in step 1 first.")
        shape, tiles = session.item.shape, session.annotations.tiles(session.item)
        size = tiles[-1].box.size if tiles else (SIDE,) * len(shape)
        centre = session.placement.to_pixel(self._desk.viewer.cursor.position)
        return box_around(centre, size, shape)

    def _tell(self) -> None:
        self.changed.emit()

    def _on_model(self) -> None:
        project = self._desk.session.project
        self.verdict = None if project is None else last_verdict(project.folder)
        self.changed.emit()

    def _on_ended(self, view: Any) -> None:
        if view.arm_of is not None:
            return  # It was never meant to be taken.
        found = verdict_of(view.accepted, view.verdict, view.tuned_on, view.scores)
        self.verdict = found or self.verdict
        self.changed.emit()
