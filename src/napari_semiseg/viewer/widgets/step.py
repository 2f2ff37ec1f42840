"""One step of the dock: a line of fact when closed, its controls when open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_semiseg.viewer.widgets.help_note import HelpNote

if TYPE_CHECKING:
    from napari_semiseg.viewer.widgets.panel import Panel


class Step(QFrame):
    """A panel under a header that opens and closes it, with help above it.

    The help is there until it is dismissed.
    """

    toggled = Signal(bool)
    help_dismissed = Signal()

    def __init__(
        self, number: int, panel: Panel, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.panel = panel
        self._title = f"{number}  {panel.title}"
        self._arrow = QToolButton()
        self._arrow.setText(self._title)
        self._arrow.setCheckable(True)
        self._arrow.setAutoRaise(True)
        self._arrow.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._arrow.setArrowType(Qt.ArrowType.RightArrow)
        self._arrow.setToolTip(panel.about)
        self._arrow.setAccessibleName(panel.title)
        self._arrow.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._arrow.toggled.connect(self.set_open)
        self._fact = QElidingLabel("")
        self._fact.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._mark = QFrame()
        self._mark.setFixedWidth(4)
        self._help = HelpNote(panel.first_help)
        self._help.dismissed.connect(self._dismiss_help)
        self._helps = False
        self._lay_out()
        panel.fact_changed.connect(self._show_fact)
        self._show_fact(panel.fact())
        panel.setVisible(False)
        self._help.setVisible(False)

    @property
    def helps(self) -> bool:
        """Whether the help is shown as long as the step is open."""
        return self._helps

    def set_help(self, on: bool) -> None:
        """Show what to do above the controls, or no more."""
        self._helps = on and bool(self.panel.first_help)
        self._help.setVisible(self._helps and self.is_open)

    @property
    def is_open(self) -> bool:
        """Whether the controls are shown."""
        return self._arrow.isChecked()

    def set_open(self, is_open: bool) -> None:
        """Show or hide the controls."""
        if self._arrow.isChecked() != is_open:
            self._arrow.setChecked(is_open)  # Comes back here.
            return
        arrow = Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow
        self._arrow.setArrowType(arrow)
        self._help.setVisible(self._helps and is_open)
        self.panel.setVisible(is_open)
        self.toggled.emit(is_open)

    def set_next(self, is_next: bool) -> None:
        """Light the step up as the one to do next."""
        if self.property("next") == is_next:
            return  # Style sheets are slow to set.
        font = self._arrow.font()
        font.setBold(is_next)
        self._arrow.setFont(font)
        # The highlight of the theme, whichever it is.
        look = "background-color: palette(highlight); border-radius: 2px;"
        self._mark.setStyleSheet(look if is_next else "")
        self.setProperty("next", is_next)

    def _lay_out(self) -> None:
        header = QHBoxLayout()
        header.setContentsMargins(0, 0, 0, 0)
        header.setSpacing(6)
        header.addWidget(self._arrow)
        header.addWidget(self._fact, 1)
        column = QVBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(header)
        column.addWidget(self._help)
        column.addWidget(self.panel)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(4)
        whole.addWidget(self._mark)
        whole.addLayout(column, 1)

    def _dismiss_help(self) -> None:
        self.set_help(False)
        self.help_dismissed.emit()

    def _show_fact(self, fact: str) -> None:
        if fact == self._fact.toolTip():
            return  # Else the whole dock would be laid out again.
        self._fact.setText(fact)
        self._fact.setToolTip(fact)
