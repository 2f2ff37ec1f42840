"""Scrolling past a control must not change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget


class _WheelGuard(QObject):
    """Lets the wheel through only while the control has the focus."""

    def __init__(self, control: QWidget) -> None:
        super().__init__(control)
        self._control = control

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Pass a wheel's turn on to whatever scrolls."""
        if event is None or event.type() != QEvent.Type.Wheel:
            return False
        if self._control.hasFocus():
            return False
        event.ignore()
        return True


def guard_wheel(control: QWidget) -> None:
    """Let the wheel change a control only after it was clicked or tabbed into."""
    control.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    control.installEventFilter(_WheelGuard(control))
