"""Widgets that edit one value of a setting: ``value``, ``set_value``, ``changed``."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

from napari_semiseg.viewer.widgets.bounds_edit import NARROW, BoundsEdit
from napari_semiseg.viewer.widgets.list_edit import ListEdit
from napari_semiseg.viewer.widgets.wheel import guard_wheel

if TYPE_CHECKING:
    from napari_semiseg.viewer.widgets.field_kinds import FieldKind

_DECIMALS = 9
_MOST = 10**9
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_BEGUN = re.compile(r"[+-]?\d*\.?\d*(e[+-]?\d*)?", re.IGNORECASE)


class SmallNumberBox(QDoubleSpinBox):
    """A spin box that writes 0.00001 as 1e-05, and steps by a digit."""

    def textFromValue(self, value: float) -> str:
        """The shortest text of a number."""
        return f"{value:.6g}"

    def valueFromText(self, text: str | None) -> float:
        """The number of a text."""
        found = _NUMBER.search((text or "").replace(self.suffix(), ""))
        return float(found.group()) if found else self.minimum()

    def validate(
        self, text: str | None, place: int
    ) -> tuple[QValidator.State, str, int]:
        """Whether a text is a number, or may become one."""
        bare = (text or "").replace(self.suffix(), "").strip()
        state = QValidator.State.Invalid
        if _NUMBER.fullmatch(bare):
            inside = self.minimum() <= float(bare) <= self.maximum()
            state = (
                QValidator.State.Acceptable if inside else QValidator.State.Intermediate
            )
        elif _BEGUN.fullmatch(bare):
            state = QValidator.State.Intermediate
        return state, text or "", place


class NumberEdit(QWidget):
    """A bounded number; what was set is given back exactly, however it is shown."""

    changed = Signal()

    def __init__(self, kind: FieldKind, unit: str = "") -> None:
        super().__init__()
        self._exact: float = 0
        self._multiple = kind.bounds.multiple_of
        self._box: Any = _whole_box(kind) if kind.kind == "int" else _real_box(kind)
        self._box.setSuffix(unit)
        self._box.setKeyboardTracking(False)
        self._box.valueChanged.connect(self._note)
        _fill(self, self._box)

    def value(self) -> float:
        """An int or a float."""
        return self._exact

    def set_value(self, value: float) -> None:
        """Show a number."""
        self._box.blockSignals(True)
        self._box.setValue(value)
        self._box.blockSignals(False)
        self._exact = value

    def _note(self, value: float) -> None:
        if self._multiple > 1:  # What was typed in may lie between two of them.
            value = self._multiple * max(1, round(value / self._multiple))
        self.set_value(value)
        self.changed.emit()


class CheckEdit(QWidget):
    """Yes or no."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._box = QCheckBox()
        self._box.toggled.connect(self.changed)
        _fill(self, self._box)

    def value(self) -> bool:
        """Whether it is checked."""
        return self._box.isChecked()

    def set_value(self, value: bool) -> None:
        """Check it or not."""
        self._box.blockSignals(True)
        self._box.setChecked(value)
        self._box.blockSignals(False)


class ChoiceEdit(QWidget):
    """One of some values."""

    changed = Signal()

    def __init__(self, choices: tuple[Any, ...]) -> None:
        super().__init__()
        self._box = QComboBox()
        for choice in choices:
            self._box.addItem(str(choice), choice)
        _narrow(self._box)
        self._box.currentIndexChanged.connect(self.changed)
        _fill(self, self._box)

    def value(self) -> Any:
        """The value chosen."""
        return self._box.currentData()

    def set_value(self, value: Any) -> None:
        """Choose a value."""
        self._box.blockSignals(True)
        self._box.setCurrentIndex(self._box.findData(value))
        self._box.blockSignals(False)


