"""Where the teacher looks: at what is on the screen, and again as it learns."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.runs.models import model_in_use
from napari_semiseg.runs.supervisor import request_preview
from napari_semiseg.viewer.canvas import camera_of, visible_part
from napari_semiseg.viewer.teacher.answer_files import open_answer
from napari_semiseg.viewer.teacher.questions import (
    Question,
    Questions,
    longest_side,
    middle,
    most_central_piece,
)
from napari_semiseg.viewer.teacher.teachers import Teacher

if TYPE_CHECKING:
    from pathlib import Path

    from napari_semiseg.project.records import ImageItem
    from napari_semiseg.runs.events import Event
    from napari_semiseg.runs.folder import RunFolder
    from napari_semiseg.viewer.desk import Desk

_STILL = 300  # Milliseconds that the camera must rest.
_AGAIN = 2.0  # Seconds at least between two looks at a place while a run trains,
_SHARE = 5.0  # and at least so many times as long as an answer took.


class Looking(QObject):
    """Asks for what the teacher sees wherever the user looks; one question at a time.

    A run that trains answers by itself, again and again; else the project's server
    answers with the model in use. What has been seen with the same model is not asked
    for twice.

    Attributes
    ----------
    model
        The run whose model is in use; None: there is none yet.
    teacher
        Who is asked: that model, or a run that trains.
    problem
        Why the last question was refused, a sentence; empty: it was not.
    """

    teacher_changed = Signal()
    """Somebody else is asked from now on."""
    changed = Signal()
    """A question was asked, answered or refused."""
    tuned = Signal(float, float)
    """By which thresholds objects are best cut out of the answer that comes next."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.session)
        self._desk = desk
        self.model: RunFolder | None = None
        self._questions = Questions()
        self._wanted: list[Box] = []
        self._deaf: set[tuple[str, str]] = set()  # Runs, and images they know not.
        self._lost = self._closed = False
        self._viewed: RunFolder | None = None  # Instead of who is to be asked.
        self._other_view = False  # Nothing of the next teacher's is shown yet.
        self.teacher: Teacher | None = None
        self.problem = ""
        self._timer, self._later = QTimer(self), QTimer(self)
        self._timer.setSingleShot(True)
        self._later.setSingleShot(True)
        for signal, slot in self._connections():
            signal.connect(slot)

    @property
    def waiting(self) -> bool:
        """Whether an answer is awaited."""
        return self._questions.waiting

    def visible(self) -> Box:
        """What is on the screen of the image in view; may be empty."""
        session = self._desk.session
        if session.item is None:
            return Box((0, 0), (0, 0))
        return visible_part(self._desk.viewer, session.placement, session.item.shape)

    def look(self) -> None:
        """Look at what is in view as soon as the camera rests."""
        self._timer.start(_STILL)

    def look_again(self) -> None:
        """Look once more, also at what has been seen, or refused, before."""
        self._questions.forget_seen()
        self._deaf.clear()
        self._lost = False
        self._choose_teacher()
        self.look()

    def view(self, run: RunFolder | None) -> None:
        """Ask the model of a run, whatever is in use or trains; None: as ever."""
        self._viewed = run
        if self._choose_teacher():
            self._other_view = True
            self.look()

    def close(self) -> None:
        """Ask nothing any more, and let go of the viewer."""
        if self._closed:
            return
        self._closed = True
        self._timer.stop()
        self._later.stop()
        for signal, slot in self._connections():
            signal.disconnect(slot)

    def _connections(self) -> list[tuple[Any, Any]]:
        desk = self._desk
        camera, session = camera_of(desk.viewer).events, desk.session
        return [
            (camera.center, self._on_camera),
            (camera.zoom, self._on_camera),
            (session.project_changed, self._on_project),
            (session.image_changed, self._on_image),
            (session.model_changed, self._on_model),
            (desk.server.answered, self._hear_server),
            (desk.server.lost, self._lose),
            (desk.training.changed, self._on_training),
            (desk.training.happened, self._hear_run),
            (desk.training.ended, self._on_model),
            (desk.teacher.window_changed, self._on_window),
            (desk.teacher.wanted, self._want),
            (self._timer.timeout, self._look),
            (self._later.timeout, self._renew),
        ]

    def _on_camera(self, _event: object = None) -> None:
        if self._desk.session.item is not None:
            self.look()

    def _on_project(self) -> None:
        self._questions.forget_awaited()
        self._viewed = None
        self._on_image()
        self._on_model()

    def _on_image(self) -> None:
        self._wanted.clear()
        self.problem = ""
        self._lost = False
        self._choose_teacher()
        self.look()

    def _on_window(self) -> None:
        self._questions.forget_seen()
        self.look()

    def _on_model(self, _run: object = None) -> None:
        project = self._desk.session.project
        self.model = None if project is None else model_in_use(project)
        self.look_again()

    def _on_training(self) -> None:
        if self._choose_teacher():
            self.look()

    def _want(self, box: Box) -> None:
        self._wanted.append(box)
        self._timer.start(0)

    def _choose_teacher(self) -> bool:
        """Find out who is to be asked; whether that has changed."""
        training, item = self._desk.training, self._desk.session.item
        run = training.active
        model = self._viewed or self.model
        chosen = None if model is None else Teacher(model, lives=False)
        if run is not None and self._viewed is None and training.view.answers:
            deaf = item is not None and (run.id, item.id) in self._deaf
            chosen = chosen if deaf and chosen else Teacher(run, lives=True)
        if chosen == self.teacher:
            return False
        self.teacher = chosen
        self._questions.forget_seen()  # The layers show another's view.
        self._questions.forget_runs(chosen)
        self.teacher_changed.emit()
        return True

    def _renew(self) -> None:
        """Look again at what the run has seen with earlier weights."""
        self._questions.forget_older(self._desk.training.view.step)
        self._look()

    def _look(self) -> None:
        """Ask for the most urgent place that has not been seen yet."""
        item, teacher = self._desk.session.item, self.teacher
        if item is None or teacher is None:
            return
        visible = self.visible()
        if not visible.empty:
            self._desk.teacher.look_elsewhere(visible)
        window = self._desk.teacher.window
        if window is None or self._lost:
            return
        self._questions.forget_silent(time.monotonic())
        training, server = self._desk.training, self._desk.server
        device = training.view.device if teacher.lives else server.default_device
        side = longest_side(device)
        # A model goes on piece by piece; a run shall train, and shows the middle only.
        view = middle(visible, side) if teacher.lives else visible
        for box in (*self._wanted, view):
            place = self._questions.unseen(item.id, teacher, box.intersection(window))
            if place.empty:
                self._wanted = [wanted for wanted in self._wanted if wanted != box]
                continue
            piece = most_central_piece(place, side)
            if not self._questions.is_worth_waiting(item.id, teacher, piece):
                self._ask(item, piece, teacher)
            return

    def _ask(self, item: ImageItem, box: Box, teacher: Teacher) -> None:
        request: str | None
        if teacher.lives:
            try:
                request = request_preview(teacher.run, item.id, box).id
            except (SemisegError, OSError) as error:
                self._refuse(str(error))
                return
        else:
            other = "" if teacher.run == self.model else teacher.run.id
            request = self._desk.server.ask_preview(item, box, other)
        if request is None:
            self._lost = True
            return
        step = self._desk.training.view.step if teacher.lives else None
        question = Question(item.id, box, teacher, step, time.monotonic())
        self._questions.put(request, question)
        self.changed.emit()

    def _hear_server(self, event: Event) -> None:
        if self._questions.awaits(event.get("request")):
            self._hear(event, self._desk.server.previews)

    def _hear_run(self, event: Event) -> None:
        if self._questions.awaits(event.get("request")):
            self._hear(event, None)
        elif event.get("event") == "step" and not self._later.isActive():
            self._later.start(int(1000 * _AGAIN))

    def _hear(self, event: Event, folder: Path | None) -> None:
        question = self._questions.take(event["request"])
        if event["event"] == "preview":
            self._take(question, event, folder or question.teacher.run.previews)
        elif event["event"] == "refused":
            self._turn_away(question, event["sentence"])
        self.changed.emit()
        if question.teacher.lives and not self._wanted:
            took = time.monotonic() - question.since
            self._later.start(int(1000 * max(_AGAIN, _SHARE * took)))
        else:
            self.look()  # The user may have moved on meanwhile.

    def _take(self, question: Question, event: Event, folder: Path) -> None:
        opened = open_answer(event, folder)
        if opened is None or question.teacher != self.teacher:
            return  # Of one who was left: its objects are not this teacher's.
        box, arrays = opened
        self.problem = ""
        self._questions.note_seen(question, box)
        item = self._desk.session.item
        if item is not None and item.id == question.image_id:
            if question.teacher.lives and event.get("thresholds"):
                self.tuned.emit(*event["thresholds"])
            alone, self._other_view = self._other_view, False
            self._desk.teacher.take_answer(item.id, box, *arrays, alone=alone)

    def _turn_away(self, question: Question, sentence: str) -> None:
        """Do not ask again; of a run that does not know the image, ask the model."""
        self._questions.note_seen(question, question.box)
        if question.teacher.lives and self.model is not None:
            self._deaf.add((question.teacher.run.id, question.image_id))
            if self._choose_teacher():
                return
        self._refuse(sentence)

    def _refuse(self, sentence: str) -> None:
        self._wanted.clear()
        if sentence != self.problem:
            self.problem = sentence
            self._desk.session.say(sentence, problem=True)

    def _lose(self, sentence: str) -> None:
        """Do not start a process anew that dies of the same question."""
        self._lost = True
        self._refuse(sentence)
        self.changed.emit()
