"""Small pictures of tiles, made one after the other in the background."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_semiseg.geometry import Box

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_semiseg.geometry import ImageSource
    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.tiles.tile_book import Place

SIDE = 56
"""Pixels along the longer side, at most."""

_WHOLE = 1024 * 1024  # Pixels; of larger tiles only some rows are read.


class Thumbnails(QObject):
    """Keeps the pictures of tiles, and makes those that are missing."""

    made = Signal(object)
    """The place of a tile whose picture is there now."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.session)
        self._desk = desk
        self._pictures: dict[Place, NDArray[np.uint8]] = {}
        self._missing: list[Place] = []
        self._busy = False
        desk.session.project_changed.connect(self.forget)

    def get(self, place: Place) -> NDArray[np.uint8] | None:
        """The picture of a tile, uint8 ``(h, w, 3)``; None: not there yet."""
        return self._pictures.get(place)

    def want(self, places: Iterable[Place]) -> None:
        """Make pictures of these tiles, and forget those of others."""
        wanted = list(places)
        kept = set(wanted)
        self._pictures = {p: one for p, one in self._pictures.items() if p in kept}
        self._missing = [place for place in wanted if place not in self._pictures]
        self._next()

    def forget(self) -> None:
        """Forget all pictures."""
        self._pictures, self._missing = {}, []

    def _next(self) -> None:
        """Make one picture; other work in the background gets its turn between."""
        project = self._desk.session.project
        if self._busy or not self._missing or project is None:
            return
        place = self._missing.pop(0)
        item = next((one for one in project.images if one.id == place[0]), None)
        if item is None:
            self._next()
            return
        self._busy = True

        def work() -> NDArray[np.uint8]:
            return picture(project.source(item), place[1])

        self._desk.background.submit(work, partial(self._keep, place), self._left_out)

    def _keep(self, place: Place, made: NDArray[np.uint8]) -> None:
        self._busy = False
        self._pictures[place] = made
        self.made.emit(place)
        self._next()

    def _left_out(self, _sentence: str) -> None:
        """A missing image is named in the list of images: the tile stays grey."""
        self._busy = False
        self._next()


def picture(source: ImageSource, box: Box, side: int = SIDE) -> NDArray[np.uint8]:
    """A small picture of a box, with the brightness its image is shown with.

    Returns
    -------
    NDArray[np.uint8]
        ``(h, w, 3)``: grey of one channel; red, green and blue of three; magenta and
        green of two; of more channels the first three.
    """
    step = max(1, -(-max(box.size) // side))
    pixels = _strided(source, box, step)
    shown = (np.clip(pixels[:3], 0, 1) * 255).astype(np.uint8)
    if len(shown) == 1:
        shown = shown[[0, 0, 0]]
    elif len(shown) == 2:
        shown = shown[[0, 1, 0]]
    return np.ascontiguousarray(np.moveaxis(shown, 0, -1))


def _strided(source: ImageSource, box: Box, step: int) -> NDArray[np.float32]:
    if np.prod(box.size) <= _WHOLE:
        # Averages of blocks: every second pixel of a fine texture would be noise.
        pixels = source.read(box)
        channels, *size = pixels.shape
        height, width = (max(1, length // step) for length in size)
        if min(size) < step:
            return pixels[:, ::step, ::step]
        cut = pixels[:, : height * step, : width * step]
        blocks = cut.reshape(channels, height, step, width, step)
        mean: NDArray[np.float32] = blocks.mean(axis=(2, 4))
        return mean
    (top, left), (_, width) = box.origin, box.size
    rows = [
        source.read(Box((row, left), (1, width)))[:, :, ::step]
        for row in range(top, box.end[0], step)
    ]
    return np.concatenate(rows, axis=1)
