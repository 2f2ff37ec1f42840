"""A widget for bounds of sizes: between so many and so many percent, for each class."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QGridLayout,
    QLabel,
    QSizePolicy,
    QWidget,
)

from napari_semiseg.learning.typed_bounds import parse
from napari_semiseg.viewer.widgets.wheel import guard_wheel

if TYPE_CHECKING:
    from collections.abc import Sequence

NARROW = "QAbstractSpinBox { min-width: 20px; }"
"""For several boxes side by side: napari's style makes each 90 pixels wide."""
_NO_CLASS = "Open a project first: it says which classes there are."


class BoundsEdit(QWidget):
    """Edits a text like ``nucleus 10-25, cytoplasm 20-40``; None: nothing is ticked.

    A class whose row is not ticked has no bounds.
    """

    changed = Signal()

    def __init__(self, names: Sequence[str] = ()) -> None:
        super().__init__()
        self.setStyleSheet(NARROW)
        self._text: str | None = None
        self._names = tuple(names)
        self._rows: dict[str, _Row] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(4)
        self._grid.setColumnStretch(0, 1)
        self._grid.setColumnStretch(2, 1)
        self._none = QLabel(_NO_CLASS)
        self._none.setWordWrap(True)
        self._none.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._grid.addWidget(self._none, 0, 0, 1, 3)
        self._show()

    def row(self, name: str) -> _Row:
        """The row of a class."""
        return self._rows[name]

    def value(self) -> str | None:
        """The text; exactly what was set while nobody changed it."""
        return self._text

    def set_value(self, value: str | None) -> None:
        """Show bounds; nothing is emitted."""
        self._text = value
        self._show()

    def set_names(self, names: Sequence[str]) -> None:
        """Offer these classes; nothing is emitted."""
        self._names = tuple(names)
        self._show()

    def _show(self) -> None:
        bounds = self._bounds()
        # Bounds of a class that the project lacks are shown to be taken away.
        names = list(dict.fromkeys([*self._names, *bounds]))
        if names != list(self._rows):
            self._make_rows(names)
        for name, row in self._rows.items():
            row.put(bounds.get(name))
        self._none.setVisible(not names)

    def _bounds(self) -> dict[str, tuple[float, float]]:
        found: dict[str, tuple[float, float]] = {}
        with contextlib.suppress(ValueError):  # The settings have said so already.
            found = parse(self._text) if self._text else {}
        if "" in found and len(self._names) == 1:
            found[self._names[0]] = found.pop("")
        return found

    def _make_rows(self, names: Sequence[str]) -> None:
        for row in self._rows.values():
            row.remove()
        self._rows = {}
        for number, name in enumerate(names):
            row = _Row(name, self)
            row.changed.connect(self._note)
            # Names are long, and the column is narrow.
            self._grid.addWidget(row.tick, 2 * number + 1, 0, 1, 3)
            for column, part in enumerate(row.parts[1:]):
                self._grid.addWidget(part, 2 * number + 2, column)
            self._rows[name] = row

    def _note(self) -> None:
        parts = [row.text() for row in self._rows.values() if row.ticked]
        self._text = ", ".join(parts) or None
        self.changed.emit()


class _Row(QObject):
    """A tick, and two percentages of which the second is never the smaller."""

    changed = Signal()

    def __init__(self, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._name = name
        self.tick = QCheckBox(f"{name}, between")
        self.tick.setToolTip(f"You know how much of a tile {name} covers.")
        self.tick.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.low, self.high = _percent("At least"), _percent("At most")
        self.parts = (self.tick, self.low, QLabel("and"), self.high)
        self.put(None)
        self.tick.toggled.connect(self._on_tick)
        self.low.valueChanged.connect(self._on_low)
        self.high.valueChanged.connect(self._on_high)

    @property
    def ticked(self) -> bool:
        """Whether the class has bounds."""
        return self.tick.isChecked()

    def text(self) -> str:
        """As people type it."""
        return f"{self._name} {self.low.value():g}-{self.high.value():g}"

    def put(self, bounds: tuple[float, float] | None) -> None:
        """Show bounds, shares from 0 to 1; None: it has none."""
        low, high = (0.0, 1.0) if bounds is None else bounds
        pairs = ((self.low, 100 * low), (self.high, 100 * high))
        for control, number in pairs:
            control.blockSignals(True)
            control.setValue(number)
            control.setEnabled(bounds is not None)
            control.blockSignals(False)
        self.tick.blockSignals(True)
        self.tick.setChecked(bounds is not None)
        self.tick.blockSignals(False)

    def remove(self) -> None:
        """Take the row out of the widget."""
        for part in self.parts:
            part.hide()
            part.deleteLater()
        self.deleteLater()

    def _on_tick(self, on: bool) -> None:
        self.low.setEnabled(on)
        self.high.setEnabled(on)
        self.changed.emit()

    def _on_low(self, value: float) -> None:
        self._push(self.high, max(value, self.high.value()))

    def _on_high(self, value: float) -> None:
        self._push(self.low, min(value, self.low.value()))

    def _push(self, other: QDoubleSpinBox, value: float) -> None:
        other.blockSignals(True)
        other.setValue(value)
        other.blockSignals(False)
        self.changed.emit()


class _PercentBox(QDoubleSpinBox):
    """Writes 10 instead of 10.0."""

    def textFromValue(self, value: float) -> str:
        """The shortest text of a number."""
        return f"{value:g}"


def _percent(tip: str) -> _PercentBox:
    made = _PercentBox()
    made.setRange(0, 100)
    made.setDecimals(1)
    made.setSuffix(" %")
    made.setToolTip(f"{tip} so much of a tile.")
    made.setKeyboardTracking(False)
    made.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
    made.setMinimumWidth(40)
    made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    guard_wheel(made)
    return made
