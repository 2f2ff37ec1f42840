"""Clicks and drags on the canvas while a tool is in hand, and Escape."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_semiseg.viewer.canvas import camera_of, canvas_widget, on_canvas
from napari_semiseg.viewer.tools.escape import Escape
from napari_semiseg.viewer.tools.resting import Resting
from napari_semiseg.viewer.tools.rubber import Rubber

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.viewer import Viewer

    from napari_semiseg.viewer.tools.rubber import Form

_SLIP = 4.0  # Pixels of the screen; a shorter drag is a click.


class Gestures(QObject):
    """Tells what the mouse does, instead of the tools of layers, which rest.

    Taking another tool in napari ends it.
    """

    clicked = Signal(object)
    """Where in the world."""
    dragged = Signal(object, object)
    """From where in the world to where."""
    ended = Signal()
    """Escape was pressed, or another tool taken."""

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._resting = Resting(viewer)
        self._escape = Escape(viewer, self)
        self._escape.pressed.connect(self.ended)
        self._form: Form | None = None
        self._on = False
        self._rubber: Rubber | None = None
        self._others: list[Any] = []

    def begin(self, form: Form | None) -> None:
        """Listen from now on.

        Parameters
        ----------
        form
            What a drag draws; None: a drag moves the image, as ever.
        """
        self._form = form
        if self._on:
            return
        self._on = True
        # Before all others, so that they know that the click was meant for this.
        self._viewer.mouse_drag_callbacks.insert(0, self._press)
        # The second of two quick clicks comes as a double click, which would zoom.
        self._others = list(self._viewer.mouse_double_click_callbacks)
        self._viewer.mouse_double_click_callbacks[:] = [self._double_click]
        self._resting.rest()
        self._escape.listen(True)

    def rest(self) -> None:
        """Put the tool of a layer away that has been selected since."""
        if self._on:
            self._resting.rest()

    def end(self) -> None:
        """Listen no more; the tools of layers are back."""
        if not self._on:
            return
        self._on = False
        self._viewer.mouse_drag_callbacks.remove(self._press)
        self._viewer.mouse_double_click_callbacks[:] = self._others
        self._escape.listen(False)
        self._hide()
        self._resting.wake()

    def close(self) -> None:
        """Take everything off the canvas."""
        self.end()
        rubber, self._rubber = self._rubber, None
        if rubber is not None:
            with contextlib.suppress(RuntimeError):  # It went with the canvas.
                rubber.setParent(None)
                rubber.deleteLater()

    def _press(self, viewer: Viewer, event: Any) -> Iterator[None]:
        if event.button not in (1, None) or event.modifiers:
            return
        if viewer.dims.ndisplay != 2:  # Places on the screen are none in the image.
            return
        if self._resting.disturbed:
            self._resting.forget()
            # Not from within the list of those who listen to this very click.
            QTimer.singleShot(0, self.ended.emit)
            return
        start, moved = np.array(event.position), False
        camera = camera_of(viewer)
        pans, camera.mouse_pan = camera.mouse_pan, self._form is None
        try:
            yield
            while event.type == "mouse_move":
                moved = moved or self._is_far(start, event.position)
                if moved:
                    self._draw(start, event.position)
                yield
        finally:
            camera.mouse_pan = pans
            self._hide()
        end = np.array(event.position)
        event.handled = True
        if not self._on:
            return
        # Of a quick drag nothing but its ends may have been told.
        if not moved and not self._is_far(start, end):
            self.clicked.emit(start)
        elif self._form is not None:
            self.dragged.emit(start, end)

    def _double_click(self, _viewer: Viewer, event: Any) -> None:
        event.handled = True
        self.clicked.emit(np.array(event.position))

    def _is_far(self, start: Any, now: Any) -> bool:
        one, other = (on_canvas(self._viewer, place[-2:]) for place in (start, now))
        return float(np.hypot(one[0] - other[0], one[1] - other[1])) >= _SLIP

    def _draw(self, start: Any, now: Any) -> None:
        if self._form is None:
            return
        canvas = canvas_widget(self._viewer)
        if self._rubber is None and canvas is not None:
            self._rubber = Rubber(canvas)
        if self._rubber is not None:
            one, other = (on_canvas(self._viewer, at[-2:]) for at in (start, now))
            self._rubber.stretch(self._form, one, other)

    def _hide(self) -> None:
        if self._rubber is not None:
            with contextlib.suppress(RuntimeError):
                self._rubber.hide()
