"""A line or rectangle over the canvas while the mouse drags it."""

from __future__ import annotations

from typing import Literal, TypeAlias

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QWidget

Form: TypeAlias = Literal["line", "box"]

_INSIDE = 40  # How much of the image a rectangle covers, of 255.


class Rubber(QWidget):
    """White with a dark edge, seen on any image; clicks go through it."""

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._canvas = canvas
        self._form: Form = "line"
        self._start, self._end = QPointF(), QPointF()
        self.hide()

    def stretch(
        self, form: Form, start: tuple[float, float], end: tuple[float, float]
    ) -> None:
        """Draw from one place on the canvas (y, x) to another."""
        self._form = form
        self._start = QPointF(start[1], start[0])
        self._end = QPointF(end[1], end[0])
        if self.isHidden():
            self.setGeometry(self._canvas.rect())
            self.show()
            self.raise_()
        self.update()

    def paintEvent(self, _event: object) -> None:
        """Draw it twice: a dark edge, and the line on it."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for colour, width in (("black", 3.5), ("white", 1.5)):
            painter.setPen(QPen(QColor(colour), width))
            if self._form == "line":
                painter.drawLine(self._start, self._end)
            else:
                painter.drawRect(QRectF(self._start, self._end).normalized())
        if self._form == "box":
            inside = QColor(255, 255, 255, _INSIDE)
            painter.fillRect(QRectF(self._start, self._end).normalized(), inside)
        painter.end()
