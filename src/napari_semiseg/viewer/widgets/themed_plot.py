"""A small plot with a legend below, in the colours of napari's theme."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyqtgraph as pg
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtGui import QPalette
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from qtpy.QtGui import QShowEvent


class ThemedPlot(QWidget):
    """A plot to look at, not to handle: the wheel scrolls the column it stands in.

    Parameters
    ----------
    name
        For people who do not see it.
    height
        Of the plot without its legend, pixels.
    """

    def __init__(self, name: str, height: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # A style sheet reaches the widgets inside after the change has been told.
        self._theme_timer = QTimer(self)
        self._theme_timer.setSingleShot(True)
        self._theme_timer.timeout.connect(self._take_theme)
        self._plot = pg.PlotWidget()
        self._plot.setFixedHeight(height)
        self._plot.setMinimumWidth(40)
        self._plot.setMouseEnabled(False, False)
        self._plot.setMenuEnabled(False)
        self._plot.hideButtons()
        self._plot.setAccessibleName(name)
        # The wheel belongs to the column that scrolls.
        self._plot.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._legend = QLabel()
        self._legend.setWordWrap(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._plot)
        column.addWidget(self._legend)

    def changeEvent(self, event: QEvent | None) -> None:
        """Follow the theme."""
        super().changeEvent(event)
        changes = (QEvent.Type.PaletteChange, QEvent.Type.StyleChange)
        if event is not None and event.type() in changes:
            self._theme_timer.start()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Take the theme that the plot is first seen in."""
        super().showEvent(event)
        self._take_theme()

    def _take_theme(self) -> None:
        palette = self._legend.palette()
        text = palette.color(QPalette.ColorRole.WindowText)
        self._plot.setBackground(palette.color(QPalette.ColorRole.Window))
        item = self._plot.getPlotItem()
        for side in ("left", "right", "bottom"):
            axis = item.getAxis(side)
            axis.setPen(text)
            axis.setTextPen(text)
            axis.setStyle(tickLength=-4, tickTextOffset=3)
