"""Which labels a click or a drag means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.viewer.keys import KEYS
from napari_semiseg.viewer.tools.grounds import (
    ModelGround,
    TileGround,
    instances_layer,
)
from napari_semiseg.viewer.tools.object_tools import NothingDone

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box
    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.tools.grounds import Ground
    from napari_semiseg.viewer.tools.rubber import Form

_STEPS = 65  # Places at which a line is looked at.


class Finder:
    """Finds the tile in hand where it is meant, else the objects of the image."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def at(self, world: Sequence[float]) -> Ground:
        """What is meant at a place in the world.

        Raises
        ------
        NothingDone
            When it cannot be changed.
        """
        tile = self._desk.session.tile
        if tile is not None and self._inside(tile, np.array([self._place(world)])):
            return self._tile(tile)
        return self._model()

    def along(
        self, start: Sequence[float], end: Sequence[float], form: Form
    ) -> Iterator[Ground]:
        """What a line or rectangle may mean: the tile in hand first, if it meets it.

        Raises
        ------
        NothingDone
            When it cannot be changed.
        """
        tile = self._desk.session.tile
        first, last = self._place(start), self._place(end)
        if tile is not None and self._meets(tile, first, last, form):
            yield self._tile(tile)
        yield self._model()

    def pixel(self, ground: Ground, world: Sequence[float]) -> tuple[float, float]:
        """Where a place in the world lies in the labels of a ground."""
        y, x = self._place(world) - np.array(ground.box.origin)
        return float(y), float(x)

    def _meets(
        self,
        tile: Box,
        first: NDArray[np.float64],
        last: NDArray[np.float64],
        form: Form,
    ) -> bool:
        if form == "line":
            return self._inside(tile, np.linspace(first, last, _STEPS))
        low, high = np.minimum(first, last), np.maximum(first, last)
        return bool((low < np.array(tile.end)).all() and (high >= tile.origin).all())

    def _inside(self, tile: Box, pixels: NDArray[np.float64]) -> bool:
        """Whether any of some pixels, float ``(n, 2)``, lies in the tile."""
        low, high = np.array(tile.origin) - 0.5, np.array(tile.end) - 0.5
        return bool(((pixels >= low) & (pixels < high)).all(axis=1).any())

    def _place(self, world: Sequence[float]) -> NDArray[np.float64]:
        return np.array(self._desk.session.placement.to_pixel(world), np.float64)

    def _tile(self, tile: Box) -> Ground:
        if not self._desk.annotating.ready():  # The reason was said.
            raise NothingDone("")
        return TileGround(self._desk.annotating, tile)

    def _model(self) -> Ground:
        desk = self._desk
        view = desk.teacher.acts.view if desk.teacher.ready else None
        if view is None:
            raise NothingDone("Choose an image in step 1 first.")
        layer = instances_layer(desk.viewer)
        if layer is None or not layer.visible:
            shows = KEYS["teacher layers"].shown
            raise NothingDone(
                f"The objects of the image are hidden: {shows} shows them."
            )
        return ModelGround(desk.teacher.acts, view, desk.viewer)
