"""A user's hands: clicks on buttons, strokes on the canvas, keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QPushButton

from napari_semiseg.viewer.canvas import camera_of, canvas_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

    from napari_semiseg.geometry import Box
    from napari_semiseg.viewer.dock import SemisegDock

Point = tuple[float, float]


class Hands:
    """What a user can do with mouse and keyboard, and nothing else."""

    PRESS = QEvent.Type.MouseButtonPress
    MOVE = QEvent.Type.MouseMove
    RELEASE = QEvent.Type.MouseButtonRelease
    DOUBLE = QEvent.Type.MouseButtonDblClick

    def __init__(self, dock: SemisegDock) -> None:
        self.dock = dock
        self.desk = dock.desk
        self.viewer = dock.desk.viewer
        self.canvas = self.viewer.window._qt_viewer.canvas.native

    # -- the dock ---------------------------------------------------------------------

    def button(self, step: str, text: str) -> QPushButton:
        """The visible button of a step whose text starts so."""
        self.dock.open_step(step)
        QApplication.processEvents()
        buttons = self.dock.panel(step).findChildren(QPushButton)
        found = [b for b in buttons if b.text().startswith(text) and b.isVisible()]
        assert found, f"{step} has no button {text}: {[b.text() for b in buttons]}"
        return found[0]

    def press(self, step: str, text: str) -> None:
        """Click a button with the mouse."""
        button = self.button(step, text)
        assert button.isEnabled(), f"{text}: {button.toolTip()}"
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    # -- the canvas -------------------------------------------------------------------

    def on_canvas(self, pixel: Sequence[float]) -> Point:
        """Where a working pixel (y, x) lies on the canvas, as (y, x)."""
        world = np.array(self.desk.session.placement.to_world(pixel))
        camera = camera_of(self.viewer)
        middle = np.array(camera.center)[-2:]
        size = np.array(canvas_size(self.viewer))
        y, x = (world - middle) * camera.zoom + size / 2
        return float(y), float(x)

    def click(self, pixel: Sequence[float]) -> None:
        """Click at a pixel of the image."""
        self.stroke([pixel])

    def stroke(self, pixels: Sequence[Sequence[float]]) -> None:
        """Press at the first pixel, drag over the others, release."""
        points = [self.on_canvas(pixel) for pixel in pixels]
        self.send(QEvent.Type.MouseMove, points[0], pressed=False)
        self.send(QEvent.Type.MouseButtonPress, points[0], pressed=True)
        for point in points[1:]:
            self.send(QEvent.Type.MouseMove, point, pressed=True)
        self.send(QEvent.Type.MouseButtonRelease, points[-1], pressed=False)

    def hover(self, pixel: Sequence[float]) -> None:
        """Put the cursor over a pixel."""
        self.send(QEvent.Type.MouseMove, self.on_canvas(pixel), pressed=False)

    def key(self, name: str) -> None:
        """Press a key while the canvas has the focus, e.g. ``Shift+D``."""
        *modifiers, letter = name.split("+")
        held = Qt.KeyboardModifier.NoModifier
        for modifier in modifiers:
            held |= {
                "Shift": Qt.KeyboardModifier.ShiftModifier,
                "Ctrl": Qt.KeyboardModifier.ControlModifier,
            }[modifier]
        codes: dict[str, Any] = {".": Qt.Key.Key_Period, ",": Qt.Key.Key_Comma}
        codes["Escape"] = Qt.Key.Key_Escape
        code = codes.get(letter) or getattr(Qt.Key, f"Key_{letter.upper()}")
        QTest.keyClick(self.canvas, code, held)

    def fill_box(self, box: Box) -> None:
        """Paint a box full with the brush, line by line."""
        size = max(1, min(6, *box.size))
        layer = self.viewer.layers.selection.active
        layer.brush_size = size
        (y0, x0), (y1, x1) = box.origin, box.end
        margin = size // 2
        for y in range(y0 + margin, max(y1 - margin, y0 + margin + 1), max(1, margin)):
            self.stroke([(y, x0 + margin), (y, (x0 + x1) / 2), (y, x1 - margin - 1)])

    def send(self, kind: QEvent.Type, point: Point, *, pressed: bool) -> None:
        """Send one event of the mouse to the canvas."""
        y, x = point
        place = QPointF(x, y)
        button = (
            Qt.MouseButton.NoButton
            if kind == QEvent.Type.MouseMove
            else Qt.MouseButton.LeftButton
        )
        held = Qt.MouseButton.LeftButton if pressed else Qt.MouseButton.NoButton
        event = QMouseEvent(
            kind,
            place,
            self.canvas.mapToGlobal(place),
            button,
            held,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(self.canvas, event)
        QApplication.processEvents()


def window_of(dock: SemisegDock) -> QWidget:
    """napari's window."""
    window: QWidget = dock.desk.viewer.window._qt_window
    return window
