"""The key Escape on the canvas, which napari gives to the layer that is selected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtGui import QKeyEvent

from napari_semiseg.viewer.canvas import canvas_widget

if TYPE_CHECKING:
    from napari.viewer import Viewer


class Escape(QObject):
    """Tells of the key before any layer gets it, as long as it listens."""

    pressed = Signal()

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer

    def listen(self, on: bool) -> None:
        """Begin, or leave the key to others again."""
        canvas = canvas_widget(self._viewer)
        if canvas is None:
            return
        canvas.removeEventFilter(self)
        if on:
            canvas.installEventFilter(self)

    def eventFilter(self, _watched: QObject | None, event: QEvent | None) -> bool:
        """Keep the key from the canvas."""
        meant = (
            isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.KeyPress
            and event.key() == Qt.Key.Key_Escape
        )
        if meant:
            self.pressed.emit()
        return meant
