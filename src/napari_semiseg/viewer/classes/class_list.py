"""The list of classes: name, colour and key; the chosen one is painted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QSize
from qtpy.QtGui import QColor, QIcon, QPainter, QPen, QPixmap
from qtpy.QtWidgets import QButtonGroup, QLineEdit, QPushButton, QVBoxLayout, QWidget

from napari_semiseg.viewer.classes.palette import key_of
from napari_semiseg.viewer.colours import class_colour
from napari_semiseg.viewer.keys import KEYS
from napari_semiseg.viewer.widgets.buttons import allow, button, note, row

if TYPE_CHECKING:
    from napari_semiseg.viewer.classes.palette import Palette

_SWATCH = 14  # Pixels a side.


class ClassList(QWidget):
    """One button a class, and a line to name one; hidden where there is no choice."""

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        self._palette = palette
        self._renaming = False
        self._shown: tuple[object, ...] = ()
        self._group = QButtonGroup(self)
        self._head = note()
        self._rows = QVBoxLayout()
        self._rows.setSpacing(2)
        self._add = button(
            "Add class ...", "Add a class behind the others.", self._begin_adding
        )
        self._rename = button(
            "Rename ...", "Call the chosen class something else.", self._begin_renaming
        )
        self._give = button(
            "Give class",
            "Point at an object and press this key: it becomes one of the chosen "
            "class.",
            palette.give_class,
            key=KEYS["give class"].shown,
        )
        self._name = QLineEdit()
        self._name.setToolTip("Name of the class; press Enter.")
        self._name.returnPressed.connect(self._name_it)
        self._ok = button("OK", "Take this name.", self._name_it)
        self._line = row(self._name, self._ok)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self._head)
        column.addLayout(self._rows)
        column.addWidget(row(self._add, self._rename))
        column.addWidget(self._give)
        column.addWidget(self._line)
        self._line.setVisible(False)
        palette.changed.connect(self.refresh)
        self.refresh()

    @property
    def buttons(self) -> list[QPushButton]:
        """The buttons of the classes, in the order of the list."""
        found = (self._rows.itemAt(n) for n in range(self._rows.count()))
        return [w for i in found if i and isinstance(w := i.widget(), QPushButton)]

    def refresh(self) -> None:
        """Show the classes, the chosen one, and what can be done with them."""
        palette = self._palette
        self.setVisible(palette.shown)
        if not palette.shown:
            return
        first = 0 if palette.semantic else 1
        numbers = range(first, len(palette.names) + 1)
        entries = tuple((n, palette.name(n)) for n in numbers)
        if entries != self._shown:
            self._shown = entries
            self._fill(entries)
        for number, made in zip(numbers, self.buttons, strict=True):
            made.setChecked(number == palette.chosen)
        self._head.setText(
            "The brush paints the chosen class:"
            if palette.semantic
            else "The next object is of the chosen class:"
        )
        self._give.setVisible(not palette.semantic)
        allow(self._add, palette.why_not_add())
        no_choice = None if palette.chosen else "The background has no other name."
        allow(self._rename, palette.why_not_rename() or no_choice)

    def _fill(self, entries: tuple[tuple[int, str], ...]) -> None:
        for old in self.buttons:
            self._group.removeButton(old)
            self._rows.removeWidget(old)
            old.hide()
            old.deleteLater()
        for number, name in entries:
            made = button(
                name, _tip(number, name), partial(self._choose, number),
                key=key_of(number),
            )  # fmt: skip
            made.setCheckable(True)
            made.setIcon(QIcon(swatch(number)))
            made.setIconSize(QSize(_SWATCH, _SWATCH))
            made.setStyleSheet("QPushButton { text-align: left; }")
            self._group.addButton(made)
            self._rows.addWidget(made)

    def _choose(self, number: int) -> None:
        self._palette.choose(number)
        self.refresh()

    def _begin_adding(self) -> None:
        self._ask("", renaming=False)

    def _begin_renaming(self) -> None:
        self._ask(self._palette.name(self._palette.chosen), renaming=True)

    def _ask(self, name: str, *, renaming: bool) -> None:
        self._renaming = renaming
        self._name.setText(name)
        self._name.setPlaceholderText("Name of the class")
        self._line.setVisible(True)
        self._name.setFocus()
        self._name.selectAll()

    def _name_it(self) -> None:
        name = self._name.text().strip()
        self._line.setVisible(False)
        if not name:
            return
        if self._renaming:
            self._palette.rename(self._palette.chosen, name)
        else:
            self._palette.add(name)
        self.refresh()


def _tip(number: int, name: str) -> str:
    if number == 0:
        return "Paint over what is none of the classes, or was painted by mistake."
    return f"Paint {name}: class {number} in the files."


def swatch(number: int) -> QPixmap:
    """A square in the colour of a class; crossed out for the background."""
    pixmap = QPixmap(_SWATCH, _SWATCH)
    pixmap.fill(QColor.fromRgbF(*class_colour(number)))
    if number == 0:
        painter = QPainter(pixmap)
        painter.setPen(QPen(QColor("#808080"), 2))
        painter.drawRect(1, 1, _SWATCH - 2, _SWATCH - 2)
        painter.drawLine(2, _SWATCH - 2, _SWATCH - 2, 2)
        painter.end()
    return pixmap
