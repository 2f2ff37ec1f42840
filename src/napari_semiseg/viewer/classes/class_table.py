"""A small table: what the model sees of each class, how sure it is, and a brush."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QWidget

from napari_semiseg.viewer.classes.class_list import swatch
from napari_semiseg.viewer.widgets.buttons import button

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
    """One line a class: a button to paint it, and three numbers."""

    chosen = Signal(int)
    """The number of the class that is to be painted."""

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        self._palette = palette
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(0, 1)
        self._names: tuple[str, ...] = ()
        self.buttons: list[QPushButton] = []
        self._numbers: list[list[QLabel]] = []

    def fill(self, shares: tuple[ClassShare, ...]) -> None:
        """Show these numbers, the background first; nothing without any."""
        self.setVisible(bool(shares))
        if not shares:
            return
        palette = self._palette
        names = tuple(palette.name(n) for n in range(len(palette.names) + 1))
        if names != self._names:
            self._names = names
            self._build()
        for number, made in enumerate(self.buttons):
            made.setChecked(number == palette.chosen)
        for labels, share in zip(self._numbers, shares, strict=False):
            words = (_percent(share.area), _two(share.confidence), _percent(share.kept))
            for label, text in zip(labels, words, strict=True):
                label.setText(text)

    def _build(self) -> None:
        while (entry := self._grid.takeAt(0)) is not None:
            if (widget := entry.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self.buttons, self._numbers = [], []
        for column, (head, _) in enumerate(_HEADS, start=1):
            self._put(0, column).setText(head)
        for number, name in enumerate(self._names):
            tip = f"Paint {name} on the model's layer where the model is wrong."
            made = button(name, tip, partial(self._choose, number))
            made.setCheckable(True)
            made.setIcon(QIcon(swatch(number)))
            made.setStyleSheet("QPushButton { text-align: left; }")
            self._grid.addWidget(made, number + 1, 0)
            self.buttons.append(made)
            columns = range(1, len(_HEADS) + 1)
            self._numbers.append([self._put(number + 1, n) for n in columns])

    def _choose(self, number: int) -> None:
        self.chosen.emit(number)
        for n, made in enumerate(self.buttons):
            made.setChecked(n == self._palette.chosen)

    def _put(self, line: int, column: int) -> QLabel:
        label = QLabel("-")
        label.setToolTip(_HEADS[column - 1][1])
        label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._grid.addWidget(label, line, column)
        return label


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _two(number: float | None) -> str:
    return "-" if number is None else f"{number:.2f}"
