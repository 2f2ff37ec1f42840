"""A slider from 0 to 1 that the mouse, the wheel and the arrow keys move."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeyEvent
from superqt import QLabeledDoubleSlider

from napari_semiseg.viewer.widgets.wheel import guard_wheel

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

_STEP = 0.01
_KEYS = {
    Qt.Key.Key_Left: -1,
    Qt.Key.Key_Down: -1,
    Qt.Key.Key_Right: 1,
    Qt.Key.Key_Up: 1,
    Qt.Key.Key_PageDown: -10,
    Qt.Key.Key_PageUp: 10,
    Qt.Key.Key_Home: -100,
    Qt.Key.Key_End: 100,
}
"""Steps by key; superqt's sliders of fractions know no keys."""


class _Arrows(QObject):
    """Moves a slider by keys."""

    def __init__(self, slider: QLabeledDoubleSlider) -> None:
        super().__init__(slider)
        self._slider = slider

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Take the keys that move a slider."""
        if not isinstance(event, QKeyEvent) or event.type() != QEvent.Type.KeyPress:
            return False
        steps = _KEYS.get(Qt.Key(event.key()))
        if steps is None or event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            return False
        value = round(self._slider.value() + steps * _STEP, 2)
        self._slider.setValue(min(max(0.0, value), 1.0))
        return True


def share_slider() -> QLabeledDoubleSlider:
    """A slider from 0 to 1 in steps of 0.01."""
    made = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
    made.setRange(0.0, 1.0)
    made.setSingleStep(_STEP)  # type: ignore[arg-type]  # superqt's hints lag.
    made.setDecimals(2)
    guard_wheel(made)
    inner: QWidget = made._slider  # noqa: SLF001
    arrows = _Arrows(made)
    for part in (made, inner):
        part.installEventFilter(arrows)
    return made
