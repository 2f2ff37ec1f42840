"""How a run stands: headline, bar, buttons, curves and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QPlainTextEdit, QProgressBar, QVBoxLayout, QWidget

from napari_semiseg.viewer.training.run_words import (
    explanation,
    headline,
    place_words,
    progress_words,
)
from napari_semiseg.viewer.widgets.buttons import allow, button, note, row
from napari_semiseg.viewer.widgets.fold import Fold

if TYPE_CHECKING:
    from qtpy.QtGui import QShowEvent

    from napari_semiseg.viewer.training.run_view import RunView
    from napari_semiseg.viewer.widgets.curves import CurvesPlot

_LOG_HEIGHT = 140


class RunProgress(QWidget):
    """Shows one `RunView`; what is pressed is told by signals."""

    pause_asked = Signal()
    resume_asked = Signal()
    stop_asked = Signal()
    go_on_asked = Signal()
    log_opened = Signal(bool)
    report_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.headline = note()
        font = self.headline.font()
        font.setBold(True)
        self.headline.setFont(font)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(10)
        self.steps = note()
        self.pause = button(
            "Pause",
            "Pause after this step; the computer is free",
            self.pause_asked.emit,
        )
        self.resume = button("Resume", "Go on where it paused", self.resume_asked.emit)
        self.stop = button(
            "Stop", "Stop after this step, and keep the model", self.stop_asked.emit
        )
        self.go_on = button(
            "Resume", "Go on from the last checkpoint", self.go_on_asked.emit
        )
        self.open_log = button("Open log", "What the run has written", self._open_log)
        self.open_report = button(
            "Open report",
            "Open the report of this run in the browser: settings, curves, scores, "
            "examples.",
            self.report_asked.emit,
        )
        self.open_report.setVisible(False)
        self._living = row(self.pause, self.resume, self.stop)
        self._ended = row(self.open_log, self.go_on)
        self.why = note()
        self._view: RunView | None = None
        self._curves: CurvesPlot | None = None
        self._plot = QVBoxLayout()
        self.messages = note()
        self.log = QPlainTextEdit()
        self.log.setReadOnly(True)
        self.log.setFixedHeight(_LOG_HEIGHT)
        self.log.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._log_fold = Fold("log", self.log)
        self._log_fold.set_tip("What the run has written")
        self._log_fold.toggled.connect(self.log_opened)
        self._lay_out()

    @property
    def curves(self) -> CurvesPlot:
        """The plot; made when it is needed first, as its library is slow to import."""
        if self._curves is None:
            from napari_semiseg.viewer.widgets.curves import CurvesPlot

            self._curves = CurvesPlot()
            self._plot.addWidget(self._curves)
        return self._curves

    def show_run(
        self, view: RunView, why_not_resumed: str | None, comparison: str = ""
    ) -> None:
        """Show a run.

        Parameters
        ----------
        why_not_resumed
            Why one that has ended cannot go on.
        comparison
            What to compare the score of a finished one with.
        """
        self.headline.setText(headline(view))
        self._show_bar(view)
        self._show_buttons(view, why_not_resumed)
        judged = view.accepted is not None and not view.living
        words = [explanation(view), comparison if judged else ""]
        self._show_text(self.why, " ".join(part for part in words if part))
        self._view = view
        self._draw()
        self._show_text(self.messages, "\n".join(view.messages))

    def allow_report(self, there_is_one: bool) -> None:
        """Offer to open the report, or not."""
        self.open_report.setVisible(there_is_one)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Draw what came while nobody saw it."""
        super().showEvent(event)
        self._draw()

    def show_log(self, text: str) -> None:
        """Show what the run has written, its end in view."""
        if text != self.log.toPlainText():
            self.log.setPlainText(text)
            scroll = self.log.verticalScrollBar()
            if scroll is not None:
                scroll.setValue(scroll.maximum())

    @property
    def log_is_open(self) -> bool:
        """Whether the log is shown."""
        return self._log_fold.is_open

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for part in (
            self.headline,
            self.bar,
            self.steps,
            self._living,
            self.why,
            self._ended,
            self.open_report,
        ):
            column.addWidget(part)
        column.addLayout(self._plot)
        column.addWidget(self.messages)
        column.addWidget(self._log_fold)

    def _draw(self) -> None:
        view = self._view
        if view is not None and view.state != "none" and self.isVisible():
            self.curves.show_curves(view.curves, view.n_steps)
            self.curves.setVisible(view.curves.loss.steps.size > 1)

    def _show_bar(self, view: RunView) -> None:
        waiting = view.state in ("starting", "finishing")
        self.bar.setVisible(view.living)
        # Without a maximum the bar runs to and fro.
        self.bar.setRange(0, 0 if waiting or not view.n_steps else view.n_steps)
        self.bar.setValue(view.step or 0)
        parts = (progress_words(view), place_words(view))
        self._show_text(
            self.steps, " \N{MIDDLE DOT} ".join(part for part in parts if part)
        )

    def _show_buttons(self, view: RunView, why_not_resumed: str | None) -> None:
        self._living.setVisible(view.living)
        halted = view.state in ("paused", "resuming")
        self.pause.setVisible(not halted)
        self.resume.setVisible(halted)
        going = view.state in ("starting", "training")
        allow(self.pause, None if going else view.sentence)
        allow(self.resume, None if view.state == "paused" else view.sentence)
        leaving = view.state in ("stopping", "finishing")
        allow(self.stop, view.sentence if leaving else None)
        broken = view.state in ("failed", "died")
        self._ended.setVisible(broken or (view.state == "stopped" and view.resumable))
        self.open_log.setVisible(broken)
        allow(self.go_on, why_not_resumed)

    def _open_log(self) -> None:
        self._log_fold.set_open(True)

    @staticmethod
    def _show_text(label: QLabel, text: str) -> None:
        label.setText(text)
        label.setVisible(bool(text))
