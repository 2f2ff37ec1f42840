"""The top of the dock: project, state of saving, menu, and lines to read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_semiseg.viewer.widgets.buttons import note

if TYPE_CHECKING:
    from qtpy.QtGui import QAction

_TICK = 1000  # Milliseconds between two looks at the clock.
_MOST_LINES = 3


def age_words(seconds: float) -> str:
    """How long ago, for a person."""
    if seconds < 2:
        return "just now"
    if seconds < 90:
        return f"{seconds:.0f} s ago"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min ago"
    return f"{seconds / 3600:.0f} h ago"


class Header(QWidget):
    """Shows the project's name and when its labels were saved last."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._saved_at: float | None = None
        self._unsaved = False
        self._read_only = False
        self._name = QElidingLabel("No project")
        self._name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._saving = QLabel("")
        self._saving.setToolTip(
            "Labels and corrections are saved by themselves within 2 seconds."
        )
        self._menu = QMenu(self)
        menu_button = QToolButton()
        menu_button.setText("≡")
        menu_button.setToolTip("Open or make projects, show the folder, get help.")
        menu_button.setAccessibleName("Menu")
        # The three lines say that it is a menu; the arrow would lie on top of them.
        menu_button.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu_button.setMenu(self._menu)
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 2, 2, 2)
        row.addWidget(self._name, 1)
        row.addWidget(self._saving)
        row.addWidget(menu_button)
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK)
        self._timer.timeout.connect(self._show_saving)
        self._timer.start()

    @property
    def words(self) -> str:
        """What is said of saving."""
        return self._saving.text()

    def add_action(self, action: QAction) -> None:
        """Add an entry to the menu."""
        self._menu.addAction(action)

    def add_separator(self) -> None:
        """Add a line to the menu."""
        self._menu.addSeparator()

    def show_project(self, name: str, folder: str, *, read_only: bool) -> None:
        """Show which project is open; an empty name: none."""
        self._name.setText(name or "No project")
        self._name.setToolTip(folder)
        self._read_only = read_only
        self._saved_at = None
        self._unsaved = False
        self._show_saving()

    def show_saved(self, at: float) -> None:
        """Show that something was saved at this time, seconds since 1970."""
        self._saved_at, self._unsaved = at, False
        self._show_saving()

    def show_unsaved(self, _sentence: str = "") -> None:
        """Show that something could not be saved."""
        self._unsaved = True
        self._show_saving()

    def _show_saving(self) -> None:
        if self._read_only:
            text = "read-only"
        elif self._unsaved:
            text = "NOT SAVED"
        elif self._saved_at is None:
            text = ""
        else:
            text = f"saved {age_words(time.time() - self._saved_at)}"
        self._saving.setText(text)


class Lines(QWidget):
    """What the user should know: a few lines that stay until they are read."""

    emptied = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(4, 0, 4, 0)
        self._column.setSpacing(2)
        self._lines: list[QFrame] = []
        self._texts: list[str] = []
        self.setVisible(False)

    @property
    def texts(self) -> tuple[str, ...]:
        """The lines that are shown, the newest last."""
        return tuple(self._texts)

    def add(self, text: str, problem: bool = False) -> None:
        """Show a line; the same one is not shown twice, old ones make room."""
        if text in self._texts:
            self._drop(self._texts.index(text))
        while len(self._texts) >= _MOST_LINES:
            self._drop(0)
        frame = QFrame()
        frame.setFrameShape(QFrame.Shape.StyledPanel)
        row = QHBoxLayout(frame)
        row.setContentsMargins(6, 3, 3, 3)
        label = note(f"{'⚠ ' if problem else ''}{text}")
        row.addWidget(label, 1)
        close = QToolButton()
        close.setText("x")
        close.setAutoRaise(True)
        close.setToolTip("I have read this.")
        close.setAccessibleName("Dismiss")
        close.clicked.connect(lambda checked=False: self._read(frame))
        row.addWidget(close)
        self._column.addWidget(frame)
        self._lines.append(frame)
        self._texts.append(text)
        self.setVisible(True)

    def clear(self) -> None:
        """Take all lines away."""
        while self._texts:
            self._drop(0)

    def _read(self, frame: QFrame) -> None:
        if frame in self._lines:
            self._drop(self._lines.index(frame))
        if not self._texts:
            self.emptied.emit()

    def _drop(self, index: int) -> None:
        frame = self._lines.pop(index)
        self._texts.pop(index)
        self._column.removeWidget(frame)
        frame.hide()
        frame.deleteLater()
        self.setVisible(bool(self._texts))
