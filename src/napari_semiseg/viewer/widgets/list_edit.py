"""A widget for a setting that holds some numbers, however many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLineEdit, QSizePolicy

if TYPE_CHECKING:
    from napari_semiseg.viewer.widgets.field_kinds import Bounds, FieldKind


class ListEdit(QLineEdit):
    """Numbers with commas between them; what is refused is not taken."""

    changed = Signal()

    def __init__(self, kind: FieldKind) -> None:
        super().__init__()
        (self._part,) = kind.parts
        self._lengths = kind.bounds
        self._value: tuple[float, ...] = ()
        self.setMinimumWidth(40)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setPlaceholderText("0.5, 1, 2")
        self.editingFinished.connect(self._note)

    def value(self) -> tuple[float, ...]:
        """The numbers."""
        return self._value

    def set_value(self, value: tuple[float, ...]) -> None:
        """Show numbers; what was set is given back exactly."""
        self._value = tuple(value)
        self.setText(", ".join(f"{number:.6g}" for number in value))

    def _note(self) -> None:
        written = self.text()
        if written == ", ".join(f"{number:.6g}" for number in self._value):
            return
        try:
            found = tuple(float(part) for part in written.split(",") if part.strip())
        except ValueError:
            found = ()
        fits = _within(len(found), self._lengths)
        if found and fits and all(_within(n, self._part.bounds) for n in found):
            self.set_value(found)
            self.changed.emit()
        else:
            self.set_value(self._value)


def _within(number: float, bounds: Bounds) -> bool:
    low, high = bounds.low, bounds.high
    above = low is None or number > low or (number == low and not bounds.open_low)
    return above and (high is None or number <= high)
