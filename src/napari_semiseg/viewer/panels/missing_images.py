"""Says which images are not where they were, and searches for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from napari_semiseg.viewer.counted import counted
from napari_semiseg.viewer.widgets.buttons import button, note

if TYPE_CHECKING:
    from napari_semiseg.viewer.desk import Desk


class MissingImages(QWidget):
    """A sentence and a button, shown while images of the project are missing."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._words = note()
        find = button(
            "Find them ...",
            "Choose a folder; images that have moved there are known by their pixels.",
            self._choose,
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._words)
        column.addWidget(find)

    def refresh(self) -> None:
        """Show how things stand now."""
        project = self._desk.session.project
        lost = [] if project is None else project.missing()
        self.setVisible(bool(lost))
        if lost:
            self._words.setText(
                f"Not found where they were: {counted(len(lost), 'image')}, for "
                f"example {lost[0].path}. Labels are safe."
            )

    def search(self, folder: Path) -> None:
        """Search a folder and its subfolders for images that have moved."""
        project = self._desk.session.opened
        self._desk.background.submit(
            lambda: project.relocate(folder), self._relocated, topic="relocate"
        )

    def _choose(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Folder to search for images")
        if name:
            self.search(Path(name))

    def _relocated(self, count: int) -> None:
        words = (
            f"Found {counted(count, 'image')}."
            if count
            else "None of them is in there."
        )
        self._desk.session.say(words, problem=not count)
        self._desk.session.images_changed.emit()
