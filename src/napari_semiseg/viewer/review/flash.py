"""Shows for a moment which pixels of the image something was done to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QRectF, Qt, QTimer
from qtpy.QtGui import QColor, QImage, QPainter
from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qtpy.QtGui import QPaintEvent

_LASTS = 700  # Milliseconds.
_INSIDE = 150  # How much of the image the colour covers, of 255.


class Flash(QWidget):
    """Pixels in one colour over the canvas; clicks go through, no layer is touched."""

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._canvas = canvas
        self._picture = QImage()
        self._place = QRectF()
        self._over = QTimer(self)
        self._over.setSingleShot(True)
        self._over.timeout.connect(self.hide)
        self.hide()

    def show_pixels(self, mask: NDArray[np.bool_], place: QRectF, colour: str) -> None:
        """Show the pixels of a mask, bool ``(H, W)``, in a place on the canvas."""
        self._picture, self._place = picture(mask, colour), place
        self.setGeometry(self._canvas.rect())
        self.show()
        self.raise_()
        self.update()
        self._over.start(_LASTS)

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Draw the pixels as large as the image is seen."""
        painter = QPainter(self)
        painter.drawImage(self._place, self._picture)
        painter.end()


def picture(mask: NDArray[np.bool_], colour: str) -> QImage:
    """The pixels of a mask in a colour with a white edge, seen on any other colour."""
    around = np.pad(mask, 1)
    inner = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    tone = QColor(colour)
    pixels = np.zeros((*mask.shape, 4), np.uint8)
    pixels[mask] = 255
    pixels[mask & inner] = tone.red(), tone.green(), tone.blue(), _INSIDE
    height, width = mask.shape
    shown = QImage(
        pixels.tobytes(), width, height, 4 * width, QImage.Format.Format_RGBA8888
    )
    return shown.copy()  # The bytes are gone with this call.
