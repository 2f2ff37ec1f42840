"""A small table: what the model sees of each class, and how sure it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QLabel, QWidget

from napari_semiseg.viewer.classes.class_list import swatch

if TYPE_CHECKING:
    from napari_semiseg.viewer.classes.class_shares import ClassShare
    from napari_semiseg.viewer.classes.palette import Palette

_HEADS = (
    ("area", "Share of what the model has looked at in this image."),
    ("sure", "Mean confidence of the model in the pixels of the class, 0 to 1."),
    (
        "used",
        "Share of the pixels of the class that the training takes as labels: the "
        "confidence mask.",
    ),
)


class ClassTable(QWidget):
    """One line a class: its colour, its name, and three numbers."""

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        self._palette = palette
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(1, 1)
        self._filled: object = None

    def fill(self, shares: tuple[ClassShare, ...]) -> None:
        """Show these numbers, the background first; nothing without any."""
        self.setVisible(bool(shares))
        names = [self._palette.name(n) for n in range(len(self._palette.names) + 1)]
        if self._filled == (names, shares):
            return
        self._filled = names, shares
        while (entry := self._grid.takeAt(0)) is not None:
            if (widget := entry.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for column, (head, tip) in enumerate(_HEADS, start=2):
            self._put(0, column, head, tip)
        for number, (name, share) in enumerate(zip(names, shares, strict=False)):
            mark = QLabel()
            mark.setPixmap(swatch(number))
            self._grid.addWidget(mark, number + 1, 0)
            self._put(number + 1, 1, name, "")
            words = (_percent(share.area), _two(share.confidence), _percent(share.kept))
            for column, (text, (_, tip)) in enumerate(
                zip(words, _HEADS, strict=True), start=2
            ):
                self._put(number + 1, column, text, tip)

    def _put(self, line: int, column: int, text: str, tip: str) -> None:
        label = QLabel(text)
        label.setToolTip(tip)
        if column > 1:
            label.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._grid.addWidget(label, line, column)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _two(number: float | None) -> str:
    return "-" if number is None else f"{number:.2f}"
