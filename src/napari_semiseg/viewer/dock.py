"""The dock: five steps from images to exported masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QApplication, QFrame, QScrollArea, QVBoxLayout, QWidget

from napari_semiseg.errors import SemisegError
from napari_semiseg.project.project import Project
from napari_semiseg.viewer.autosave import Autosave
from napari_semiseg.viewer.background import Background
from napari_semiseg.viewer.classes.palette import Palette
from napari_semiseg.viewer.desk import Desk
from napari_semiseg.viewer.exporting import Exporting
from napari_semiseg.viewer.images.image_view import ImageView
from napari_semiseg.viewer.keys import Keys
from napari_semiseg.viewer.labelling_minutes import LabellingMinutes
from napari_semiseg.viewer.menu import Menu
from napari_semiseg.viewer.panels.annotate import AnnotatePanel
from napari_semiseg.viewer.panels.export import ExportPanel
from napari_semiseg.viewer.panels.images import ImagesPanel
from napari_semiseg.viewer.panels.review import ReviewPanel
from napari_semiseg.viewer.panels.train import TrainPanel
from napari_semiseg.viewer.preferences import Preferences
from napari_semiseg.viewer.review.reviewing import Reviewing
from napari_semiseg.viewer.rounds.rounds import Rounds
from napari_semiseg.viewer.server import Server
from napari_semiseg.viewer.session import Session
from napari_semiseg.viewer.teacher.looking import Looking
from napari_semiseg.viewer.teacher.teacher_layers import TeacherLayers
from napari_semiseg.viewer.tiles.annotating import Annotating
from napari_semiseg.viewer.tiles.tiles_layer import TilesLayer
from napari_semiseg.viewer.tools.toolbox import Toolbox
from napari_semiseg.viewer.training.closing import ClosingQuestion
from napari_semiseg.viewer.training.training import Training
from napari_semiseg.viewer.widgets.header import Header, Lines
from napari_semiseg.viewer.widgets.step import Step

if TYPE_CHECKING:
    from pathlib import Path

    from napari.viewer import Viewer
    from qtpy.QtCore import QObject

    from napari_semiseg.viewer.widgets.panel import Panel

_WIDTH = 340
_ASKING = ("Train", "Review", "Export")  # Steps that ask the server.


def make_desk(viewer: Viewer, parent: QObject) -> Desk:
    """Make the session and one controller for each thing, in their order."""
    session = Session(parent)
    desk = Desk(viewer, session, Background(session), Autosave(session))
    desk.keys = Keys(desk)
    desk.images = ImageView(desk)
    desk.server = Server(desk)
    desk.tiles = TilesLayer(desk)
    desk.annotating = Annotating(desk)
    desk.training = Training(desk)
    desk.teacher = TeacherLayers(desk)
    desk.palette = Palette(desk)
    desk.looking = Looking(desk)
    desk.minutes = LabellingMinutes(desk)
    desk.reviewing = Reviewing(desk)
    desk.rounds = Rounds(desk)
    desk.tools = Toolbox(desk)
    desk.exporting = Exporting(desk)
    return desk


class SemisegDock(QWidget):
    """Semi-supervised segmentation in five steps.

    Parameters
    ----------
    napari_viewer
        The viewer the dock belongs to; napari finds it by this name.
    """

    # For events that arrive while the object is made or taken apart.
    _window: QWidget | None = None
    _closed = True

    # napari gives the viewer to a parameter of this very name.
    def __init__(self, napari_viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("napari-semiseg")
        self.desk = make_desk(napari_viewer, self)
        self.header = Header()
        self.lines = Lines()
        self.menu = Menu(self.desk, self)
        self.menu.fill(self.header)
        self.steps = [
            Step(number, panel) for number, panel in enumerate(self._panels(), start=1)
        ]
        self._preferences = Preferences()
        self._lay_out()
        self._connect()
        self._show_help()
        self._closing = ClosingQuestion(self.desk)
        self._closed = False
        # Not when it is shown first: a window may be closed that never was.
        self._window = napari_viewer.window._qt_window  # noqa: SLF001
        self._window.installEventFilter(self)
        self.steps[0].set_open(True)
        self._light()

    def open_project(self, folder: str | Path) -> None:
        """Open the project in a folder and show its first image."""
        try:
            self.desk.session.open(Project.open(folder))
        except SemisegError as error:
            self.desk.session.say(str(error), problem=True)

    def panel(self, title: str) -> Panel:
        """The panel of a step, by its title."""
        return next(s.panel for s in self.steps if s.panel.title == title)

    def open_step(self, title: str) -> None:
        """Open a step, and leave the others as they are."""
        next(s for s in self.steps if s.panel.title == title).set_open(True)

    def help_again(self) -> None:
        """Show what to do in each step, also where that was dismissed."""
        for step in self.steps:
            self._preferences.note_help(step.panel.title, read=False)
        self._show_help()

    def close_dock(self) -> None:
        """Save, end threads and let go of the viewer; a run that trains goes on."""
        if self._closed:
            return
        self._closed = True
        if self._window is not None:
            self._window.removeEventFilter(self)
        application = QApplication.instance()
        if application is not None:
            application.aboutToQuit.disconnect(self.close_dock)
        desk = self.desk
        desk.session.close()
        self._closing.close()
        for step in self.steps:
            step.panel.close_panel()
        for controller in (
            desk.exporting,
            desk.tools,
            desk.rounds,
            desk.reviewing,
            desk.minutes,
            desk.looking,
            desk.palette,
            desk.teacher,
            desk.training,
            desk.annotating,
            desk.tiles,
            desk.server,
            desk.images,
            desk.keys,
        ):
            controller.close()
        desk.autosave.close()
        desk.background.close()

    def event(self, event: QEvent | None) -> bool:
        """Follow the dock out of its window."""
        if event is None:
            return False
        left = event.type() == QEvent.Type.ParentChange and self.parent() is None
        if left and not self._closed:
            self.close_dock()  # The dock was closed by its cross.
        return super().event(event)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Save when napari's window closes; tear down once it is closed."""
        if event is not None and watched is self._window:
            if event.type() == QEvent.Type.Close:
                self.desk.session.leaving.emit()
                self.desk.autosave.flush()
                # Only a person's closing can still be called off.
                if not event.spontaneous():
                    self.close_dock()
            elif event.type() == QEvent.Type.Hide and not event.spontaneous():
                self.close_dock()
        return super().eventFilter(watched, event)

    def _panels(self) -> list[Panel]:
        desk, menu = self.desk, self.menu
        train = TrainPanel(desk)
        desk.reviewing.choosing.follow(train.setup)
        return [
            ImagesPanel(desk, menu.new_project, menu.choose_project, menu.try_samples),
            AnnotatePanel(desk),
            train,
            ReviewPanel(desk),
            ExportPanel(desk),
        ]

    def _lay_out(self) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        for step in self.steps:
            column.addWidget(step)
            line = QFrame()
            line.setFrameShape(QFrame.Shape.HLine)
            line.setFrameShadow(QFrame.Shadow.Sunken)
            column.addWidget(line)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(2, 2, 2, 2)
        whole.setSpacing(2)
        whole.addWidget(self.header)
        whole.addWidget(self.lines)
        whole.addWidget(scroll, 1)
        self.setMinimumWidth(_WIDTH)

    def _connect(self) -> None:
        desk = self.desk
        session = desk.session
        session.said.connect(self.lines.add)
        session.project_changed.connect(self._on_project)
        desk.background.problem.connect(self._on_problem)
        desk.autosave.saved.connect(self.header.show_saved)
        desk.autosave.failed.connect(self.header.show_unsaved)
        desk.autosave.failed.connect(self._on_problem)
        session.leaving.connect(desk.autosave.flush)
        for step in self.steps:
            step.panel.fact_changed.connect(self._light)
            step.help_dismissed.connect(self._note_help)
            if step.panel.title in _ASKING:
                step.toggled.connect(self._warm)
        application = QApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.close_dock)

    def _on_project(self) -> None:
        session = self.desk.session
        project = session.project
        self.header.show_project(
            "" if project is None else project.folder.name,
            "" if project is None else str(project.folder),
            read_only=session.read_only is not None,
        )
        if project is None:
            return
        if project.images and session.item is None:
            present = {item.id for item in project.missing()}
            first = next((i for i in project.images if i.id not in present), None)
            if first is not None:
                self.desk.images.show(first)
        if project.images:
            self.steps[0].set_open(False)
            self.open_step("Annotate")

    def _show_help(self) -> None:
        for step in self.steps:
            step.set_help(not self._preferences.has_read_help(step.panel.title))

    def _note_help(self) -> None:
        for step in self.steps:
            self._preferences.note_help(step.panel.title, read=not step.helps)

    def _warm(self, is_open: bool) -> None:
        """Start the server early: it takes some seconds until it answers."""
        if is_open:
            self.desk.server.warm()

    def _on_problem(self, sentence: str) -> None:
        self.desk.session.say(sentence, problem=True)

    def _light(self, _fact: str = "") -> None:
        """Light up the step to do next."""
        title = self._next_title()
        for step in self.steps:
            step.set_next(step.panel.title == title)

    def _next_title(self) -> str:
        session = self.desk.session
        project = session.project
        if project is None or not project.images:
            return "Images"
        if not self.desk.annotating.n_training_tiles:
            return "Annotate"
        if self.desk.training.active is not None or not self.desk.training.has_model:
            return "Train"
        return "Review"
