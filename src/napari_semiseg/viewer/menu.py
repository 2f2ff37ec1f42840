"""The dock's menu: projects, their folder, and help."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QUrl
from qtpy.QtGui import QAction, QDesktopServices
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QPlainTextEdit,
    QVBoxLayout,
)

from napari_semiseg.demo import write_sample_images
from napari_semiseg.errors import SemisegError
from napari_semiseg.project.project import FILE_NAME, Project
from napari_semiseg.viewer.panels.images import ImagesPanel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_semiseg.project.records import Task
    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.dock import SemisegDock
    from napari_semiseg.viewer.widgets.header import Header

_HELP = "https://github.com/napari-semiseg/napari-semiseg#readme"
_SUFFIX = ".semiseg"


class Menu(QObject):
    """What the menu's entries do."""

    def __init__(self, desk: Desk, dock: SemisegDock) -> None:
        super().__init__(dock)
        self._desk = desk
        self._dock = dock

    def fill(self, header: Header) -> None:
        """Put the entries into the header's menu."""
        for text, tip, call in (
            ("New project ...", "Choose a new folder.", self.new_project),
            ("Open project ...", "Choose a project's folder.", self.choose_project),
            ("Close project", "Labels are saved.", self._desk.session.close),
        ):
            header.add_action(self._action(text, tip, call))
        header.add_separator()
        for text, tip, call in (
            ("Show the project's folder", "In the file browser.", self.show_folder),
            ("Check this computer ...", "Devices and versions.", self.check_computer),
            ("Explain each step again", "Above its controls.", self._dock.help_again),
            ("Help", "Opens the manual in the browser.", self.show_help),
        ):
            header.add_action(self._action(text, tip, call))

    def new_project(self) -> None:
        """Ask for a folder and make a project there, of what step 1 says.

        While a project is open, it is closed first: then step 1 asks what to find.
        """
        choice = self._images.choice
        self._dock.open_step("Images")
        if self._desk.session.project is not None:
            choice.clear()
            self._desk.session.close()
            self._desk.session.say("Choose what to find, then press New project.")
            return
        if (problem := choice.problem()) is not None:
            self._desk.session.say(problem, problem=True)
            return
        name, _ = QFileDialog.getSaveFileName(
            self._dock, "New project: name its folder", str(self._suggested())
        )
        if name:
            self.create(Path(name), choice.task, choice.classes)

    def create(
        self,
        folder: Path,
        task: Task = "instances",
        classes: Sequence[str] = ("object",),
    ) -> None:
        """Make a project in a folder; images that are open join it."""
        if (folder / FILE_NAME).exists():
            self._dock.open_project(folder)
            return
        try:
            self._desk.session.open(Project.create(folder, task, classes))
        except SemisegError as error:
            self._desk.session.say(str(error), problem=True)
            return
        adding = self._images.adding
        if layers := adding.open_layers():
            adding.add_layers(layers)

    @property
    def _images(self) -> ImagesPanel:
        panel = self._dock.panel("Images")
        assert isinstance(panel, ImagesPanel)
        return panel

    def choose_project(self) -> None:
        """Ask for the folder of a project and open it."""
        name = QFileDialog.getExistingDirectory(self._dock, "Folder of the project")
        if name:
            self._dock.open_project(name)

    def try_samples(self) -> None:
        """Ask for a folder, draw sample images into it, and make a project of them."""
        name, _ = QFileDialog.getSaveFileName(
            self._dock,
            "Sample images: name a folder for them",
            str(Path.home() / "nuclei-sample"),
        )
        if name:
            self.open_samples(Path(name))

    def open_samples(self, folder: Path) -> None:
        """Draw sample images into a folder and make a project of them."""
        place = folder / f"nuclei{_SUFFIX}"
        if (place / FILE_NAME).exists():
            self._dock.open_project(place)
            return

        def make() -> Project:
            images = write_sample_images(folder)
            project = Project.create(place)
            project.add_images([images])
            return project

        self._desk.background.submit(make, self._open_made)

    def show_folder(self) -> None:
        """Show the project's folder in the file browser."""
        project = self._desk.session.project
        if project is None:
            self._desk.session.say("No project is open.")
            return
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(project.folder)))

    def show_help(self) -> None:
        """Open the manual in the browser."""
        QDesktopServices.openUrl(QUrl(_HELP))

    def check_computer(self) -> None:
        """Look at devices, versions and weights, in a process of its own."""
        self._desk.session.say("Looking at this computer; it takes some seconds ...")
        self._desk.background.submit(_doctor, self._show_text, topic="doctor")

    def _open_made(self, project: Project) -> None:
        self._desk.session.open(project)

    def _show_text(self, text: str) -> None:
        dialog = QDialog(self._dock)
        dialog.setWindowTitle("This computer")
        view = QPlainTextEdit(text)
        view.setReadOnly(True)
        view.setMinimumSize(600, 320)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(dialog.reject)
        column = QVBoxLayout(dialog)
        column.addWidget(view)
        column.addWidget(buttons)
        dialog.open()

    def _suggested(self) -> Path:
        """Beside the first open image, or at home."""
        for layer in self._desk.viewer.layers:
            if layer.source.path:
                path = Path(layer.source.path)
                return path.with_name(f"{path.stem}{_SUFFIX}")
        return Path.home() / f"my-images{_SUFFIX}"

    def _action(self, text: str, tip: str, call: Callable[[], object]) -> QAction:
        action = QAction(text, self)
        action.setToolTip(tip)
        action.triggered.connect(lambda checked=False: call())
        return action


def _doctor() -> str:
    done = subprocess.run(
        [sys.executable, "-m", "napari_semiseg", "doctor"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.stdout + done.stderr