class TextEdit(QWidget):
    """A line of text; what is empty is not taken."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._text = ""
        self._line = QLineEdit()
        self._line.editingFinished.connect(self._note)
        _fill(self, self._line)

    def value(self) -> str:
        """The text."""
        return self._text

    def set_value(self, value: str) -> None:
        """Show a text."""
        self._text = value
        self._line.setText(value)

    def _note(self) -> None:
        text = self._line.text().strip()
        if not text:
            self._line.setText(self._text)
        elif text != self._text:
            self._text = text
            self.changed.emit()


class TupleEdit(QWidget):
    """Some values side by side."""

    changed = Signal()

    def __init__(self, parts: tuple[Any, ...]) -> None:
        super().__init__()
        self._parts = parts
        self.setStyleSheet(NARROW)
        for part in parts:
            part.changed.connect(self.changed)
        _fill(self, *parts)

    def value(self) -> tuple[Any, ...]:
        """The values."""
        return tuple(part.value() for part in self._parts)

    def set_value(self, value: tuple[Any, ...]) -> None:
        """Show values."""
        for part, one in zip(self._parts, value, strict=True):
            part.set_value(one)


class OptionalEdit(QWidget):
    """A value that may be absent: a check, and the widget of the value."""

    changed = Signal()

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self._inner = inner
        self._check = QCheckBox()
        self._check.setToolTip("Set a value")
        self._check.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._check.toggled.connect(self._toggle)
        inner.changed.connect(self.changed)
        inner.setEnabled(False)
        _fill(self, self._check, inner)

    def value(self) -> Any:
        """The value, None where it is absent."""
        return self._inner.value() if self._check.isChecked() else None

    def set_value(self, value: Any) -> None:
        """Show a value, or that there is none."""
        self._check.blockSignals(True)
        self._check.setChecked(value is not None)
        self._check.blockSignals(False)
        self._inner.setEnabled(value is not None)
        if value is not None:
            self._inner.set_value(value)

    def _toggle(self, present: bool) -> None:
        self._inner.setEnabled(present)
        self.changed.emit()


def edit_for(kind: FieldKind, unit: str = "") -> Any:
    """The widget for a kind of field that is no group.

    Returns
    -------
    QWidget
        With ``value()``, ``set_value(value)``, which emits nothing, and the signal
        ``changed``.
    """
    if kind.kind == "percents":
        return BoundsEdit()  # Without a tick it is absent by itself.
    if kind.optional:
        return OptionalEdit(_plain_edit(kind, unit))
    return _plain_edit(kind, unit)


def _plain_edit(kind: FieldKind, unit: str) -> Any:
    if kind.kind == "tuple":
        return TupleEdit(tuple(edit_for(part) for part in kind.parts))
    if kind.kind == "list":
        return ListEdit(kind)
    if kind.kind == "choice":
        return ChoiceEdit(kind.choices)
    if kind.kind == "bool":
        return CheckEdit()
    if kind.kind == "text":
        return TextEdit()
    return NumberEdit(kind, unit)


def _whole_box(kind: FieldKind) -> QSpinBox:
    bounds, box = kind.bounds, QSpinBox()
    low = -_MOST if bounds.low is None else math.ceil(bounds.low)
    box.setRange(
        low + (bounds.open_low and low == bounds.low),
        _MOST if bounds.high is None else math.floor(bounds.high),
    )
    box.setSingleStep(bounds.multiple_of)
    _narrow(box)
    return box


def _real_box(kind: FieldKind) -> SmallNumberBox:
    bounds, box = kind.bounds, SmallNumberBox()
    box.setDecimals(_DECIMALS)
    low = -float(_MOST) if bounds.low is None else bounds.low
    box.setRange(
        low + (10**-_DECIMALS if bounds.open_low else 0),
        float(_MOST) if bounds.high is None else bounds.high,
    )
    box.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
    _narrow(box)
    return box


def _narrow(box: QWidget) -> None:
    """Let a box be as narrow as the column needs it to be."""
    guard_wheel(box)
    box.setMinimumWidth(40)
    box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)


def _fill(widget: QWidget, *children: QWidget) -> None:
    line = QHBoxLayout(widget)
    line.setContentsMargins(0, 0, 0, 0)
    line.setSpacing(4)
    for child in children:
        line.addWidget(child)
    widget.setFocusProxy(children[0])
