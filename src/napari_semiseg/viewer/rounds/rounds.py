"""The rounds in the viewer: which is seen, what differs, and the way back to one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_semiseg.viewer.rounds.blinking import Blinking
from napari_semiseg.viewer.rounds.change_layers import differences_layer
from napari_semiseg.viewer.rounds.comparing import Comparing
from napari_semiseg.viewer.rounds.round_book import RoundBook

if TYPE_CHECKING:
    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.rounds.comparison import Comparison


class Rounds(QObject):
    """What a person does with rounds.

    Attributes
    ----------
    book
        Which there are, and which one is looked at.
    comparing
        The one in view against another.
    blinking
        Shows the other one as long as a key is held.
    """

    changed = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.session)
        self._desk = desk
        self.book = RoundBook(desk)
        self.comparing = Comparing(desk, self.book)
        self.blinking = Blinking(desk, self.comparing)
        self._layer = differences_layer(desk.viewer, self._on_gone)
        self._drawn: Comparison | None = None
        self._closed = False
        self._off = QTimer(self)  # Not while napari removes a layer.
        self._off.setSingleShot(True)
        self._off.timeout.connect(self._turn_off)
        self.book.changed.connect(self.changed)
        self.comparing.changed.connect(self._on_comparison)
        desk.session.placed.connect(self._draw)
        desk.keys.bind("other round", self.blinking.press, self.blinking.release)

    def close(self) -> None:
        """Remove the layers, and let go of the others."""
        if self._closed:
            return
        self._closed = True
        self._off.stop()
        self._desk.session.placed.disconnect(self._draw)
        self.blinking.close()
        self.comparing.changed.disconnect(self._on_comparison)
        self.comparing.close()
        self.book.close()
        self._layer.close()

    def _on_comparison(self) -> None:
        if self.comparing.result is not self._drawn:
            self._drawn = self.comparing.result
            self._draw()
        self.changed.emit()

    def _draw(self) -> None:
        """Outline what changed, or take the layer away."""
        found = self._drawn
        if found is None:
            self._layer.remove()
        else:
            self._layer.show(found.drawn, self._desk.session.placement, found.box)

    def _turn_off(self) -> None:
        self.comparing.set_on(False)

    def _on_gone(self) -> None:
        self._off.start(0)
