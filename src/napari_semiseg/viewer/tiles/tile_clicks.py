"""A click into a tile takes it in hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels, Shapes

from napari_semiseg.viewer.own_layers import use_of
from napari_semiseg.viewer.tiles.annotation_layer import ANNOTATION
from napari_semiseg.viewer.tiles.tiles_layer import TILES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.viewer import Viewer

    from napari_semiseg.viewer.desk import Desk


class TileClicks:
    """Listens to clicks of the left button that have no other meaning.

    A click into a tile other than the one in hand counts with a brush too: a brush
    paints in the tile in hand only.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        desk.viewer.mouse_drag_callbacks.append(self._on_press)

    def close(self) -> None:
        """Listen no more."""
        callbacks = self._desk.viewer.mouse_drag_callbacks
        if self._on_press in callbacks:
            callbacks.remove(self._on_press)

    def click(self, world: Any) -> None:
        """Take the tile at a place in the world in hand, if a click may do so."""
        session = self._desk.session
        if session.item is None or not self._counts():
            return
        tile = self._desk.tiles.at(world)
        if tile is not None and tile.record.box != session.tile:
            session.take(tile.record.box)
        elif tile is None and self._brush_in_hand():
            session.say("Painting works in the tile in hand, the one with thick edges.")

    def _counts(self) -> bool:
        layer = self._desk.viewer.layers.selection.active
        if layer is None or isinstance(layer, Image):
            return layer is None or str(layer.mode) == "pan_zoom"
        if isinstance(layer, Shapes) and use_of(layer) == TILES:
            return str(layer.mode) in ("pan_zoom", "select")
        return isinstance(layer, Labels) and use_of(layer) == ANNOTATION

    def _brush_in_hand(self) -> bool:
        layer = self._desk.viewer.layers.selection.active
        ours = layer is not None and use_of(layer) == ANNOTATION
        return ours and str(layer.mode) in ("paint", "erase", "fill", "polygon")

    def _on_press(self, viewer: Viewer, event: Any) -> Iterator[None]:
        moved = False
        plain = event.button in (1, None) and not event.modifiers
        yield
        while event.type == "mouse_move":
            moved = True
            yield
        # A click may have been meant for an object, see `ObjectTool`.
        if plain and not moved and not event.handled:
            self.click(event.position)
