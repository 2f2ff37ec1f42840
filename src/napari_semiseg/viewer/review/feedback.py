"""Says and shows that an object was accepted, rejected or given back."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, QRectF, Signal

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.viewer.canvas import canvas_widget, on_canvas
from napari_semiseg.viewer.own_layers import use_of
from napari_semiseg.viewer.review.flash import Flash
from napari_semiseg.viewer.teacher.layer_making import NAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.teacher.object_acts import Verb

# Told apart by people who see no red or no green as well; the words say the same.
_COLOURS: dict[Verb, str] = {
    "accept": "#3fd28f",
    "reject": "#ff5a36",
    "give back": "#ffffff",
}
_OF_TILE = "#ffb020"
_WORDS: dict[Verb, str] = {
    "accept": "Accepted: the object is yours.",
    "reject": "Rejected: there is no object.",
    "give back": "Given back: the model decides again.",
}


class Feedback(QObject):
    """What was done last, in words, and for a moment in the image.

    Attributes
    ----------
    words
        What was done last to the image in view, and how much in all; empty: nothing.
    """

    changed = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.session)
        self._desk = desk
        self.words = ""
        self._done: Counter[Verb] = Counter()
        self._flash: Flash | None = None
        self._tile: Box | None = None  # Is being accepted.
        desk.session.image_changed.connect(self._forget)
        desk.session.tiles_changed.connect(self._on_tiles)

    def close(self) -> None:
        """Take everything off the canvas, and let go of the others."""
        self._desk.session.image_changed.disconnect(self._forget)
        self._desk.session.tiles_changed.disconnect(self._on_tiles)
        flash, self._flash = self._flash, None
        if flash is not None:
            with contextlib.suppress(RuntimeError):  # It went with the canvas.
                flash.setParent(None)
                flash.deleteLater()

    def pixels_of(self, number: int) -> tuple[Box, NDArray[np.bool_]] | None:
        """Where an object is seen, and which pixels in there; None: nowhere."""
        window = self._desk.teacher.window
        layers = self._desk.viewer.layers
        shown = next((la for la in layers if use_of(la) == NAMES["instances"]), None)
        if window is None or shown is None or shown.data.shape != window.size:
            return None
        mask = shown.data == number
        lines = [np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0)]
        if not all(map(len, lines)):
            return None
        low, high = [int(at[0]) for at in lines], [int(at[-1]) + 1 for at in lines]
        size = tuple(b - a for a, b in zip(low, high, strict=True))
        origin = tuple(o + a for o, a in zip(window.origin, low, strict=True))
        return Box(origin, size), mask[low[0] : high[0], low[1] : high[1]]

    def note(self, verb: Verb, pixels: tuple[Box, NDArray[np.bool_]] | None) -> None:
        """Say what was done to an object, and show where."""
        self._done[verb] += 1
        self.words = f"{_WORDS[verb]} {self._tally()}".strip()
        if pixels is not None:
            self._show(*pixels, _COLOURS[verb])
        self.changed.emit()

    def tell(self, words: str, box: Box) -> None:
        """Say what was done to a box, and show where."""
        self.words = words
        self._show(box, np.ones(box.size, bool), _OF_TILE)
        self.changed.emit()

    def await_tile(self, box: Box) -> None:
        """Say so as soon as a tile of the image in view is finished."""
        self._tile = box

    def _tally(self) -> str:
        counts = (
            (self._done["accept"], "accepted"),
            (self._done["reject"], "rejected"),
        )
        parts = [f"{number} {words}" for number, words in counts if number]
        return f"In this image: {', '.join(parts)}." if parts else ""

    def _on_tiles(self, image_id: str) -> None:
        session, box = self._desk.session, self._tile
        if box is None or session.item is None or session.item.id != image_id:
            return
        tiles = []
        with contextlib.suppress(SemisegError):  # Whoever wants to draw them says it.
            tiles = session.annotations.tiles(session.item)
        if any(tile.finished and tile.box == box for tile in tiles):
            self._tile = None
            self.words = "Accepted: the tile is finished, with the objects shown."
            self._show(box, np.ones(box.size, bool), _COLOURS["accept"])
            self.changed.emit()

    def _show(self, box: Box, mask: NDArray[np.bool_], colour: str) -> None:
        if self._desk.viewer.dims.ndisplay != 2:
            return
        canvas = canvas_widget(self._desk.viewer)
        if self._flash is None and canvas is not None:
            self._flash = Flash(canvas)
        if self._flash is not None:
            place, viewer = self._desk.session.placement, self._desk.viewer
            # Pixels are drawn around their centres.
            low = on_canvas(viewer, place.to_world([o - 0.5 for o in box.origin]))
            high = on_canvas(viewer, place.to_world([e - 0.5 for e in box.end]))
            height, width = high[0] - low[0], high[1] - low[1]
            where = QRectF(low[1], low[0], width, height)
            self._flash.show_pixels(mask, where, colour)

    def _forget(self) -> None:
        self._done.clear()
        self._tile = None
        self.words = ""
        self.changed.emit()
