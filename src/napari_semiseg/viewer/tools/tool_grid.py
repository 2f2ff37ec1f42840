"""The buttons of the tools that correct objects, three in a row."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from napari_semiseg.viewer.keys import KEYS
from napari_semiseg.viewer.tools.tool_words import OF_CLASSES, TOOLS
from napari_semiseg.viewer.widgets.buttons import allow, button, note
from napari_semiseg.viewer.widgets.fold import Fold

if TYPE_CHECKING:
    from qtpy.QtGui import QKeyEvent
    from qtpy.QtWidgets import QPushButton

    from napari_semiseg.viewer.tools.brushes import Home
    from napari_semiseg.viewer.tools.toolbox import Toolbox

_COLUMNS = 3
_WIDTHS = (14, 10, 11)  # As the longest words of the columns need.


class ToolGrid(QWidget):
    """A button for each tool, and a line that says what to do with the one in hand.

    Parameters
    ----------
    home
        Where its brushes paint: in the tile in hand, or on what the model sees.
    folded
        A heading that hides the buttons until it is opened; empty: none.
    """

    def __init__(self, tools: Toolbox, home: Home, *, folded: str = "") -> None:
        super().__init__()
        self._tools = tools
        self._buttons = {name: self._button(name, home) for name in TOOLS}
        self._hint = note()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._folded(folded) if folded else self._grid())
        column.addWidget(self._hint)
        tools.changed.connect(self._show)
        self._show()

    def allow(self, why_not: str | None, *, of_classes: bool = False) -> None:
        """Enable the tools, or say why not; of classes there are no single objects."""
        for name, made in self._buttons.items():
            allow(made, why_not)
            made.setVisible(name in OF_CLASSES or not of_classes)

    def shown(self) -> tuple[str, ...]:
        """Names of the tools that mean something now."""
        return tuple(n for n, made in self._buttons.items() if not made.isHidden())

    def close_grid(self) -> None:
        """Let go of the tools."""
        self._tools.changed.disconnect(self._show)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Escape puts the tool away, also while a button has the keyboard."""
        in_hand = self._tools.active is not None
        if event is not None and in_hand and event.key() == Qt.Key.Key_Escape:
            self._tools.put_away()
        else:
            super().keyPressEvent(event)

    def _grid(self) -> QWidget:
        made = QWidget()
        grid = QGridLayout(made)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        for number, one in enumerate(self._buttons.values()):
            grid.addWidget(one, *divmod(number, _COLUMNS))
        for column, width in enumerate(_WIDTHS):
            grid.setColumnStretch(column, width)
        return made

    def _folded(self, heading: str) -> Fold:
        made = Fold(heading, self._grid())
        made.set_tip("Tools that correct the outlines of objects; each has a key.")
        return made

    def _button(self, name: str, home: Home) -> QPushButton:
        tool, key = TOOLS[name], KEYS[name]
        press = partial(self._tools.press, name, home)
        made = button(tool.text, f"{tool.tip} (key: {key.shown})", press)
        made.setText(f"{tool.text}  {key.short}")
        made.setCheckable(bool(tool.hint))
        return made

    def _show(self) -> None:
        for name, made in self._buttons.items():
            if made.isCheckable():
                made.setChecked(self._tools.active == name)
        self._hint.setText(self._tools.hint)
        self._hint.setVisible(bool(self._tools.hint))
