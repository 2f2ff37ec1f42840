"""A short list of images, each with a reason to look at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QTreeWidget, QTreeWidgetItem, QWidget

if TYPE_CHECKING:
    from collections.abc import Iterable

_ROWS = 5  # Without scrolling; the user wants the first ones.
_ID = Qt.ItemDataRole.UserRole


class ReasonList(QTreeWidget):
    """Images by id with their reasons; a click chooses one.

    Parameters
    ----------
    heading
        Over the reasons.
    """

    chosen = Signal(str)

    def __init__(
        self, name: str, heading: str = "why", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._shown: list[tuple[str, ...]] = []
        self.setColumnCount(2)
        self.setHeaderLabels(["image", heading])
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        # A bar would hide a row; a reason that is cut off stands in its tool tip.
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setToolTip("Click an image to see it.")
        self.setAccessibleName(name)
        self.itemClicked.connect(self._choose)
        self.itemActivated.connect(self._choose)
        header = self.header()
        if header is not None:
            header.setStretchLastSection(False)
            header.setMinimumSectionSize(60)
            header.setSectionResizeMode(0, header.ResizeMode.Stretch)
            header.setSectionResizeMode(1, header.ResizeMode.ResizeToContents)

    def fill(self, images: Iterable[tuple[str, str, str, str]]) -> None:
        """Show other images: id, name, reason, and all that is known of each."""
        found: list[tuple[str, ...]] = list(images)
        self.setVisible(bool(found))
        if found == self._shown:
            return  # Else the list would scroll back under the user's hand.
        self._shown = found
        self.clear()
        for image_id, name, reason, about in found:
            entry = QTreeWidgetItem([name, reason])
            entry.setData(0, _ID, image_id)
            entry.setToolTip(0, f"{name}: {about}")
            entry.setToolTip(1, about)
            self.addTopLevelItem(entry)
        self.setFixedHeight(self._height())

    def _choose(self, entry: QTreeWidgetItem, _column: int = 0) -> None:
        self.chosen.emit(entry.data(0, _ID))

    def _height(self) -> int:
        """Of a list that shows its first rows."""
        header = self.header()
        head = 0 if header is None else header.sizeHint().height()
        rows = min(_ROWS, self.topLevelItemCount())
        return head + rows * self.sizeHintForRow(0) + 2 * self.frameWidth() + 2
