"""A short list of rounds: score, what was labelled, and which one is in use."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

if TYPE_CHECKING:
    from collections.abc import Iterable

_ROWS = 4  # Without scrolling; the newest is at the top.
_ID = Qt.ItemDataRole.UserRole


class RoundRow(NamedTuple):
    """What is shown of a round; ``run`` tells it from others."""

    run: str
    name: str
    score: str
    labelled: str
    about: str
    in_use: bool


class RoundList(QTreeWidget):
    """Rounds; a click, or an arrow key, chooses one."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: list[RoundRow] = []
        self.setColumnCount(3)
        self.setHeaderLabels(["round", "score", "labelled"])
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setAllColumnsShowFocus(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setToolTip("Click a round to see what its model finds.")
        self.setAccessibleName("Rounds of the project")
        header = self.header()
        if header is not None:
            header.setStretchLastSection(True)
            header.setMinimumSectionSize(40)
            modes = QHeaderView.ResizeMode
            header.setSectionResizeMode(0, modes.ResizeToContents)
            header.setSectionResizeMode(1, modes.ResizeToContents)
            header.setSectionResizeMode(2, modes.Stretch)
        self.currentItemChanged.connect(self._on_current)

    def fill(self, rounds: Iterable[RoundRow]) -> None:
        """Show other rounds."""
        found = list(rounds)
        if found == self._shown:
            return  # Else the list would scroll back under the user's hand.
        self._shown = found
        self.blockSignals(True)
        self.clear()
        for one in found:
            entry = QTreeWidgetItem([one.name, one.score, one.labelled])
            entry.setData(0, _ID, one.run)
            font = entry.font(0)
            font.setBold(one.in_use)
            for column in range(3):
                entry.setToolTip(column, one.about)
                entry.setFont(column, font)
            self.addTopLevelItem(entry)
        self.setFixedHeight(self._height())
        self.blockSignals(False)

    def mark(self, run: str | None) -> None:
        """Mark the round in view; nothing is chosen by that."""
        entries = (self.topLevelItem(n) for n in range(self.topLevelItemCount()))
        of_run = (e for e in entries if e is not None and e.data(0, _ID) == run)
        entry = next(of_run, None)
        self.blockSignals(True)
        if entry is None:
            self.clearSelection()
            self.setCurrentItem(None)
        elif entry is not self.currentItem():
            self.setCurrentItem(entry)
        self.blockSignals(False)

    def _on_current(self, entry: QTreeWidgetItem | None, _before: object) -> None:
        if entry is not None:
            self.chosen.emit(entry.data(0, _ID))

    def _height(self) -> int:
        header = self.header()
        head = 0 if header is None else header.sizeHint().height()
        rows = min(_ROWS, self.topLevelItemCount())
        return head + rows * self.sizeHintForRow(0) + 2 * self.frameWidth() + 2
