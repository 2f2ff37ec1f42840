"""A list of images, each with a word on how far it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

if TYPE_CHECKING:
    from collections.abc import Iterable

_HEIGHT = 150
_ID = Qt.ItemDataRole.UserRole


class ImageList(QTreeWidget):
    """Images by id; a click chooses one."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entries: dict[str, QTreeWidgetItem] = {}
        self.setColumnCount(2)
        self.setHeaderLabels(["image", "tiles"])
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setFixedHeight(_HEIGHT)
        self.setToolTip("Click an image to see it.")
        self.setAccessibleName("Images of the project")
        header = self.header()
        if header is not None:
            header.setStretchLastSection(False)
            header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
            header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.currentItemChanged.connect(self._on_current)

    def fill(self, images: Iterable[tuple[str, str, str, bool]]) -> None:
        """Show other images: id, name, tooltip, and whether each can be chosen."""
        self.blockSignals(True)
        self.clear()
        self._entries = {}
        for image_id, name, tip, present in images:
            entry = QTreeWidgetItem([name, ""])
            entry.setData(0, _ID, image_id)
            entry.setToolTip(0, tip)
            entry.setDisabled(not present)
            self._entries[image_id] = entry
        self.addTopLevelItems(list(self._entries.values()))
        self.blockSignals(False)

    def set_count(self, image_id: str, text: str, tip: str) -> None:
        """Say how far an image is."""
        if image_id in self._entries:
            self._entries[image_id].setText(1, text)
            self._entries[image_id].setToolTip(1, tip)

    def mark(self, image_id: str | None) -> None:
        """Mark the image in view; nothing is chosen by that."""
        self.blockSignals(True)
        self.setCurrentItem(self._entries.get(image_id or ""))
        self.blockSignals(False)

    def _on_current(self, entry: QTreeWidgetItem | None) -> None:
        if entry is not None:
            self.chosen.emit(entry.data(0, _ID))
