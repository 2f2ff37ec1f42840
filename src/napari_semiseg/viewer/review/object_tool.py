"""Clicking objects in the image, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from qtpy.QtCore import QObject, QTimer, Signal

from napari_semiseg.viewer.tools.escape import Escape
from napari_semiseg.viewer.tools.resting import Resting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.viewer import Viewer

    from napari_semiseg.viewer.desk import Desk

Clicking = Literal["accept", "reject"]


class ObjectTool(QObject):
    """While it is on, a click on an object accepts or rejects it; dragging pans.

    The layer that is selected rests meanwhile and gets its tool back. Escape, or taking
    another tool in napari, puts this one away.

    Attributes
    ----------
    clicking
        What a click does; None: the tool is off.
    """

    changed = Signal()
    clicked = Signal(str, object)
    """What a click does, and where in the world it was."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.session)
        self._viewer = desk.viewer
        self._resting = Resting(desk.viewer)
        self._escape = Escape(desk.viewer, self)
        self._escape.pressed.connect(self.close)
        self.clicking: Clicking | None = None

    def take(self, clicking: Clicking | None) -> None:
        """Take the tool in hand, or put it away (None)."""
        if clicking == self.clicking:
            return
        self._escape.listen(clicking is not None)
        was_on, self.clicking = self.clicking is not None, clicking
        if clicking is None:
            self._viewer.mouse_drag_callbacks.remove(self._press)
            self._resting.wake()
        elif not was_on:
            # Before all others, so that they know that the click was meant for this.
            self._viewer.mouse_drag_callbacks.insert(0, self._press)
            self._resting.rest()
        self.changed.emit()

    def close(self) -> None:
        """Put the tool away."""
        self.take(None)

    def _press(self, viewer: Viewer, event: Any) -> Iterator[None]:
        if event.button not in (1, None) or event.modifiers:
            return
        if self._resting.disturbed:
            self._resting.forget()
            # Not from within the list of those who listen to this very click.
            QTimer.singleShot(0, self.close)
            return
        moved = False
        yield
        while event.type == "mouse_move":
            moved = True
            yield
        if not moved and self.clicking is not None:
            event.handled = True
            self.clicked.emit(self.clicking, event.position)
