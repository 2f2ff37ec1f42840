"""A strip of small pictures that wraps; one of them is current."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QImage, QPainter, QPen, QPixmap
from qtpy.QtWidgets import QListView, QListWidget, QListWidgetItem, QSizePolicy

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import numpy as np
    from numpy.typing import NDArray

_CELL = 56  # Pixels a side.
_EDGE = 4
_CORNER = 16  # Pixels a side of the corner with the mark.
_ROWS = 3  # Rows shown; the rest is scrolled to.
_KEY = Qt.ItemDataRole.UserRole
_GREY = "#808080"


@dataclass(frozen=True)
class StripEntry:
    """One picture: what it stands for, and how it is marked.

    Attributes
    ----------
    key
        What it stands for.
    colour
        Of its border, e.g. ``#34c759``.
    mark
        One letter or sign in its corner: colours alone are not for every eye.
    tip
        What it is, in words.
    """

    key: Hashable
    colour: str
    mark: str
    tip: str


class Strip(QListWidget):
    """Small pictures to choose from, by mouse or by arrow keys."""

    chosen = Signal(object)
    """The key of the entry that was clicked, or reached and entered by keyboard."""

    def __init__(self) -> None:
        super().__init__()
        self._pictures: dict[Hashable, NDArray[np.uint8]] = {}
        self._entries: list[StripEntry] = []
        self._current: Hashable | None = None
        # The current one is marked in its picture; the theme would tint a selection.
        self.setSelectionMode(QListView.SelectionMode.NoSelection)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setIconSize(QSize(_CELL, _CELL))
        self.setGridSize(QSize(_CELL + 2, _CELL + 2))
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Tiles")
        self.itemClicked.connect(self._choose)
        self.itemActivated.connect(self._choose)
        self._fit()

    @property
    def entries(self) -> list[StripEntry]:
        """What is shown."""
        return list(self._entries)

    def set_entries(self, entries: Sequence[StripEntry]) -> None:
        """Show these, with the pictures that are known already."""
        if self._entries == list(entries):
            return
        self._entries = list(entries)
        keys = {entry.key for entry in entries}
        self._pictures = {k: one for k, one in self._pictures.items() if k in keys}
        self.clear()
        for entry in entries:
            item = QListWidgetItem(self._icon(entry), "")
            item.setData(_KEY, _Key(entry.key))
            item.setToolTip(entry.tip)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, entry.tip)
            self.addItem(item)
        self._fit()

    def set_picture(self, key: Hashable, picture: NDArray[np.uint8]) -> None:
        """Show a picture, uint8 ``(h, w, 3)``, for an entry."""
        self._pictures[key] = picture
        for row, entry in enumerate(self._entries):
            if entry.key == key:
                self._paint(row)

    def current_key(self) -> Hashable | None:
        """The key of the entry that is marked as current."""
        return self._current

    def set_current(self, key: Hashable | None) -> None:
        """Mark an entry as current, and scroll to it; None: none."""
        if key == self._current:
            return
        before, self._current = self._current, key
        for row, entry in enumerate(self._entries):
            if entry.key in (before, key):
                self._paint(row)
            if entry.key == key:
                self.setCurrentRow(row)
                self.scrollToItem(self.item(row))

    def resizeEvent(self, event: Any) -> None:
        """Show as many rows as there are, up to a few."""
        super().resizeEvent(event)
        self._fit()

    def _choose(self, item: QListWidgetItem) -> None:
        self.chosen.emit(item.data(_KEY).value)

    def _fit(self) -> None:
        """As high as its rows, up to a few."""
        cell = self.gridSize().height()
        rows = 1
        if self.count():
            last = self.visualItemRect(self.item(self.count() - 1))
            rows = (last.top() + self.verticalOffset()) // cell + 1
        height = min(rows, _ROWS) * cell + 2 * self.frameWidth() + 2
        if self.height() != height:
            self.setFixedHeight(height)

    def _paint(self, row: int) -> None:
        item = self.item(row)
        if item is not None:
            item.setIcon(self._icon(self._entries[row]))

    def _icon(self, entry: StripEntry) -> QIcon:
        pixmap = QPixmap(_CELL, _CELL)
        pixmap.fill(QColor(_GREY))
        painter = QPainter(pixmap)
        picture = self._pictures.get(entry.key)
        if picture is not None:
            painter.fillRect(pixmap.rect(), QColor("black"))
            image = _image(picture)
            left, top = (_CELL - image.width()) // 2, (_CELL - image.height()) // 2
            painter.drawImage(left, top, image)
        colour = QColor(entry.colour)
        if entry.key == self._current:
            _frame(painter, QColor("black"), _EDGE + 4)
            _frame(painter, QColor("white"), _EDGE + 3)
        _frame(painter, colour, _EDGE)
        if entry.mark:
            painter.fillRect(0, 0, _CORNER, _CORNER, colour)
            painter.setPen(QColor("black"))
            centre = Qt.AlignmentFlag.AlignCenter
            painter.drawText(0, 0, _CORNER, _CORNER, centre, entry.mark)
        painter.end()
        return QIcon(pixmap)


def _image(picture: NDArray[np.uint8]) -> QImage:
    """A picture, as large as fits into a cell."""
    height, width = picture.shape[:2]
    pixels = picture.tobytes()
    image = QImage(pixels, width, height, 3 * width, QImage.Format.Format_RGB888)
    return image.scaled(_CELL, _CELL, Qt.AspectRatioMode.KeepAspectRatio)


def _frame(painter: QPainter, colour: QColor, width: int) -> None:
    """A frame of this width along the edge of a cell."""
    painter.setPen(QPen(colour, 2 * width))
    painter.drawRect(0, 0, _CELL, _CELL)


class _Key:
    """Holds a key: Qt would turn a tuple into a list."""

    def __init__(self, value: Hashable) -> None:
        self.value = value
