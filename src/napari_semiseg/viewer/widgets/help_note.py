"""Some sentences for who sees a step for the first time."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QToolButton, QWidget

from napari_semiseg.viewer.widgets.buttons import note


class HelpNote(QFrame):
    """Says what to do in a step, until it is dismissed."""

    dismissed = Signal()

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("help-note")
        # The colours of the theme; a line at the side tells it from what is said.
        self.setStyleSheet(
            "#help-note { border: 0; border-left: 3px solid palette(highlight); }"
        )
        self._words = note(text)
        self._words.setTextFormat(Qt.TextFormat.RichText)
        self._close = QToolButton()
        self._close.setText("x")
        self._close.setAutoRaise(True)
        self._close.setToolTip("I know this. The menu (≡) brings the help back.")
        self._close.setAccessibleName("Dismiss the help")
        self._close.clicked.connect(lambda checked=False: self.dismissed.emit())
        line = QHBoxLayout(self)
        line.setContentsMargins(6, 2, 0, 2)
        line.addWidget(self._words, 1)
        line.addWidget(self._close, 0, Qt.AlignmentFlag.AlignTop)
