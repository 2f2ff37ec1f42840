"""What a new project is to find: single objects, or classes of pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QLineEdit, QVBoxLayout, QWidget

from napari_semiseg.errors import SemisegError
from napari_semiseg.project.records import class_names
from napari_semiseg.viewer.widgets.buttons import note
from napari_semiseg.viewer.widgets.wheel import guard_wheel

if TYPE_CHECKING:
    from napari_semiseg.project.records import Task

_TASKS: tuple[tuple[Task, str, str, str], ...] = (
    (
        "instances",
        "Single objects: cells, nuclei ...",
        "Every object gets a number of its own: it is counted and measured. Name "
        "several kinds of objects if there are some.",
        "kinds, if several: healthy, dead",
    ),
    (
        "semantic",
        "Classes of pixels: tissue, cytoplasm ...",
        "Every pixel belongs to one of your classes or to the background: areas are "
        "measured, nothing is counted. Name the classes.",
        "names: cytoplasm, nucleus",
    ),
)


class TaskChoice(QWidget):
    """A choice between tasks, and the names of the classes."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.tasks = QComboBox()
        self.tasks.addItems([words for _, words, _, _ in _TASKS])
        self.tasks.setToolTip("What the new project is to find in the images.")
        self.tasks.setAccessibleName("What to find")
        guard_wheel(self.tasks)
        self.names = QLineEdit()
        self.names.setToolTip(
            "Names of the classes with commas between them, without the background."
        )
        self.names.setAccessibleName("Names of the classes")
        self._about = note()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for widget in (self.tasks, self._about, self.names):
            column.addWidget(widget)
        self.tasks.currentIndexChanged.connect(self._show)
        self.names.textChanged.connect(self.changed)
        self._show()

    @property
    def task(self) -> Task:
        """``instances`` or ``semantic``."""
        return _TASKS[self.tasks.currentIndex()][0]

    @property
    def classes(self) -> tuple[str, ...]:
        """The names as they were typed.

        Raises
        ------
        SemisegError
            When they are not distinct names.
        """
        text = self.names.text().strip().strip(",")
        if not text and self.task == "instances":
            return ("object",)
        return class_names(text.split(","))

    def problem(self) -> str | None:
        """Why no project can be made of it, a sentence; None: one can."""
        if self.task == "semantic" and not self.names.text().strip():
            return "Name the classes first."
        try:
            self.classes  # noqa: B018
        except SemisegError as error:
            return str(error)
        return None

    def clear(self) -> None:
        """Begin anew, with single objects."""
        self.tasks.setCurrentIndex(0)
        self.names.clear()

    def _show(self) -> None:
        _, _, about, example = _TASKS[self.tasks.currentIndex()]
        self._about.setText(about)
        self.names.setPlaceholderText(example)
        self.changed.emit()
