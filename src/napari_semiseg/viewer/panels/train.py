"""The step that trains: what to do, how it goes, what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from qtpy.QtCore import QTimer

from napari_semiseg.viewer.panels.first_help import FIRST_HELP
from napari_semiseg.viewer.training.earlier_runs import (
    EarlierRuns,
    earlier_runs,
    title_of,
)
from napari_semiseg.viewer.training.pace import PaceBook
from napari_semiseg.viewer.training.reports import open_report, report_of
from napari_semiseg.viewer.training.run_words import short_words
from napari_semiseg.viewer.widgets.buttons import allow, button, note
from napari_semiseg.viewer.widgets.panel import Panel
from napari_semiseg.viewer.widgets.run_progress import RunProgress
from napari_semiseg.viewer.widgets.train_setup import TrainSetup

if TYPE_CHECKING:
    from pathlib import Path

    from qtpy.QtGui import QShowEvent
    from qtpy.QtWidgets import QWidget

    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.training.run_view import RunView

_MEANWHILE = (
    "Paint on meanwhile, or look at other images: their layers show what has been "
    "learned so far."
)
_LOG_BYTES = 20_000
_LOG_EVERY = 2000  # Milliseconds between two readings of a log that is open.


class TrainPanel(Panel):
    """Controls and progress of the training."""

    title: ClassVar[str] = "Train"
    about: ClassVar[str] = (
        "Learn from the labelled tiles, and from the images without labels. It goes on "
        "in the background: paint on meanwhile."
    )
    first_help: ClassVar[str] = FIRST_HELP["Train"]

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._fact = ""
        self._earlier = EarlierRuns()
        self._pace = PaceBook(desk)
        self.setup = TrainSetup()
        self.train = button("Train", "Start to learn from the labels", self._train)
        self.reason = note()
        self.progress = RunProgress()
        self._once_more = note("Train once more")
        self._once_more.setStyleSheet("font-weight: bold; padding-top: 6px;")
        # What came of the last run is read before another is set up.
        for part in (
            self.progress,
            self._once_more,
            self.setup,
            self.train,
            self.reason,
        ):
            self.rows.addWidget(part)
        self._log_timer = QTimer(self)
        self._log_timer.setInterval(_LOG_EVERY)
        self._log_timer.timeout.connect(self._read_log)
        self._connect()
        self._begin()

    def fact(self) -> str:
        """How the training stands."""
        training = self._desk.training
        view = training.view
        return short_words(view, title_of(view.method), training.why_not())

    def refresh(self) -> None:
        """Show how the training stands."""
        self._show()
        self.fact_changed.emit(self._fact)

    def close_panel(self) -> None:
        """Disconnect."""
        self._log_timer.stop()
        self._pace.close()
        desk = self._desk
        desk.training.changed.disconnect(self._on_change)
        desk.training.ended.disconnect(self._on_end)
        desk.session.project_changed.disconnect(self._begin)
        desk.session.model_changed.disconnect(self._look_for_models)
        desk.server.ready.disconnect(self._show_devices)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Measure the pace of a method that is new here, once it is looked at."""
        super().showEvent(event)
        self._measure()

    def _show(self) -> None:
        training = self._desk.training
        view, why_not = training.view, training.why_not()
        self.setup.setVisible(not view.living)
        self.train.setVisible(not view.living)
        allow(self.train, why_not)
        ground = training.ground
        if ground is not None:
            self.setup.show_ground(ground.validation, ground.folds)
        words = why_not or ("" if ground is None else ground.words)
        self.reason.setText(_MEANWHILE if view.living else words)
        self.progress.setVisible(view.state != "none")
        self._once_more.setVisible(view.state != "none" and not view.living)
        self.progress.show_run(
            view, training.why_not_resumed(), self._earlier.comparison
        )
        self.progress.allow_report(
            not view.living and report_of(training.run_folder) is not None
        )
        self._fact = self.fact()

    def _on_change(self) -> None:
        before = self._fact
        self._show()
        # A run changes ten times a second, its line of fact once in a while.
        if self._fact != before:
            self.fact_changed.emit(self._fact)

    def _connect(self) -> None:
        desk = self._desk
        desk.training.changed.connect(self._on_change)
        desk.training.ended.connect(self._on_end)
        desk.session.project_changed.connect(self._begin)
        desk.session.model_changed.connect(self._look_for_models)
        desk.server.ready.connect(self._show_devices)
        self._pace.changed.connect(self._show_pace)
        self.setup.valueChanged.connect(self._on_choice)
        self.progress.pause_asked.connect(desk.training.pause)
        self.progress.resume_asked.connect(desk.training.resume)
        self.progress.stop_asked.connect(desk.training.stop)
        self.progress.go_on_asked.connect(desk.training.resume_ended)
        self.progress.log_opened.connect(self._on_log)
        self.progress.report_asked.connect(self._open_report)

    def _begin(self) -> None:
        """Show what is remembered of a project."""
        self._earlier = EarlierRuns()
        self.setup.show_models([], has_model=False)
        self.setup.form.set_classes(self._regions())
        self.setup.setValue(self._desk.training.choice)
        self._show_devices()
        self._show_pace()
        self._look_for_models()
        self.refresh()

    def _train(self) -> None:
        choice = self.setup.value()
        self._desk.training.start(
            self.setup.settings,
            minutes=choice.minutes,
            device=choice.device,
            start=choice.start,
            compare=choice.compare,
            cross_validate=choice.cross_validate,
        )

    def _open_report(self) -> None:
        open_report(self._desk.session, self._desk.training.run_folder)

    def _regions(self) -> tuple[str, ...]:
        """What has sizes in this project: its classes, or objects of any class."""
        project = self._desk.session.project
        if project is None:
            return ()
        return project.classes if project.task == "semantic" else ("object",)

    def _on_choice(self) -> None:
        self._show_pace()
        self._measure()

    def _show_pace(self) -> None:
        method = self.setup.method.currentData()
        self.setup.show_pace(self._pace.seconds_per_step(method))

    def _measure(self) -> None:
        """Have the pace measured by a server that runs already, if that is possible."""
        idle = self._desk.training.why_not() is None
        if self.isVisible() and idle and self._desk.server.running:
            self._pace.measure(self.setup.value())

    def _show_devices(self) -> None:
        server = self._desk.server
        devices = [(device.name, device.words) for device in server.devices]
        self.setup.show_devices(devices, server.default_device)

    def _look_for_models(self) -> None:
        project = self._desk.session.project
        if project is not None:
            folder = project.folder
            self._desk.background.submit(
                lambda: earlier_runs(folder), self._know_earlier, topic="models"
            )

    def _know_earlier(self, earlier: EarlierRuns) -> None:
        self._earlier = earlier
        self.setup.show_models(earlier.models, has_model=earlier.has_model)
        self._show()

    def _on_end(self, _view: RunView) -> None:
        self._look_for_models()
        if self.progress.log_is_open:
            self._read_log()

    def _on_log(self, is_open: bool) -> None:
        if is_open:
            self._read_log()
            self._log_timer.start()
        else:
            self._log_timer.stop()

    def _read_log(self) -> None:
        run = self._desk.training.run_folder
        if run is not None:
            self._desk.background.submit(
                lambda: log_tail(run.log), self.progress.show_log, topic="log"
            )


def log_tail(path: Path) -> str:
    """The end of what a training process has said."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _LOG_BYTES))
            return file.read().decode(errors="replace").strip() or "Nothing yet."
    except OSError:
        return "Nothing yet."
