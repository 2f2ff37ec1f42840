"""Step 4: judge what the model finds, correct it, and go where it is unsure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFrame, QLabel, QWidget

from napari_semiseg.viewer.classes.class_table import ClassTable
from napari_semiseg.viewer.panels.first_help import FIRST_HELP
from napari_semiseg.viewer.panels.review_conflicts import ConflictRows
from napari_semiseg.viewer.panels.review_cutting import CuttingRows
from napari_semiseg.viewer.panels.review_objects import ObjectRows
from napari_semiseg.viewer.panels.review_pixels import PixelRows
from napari_semiseg.viewer.panels.review_progress import ReviewProgressBar
from napari_semiseg.viewer.panels.review_queue import QueueRows
from napari_semiseg.viewer.panels.review_rounds import RoundRows
from napari_semiseg.viewer.panels.review_sizes import SizeRows
from napari_semiseg.viewer.panels.review_verdict import VerdictRow
from napari_semiseg.viewer.widgets.buttons import allow, button, note
from napari_semiseg.viewer.widgets.panel import Panel

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtGui import QShowEvent

    from napari_semiseg.viewer.desk import Desk


class ReviewPanel(Panel):
    """Verdict, thresholds, objects to accept or reject, and the next image."""

    title: ClassVar[str] = "Review"
    about: ClassVar[str] = (
        "Look at what the model finds. Objects that you accept or correct are yours: "
        "the next training learns from them."
    )
    first_help: ClassVar[str] = FIRST_HELP["Review"]

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._seen = note()
        self.progress = ReviewProgressBar()
        self._add(self.progress, self._seen)
        self._add_thresholds()
        self._correct = cast("QLabel", self._heading("Correct objects")[-1])
        self.objects = ObjectRows(desk, self)
        self.conflicts = ConflictRows(desk)
        self._add(self.conflicts)
        self._heading("Where to look next")
        self.queue = QueueRows(desk, self.rows)
        self.sizes = SizeRows(desk)
        self._add(self.sizes)
        self._add_verdict()
        self.rounds = RoundRows(desk)
        self._add(self.rounds)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        for signal, slot in self._connections():
            signal.connect(slot)
        self.refresh()

    def fact(self) -> str:
        """How far the review is and which image is next, or what is missing."""
        session, reviewing = self._desk.session, self._desk.reviewing
        if session.project is None:
            return "no project yet"
        if self._desk.looking.teacher is None:
            return "no model yet"
        known, (done, total) = len(reviewing.ranking.queue), reviewing.ranking.progress
        if reviewing.ranking.busy:
            return f"{done} of {total} images looked at"
        following = reviewing.ranking.upcoming()
        progress = reviewing.book.progress
        if following is not None:
            name = session.project.image(following.image_id).name
            done_words = f"{progress.words}, " if progress else ""
            return f"{done_words}next: {name} ({following.reason})"
        if progress is not None and progress.reviewed:
            return progress.words
        if self._desk.looking.teacher.lives:
            return "the model that is being trained"
        return "all images seen" if known else "a model to look at"

    def showEvent(self, event: QShowEvent | None) -> None:
        """Show what came while nobody saw it."""
        super().showEvent(event)
        self.refresh()

    def refresh(self) -> None:
        """Show how things stand now."""
        self.progress.show_progress(self._desk.reviewing.book.progress)
        self._show_verdict()
        self._show_classes()
        self.cutting.refresh()
        self.pixels.refresh()
        self.objects.refresh()
        self.conflicts.refresh()
        self.queue.refresh()
        self.sizes.refresh()
        self.rounds.refresh()
        super().refresh()

    def close_panel(self) -> None:
        """Let go of the controllers."""
        self._soon.stop()
        self.objects.close()
        for signal, slot in self._connections():
            signal.disconnect(slot)

    def _connections(self) -> list[tuple[Any, Callable[..., object]]]:
        desk = self._desk
        return [
            (self._soon.timeout, self._follow),
            (desk.reviewing.changed, self._refresh_soon),
            (desk.rounds.changed, self._refresh_soon),
            (desk.looking.changed, self._refresh_soon),
            (desk.looking.teacher_changed, self._refresh_soon),
            (desk.training.changed, self._refresh_soon),
            (desk.teacher.changed, self._refresh_soon),
            (desk.teacher.window_changed, self._refresh_soon),
            (desk.session.project_changed, self._refresh_soon),
            (desk.session.image_changed, self._refresh_soon),
        ]

    def _refresh_soon(self, *_what: object) -> None:
        """Once for many changes: a training tells some of them a second."""
        if not self._soon.isActive():
            self._soon.start(100)

    def _follow(self) -> None:
        if self.isVisible():
            self.refresh()
        else:
            super().refresh()  # The line of fact.

    def _heading(self, text: str) -> list[QWidget]:
        line = QFrame()
        line.setFrameShape(QFrame.Shape.HLine)
        line.setFrameShadow(QFrame.Shadow.Sunken)
        label = QLabel(text)
        font = label.font()
        font.setBold(True)
        label.setFont(font)
        parts: list[QWidget] = [line, label] if self.rows.count() else [label]
        self._add(*parts)
        return parts

    def _add(self, *widgets: QWidget) -> None:
        for widget in widgets:
            self.rows.addWidget(widget)

    # -- verdict ----------------------------------------------------------------------

    def _add_verdict(self) -> None:
        self._heading("The last training")
        self._verdict = VerdictRow()
        self._retrain = button(
            "Train again",
            "Go on from the model in use with all labels and corrections, with the "
            "settings of step 3.",
            self._desk.training.start_again,
        )
        self._why_not_retrain = note()
        self._add(self._verdict, self._retrain, self._why_not_retrain)

    def _show_verdict(self) -> None:
        self._verdict.show_verdict(self._desk.reviewing.verdict)
        self._seen.setText(self._seen_words())
        self._seen.setVisible(bool(self._seen.text()))
        reason = self._desk.training.why_not()
        allow(self._retrain, reason)
        self._why_not_retrain.setText(reason or "")
        self._why_not_retrain.setVisible(reason is not None)

    def _seen_words(self) -> str:
        looking = self._desk.looking
        if looking.problem:
            return looking.problem
        if looking.teacher is None:
            return ""
        whose = "in training" if looking.teacher.lives else "in use"
        if (elsewhere := self._desk.rounds.book.elsewhere) is not None:
            whose = f"of round {elsewhere.number}"
        # One line in any case: nothing jumps.
        if looking.waiting:
            return f"The model {whose} looks at the image ..."
        return f"You see what the model {whose} finds."

    # -- thresholds -------------------------------------------------------------------

    def _add_thresholds(self) -> None:
        self.classes = ClassTable(self._desk.palette)
        self.classes.chosen.connect(self._desk.palette.paint_on_model)
        self._no_classes = note()
        self._of_classes = self._heading("What the model sees of each class")
        self._add(self.classes, self._no_classes)
        self.cutting = CuttingRows(self._desk)
        self.pixels = PixelRows(self._desk)
        self._add(self.cutting, self.pixels)

    def _show_classes(self) -> None:
        """Show what is seen of each class, in the place of how objects are cut out."""
        semantic = self._desk.palette.semantic
        for widget in self._of_classes:
            widget.setVisible(semantic)
        self._correct.setText("Correct classes" if semantic else "Correct objects")
        shares = self._desk.teacher.class_shares() if semantic else ()
        self.classes.fill(shares)
        self._no_classes.setVisible(semantic and not shares)
        self._no_classes.setText("It has not looked at this image yet.")
