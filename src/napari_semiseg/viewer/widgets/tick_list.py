"""A list whose entries can be ticked, all at once or one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from napari_semiseg.viewer.widgets.buttons import button, row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_HEIGHT = 130
_ID = Qt.ItemDataRole.UserRole


class TickList(QWidget):
    """Entries have an id and a text; the value is the ids of those ticked."""

    changed = Signal()

    def __init__(self, name: str, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._list = QListWidget()
        self._list.setFixedHeight(_HEIGHT)
        self._list.setToolTip(tip)
        self._list.setAccessibleName(name)
        self._list.itemChanged.connect(self._tell)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self._list)
        every = button("All", "Tick all of them.", lambda: self.tick(True))
        none = button("None", "Tick none of them.", lambda: self.tick(False))
        column.addWidget(row(every, none))

    def fill(self, entries: Sequence[tuple[str, str]]) -> None:
        """Replace the entries (id, text); those that stay keep their ticks."""
        ticked = set(self.value())
        self._list.blockSignals(True)
        self._list.clear()
        for name, text in entries:
            entry = QListWidgetItem(text)
            entry.setData(_ID, name)
            entry.setToolTip(text)
            entry.setCheckState(_state(name in ticked))
            self._list.addItem(entry)
        self._list.blockSignals(False)
        self.changed.emit()

    def value(self) -> tuple[str, ...]:
        """Ids of the entries that are ticked, in their order."""
        checked = Qt.CheckState.Checked
        return tuple(e.data(_ID) for e in self._entries() if e.checkState() == checked)

    def tick(self, on: bool, *names: str) -> None:
        """Tick entries, or not; no name: all of them."""
        for entry in self._entries():
            if not names or entry.data(_ID) in names:
                entry.setCheckState(_state(on))

    def _entries(self) -> Iterator[QListWidgetItem]:
        for number in range(self._list.count()):
            entry = self._list.item(number)
            if entry is not None:
                yield entry

    def _tell(self, _entry: QListWidgetItem) -> None:
        self.changed.emit()


def _state(on: bool) -> Qt.CheckState:
    return Qt.CheckState.Checked if on else Qt.CheckState.Unchecked
