"""What the five steps of the dock have in common."""

from __future__ import annotations

from typing import ClassVar

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget


class Panel(QWidget):
    """The controls of one step; its fact is what is shown while the step is closed."""

    title: ClassVar[str]
    about: ClassVar[str] = ""
    """What the step is for, in a sentence or two."""
    first_help: ClassVar[str] = ""
    """What to do in it, for who sees it for the first time; rich text."""

    fact_changed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = QVBoxLayout(self)
        self.rows.setContentsMargins(4, 2, 4, 6)
        self.rows.setSpacing(4)

    def fact(self) -> str:
        """How the step stands, in one line."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Show how things stand now."""
        self.fact_changed.emit(self.fact())

    def close_panel(self) -> None:
        """Let go of everything that outlives the panel."""
