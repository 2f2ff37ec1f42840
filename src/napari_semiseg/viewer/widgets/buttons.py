"""Buttons that say what they do, and why they cannot be pressed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

if TYPE_CHECKING:
    from collections.abc import Callable

_TIP = "tip"  # Property that keeps a button's own tooltip.


def button(
    text: str,
    tip: str,
    on_click: Callable[[], object],
    *,
    key: str | None = None,
) -> QPushButton:
    """A push button.

    Parameters
    ----------
    tip
        What pressing it does, a sentence.
    on_click
        Called without arguments.
    key
        The key that does the same; shown on the button.
    """
    made = QPushButton(f"{text}  {key}" if key else text)
    made.setProperty(_TIP, f"{tip} (key: {key})" if key else tip)
    made.setToolTip(made.property(_TIP))
    made.setAccessibleName(text)
    made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    # Not connected directly: the signal brings whether the button is checked.
    made.clicked.connect(lambda checked=False: on_click())
    return made


def allow(control: QWidget, why_not: str | None) -> None:
    """Enable a control, or disable it with the reason in its tooltip."""
    if control.property(_TIP) is None:
        control.setProperty(_TIP, control.toolTip())
    control.setEnabled(why_not is None)
    control.setToolTip(why_not or control.property(_TIP))


def row(*controls: QWidget) -> QWidget:
    """Controls side by side, of equal right to the width."""
    made = QWidget()
    line = QHBoxLayout(made)
    line.setContentsMargins(0, 0, 0, 0)
    line.setSpacing(4)
    for control in controls:
        line.addWidget(control)
    return made


def note(text: str = "") -> QLabel:
    """A line of text that wraps and can be copied."""
    made = QLabel(text)
    made.setWordWrap(True)
    made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    return made
