"""Rectangles that the user draws, moves and deletes, made true of the tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_semiseg.errors import SemisegError
from napari_semiseg.viewer.tiles.tile_shapes import differ, extent_of, snapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from napari.layers import Shapes
    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box
    from napari_semiseg.project.records import ImageItem
    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.tiles.tiles_layer import TilesLayer

NUMBER = "tile"
"""Name of the feature that holds a rectangle's number."""
NEW = -1
"""Number of a rectangle that is no tile yet."""

_COMPLETE = ("added", "changed", "removed")
_SLIP = 4  # Pixels; a smaller rectangle is a click that went wrong.


class TileDrawing(QObject):
    """Follows the rectangles of the layer "tiles".

    A new one becomes a tile. An empty tile is moved and deleted with its rectangle; of
    a labelled one the rectangle comes back.

    Attributes
    ----------
    overdue
        Whether the tiles changed while the user was at work on a rectangle.
    """

    drawn = Signal()
    """The user has drawn a rectangle, whether or not it became a tile."""

    def __init__(self, desk: Desk, tiles: TilesLayer) -> None:
        super().__init__(tiles)
        self._desk = desk
        self._tiles = tiles
        self._pressed = False
        self.overdue = False

    def on_shapes(self, event: Any) -> None:
        """Look at what became of the rectangles, once napari has finished with them."""
        if not self._tiles.filling and str(event.action) in _COMPLETE:
            QTimer.singleShot(0, self.reconcile)

    def on_press(self, layer: Shapes, event: Any) -> Iterator[None]:
        """Note that the mouse is down: the rectangles must not be replaced then."""
        self._pressed = True
        yield
        while event.type == "mouse_move":
            yield
        self._pressed = False
        if self.overdue:
            QTimer.singleShot(0, self.reconcile)

    @property
    def under_way(self) -> bool:
        """Whether the user is at work on a rectangle."""
        # napari does not tell otherwise that a polygon is being drawn, click by click.
        return self._pressed or getattr(self._tiles.layer, "_is_creating", False)

    def reconcile(self) -> None:
        """Make what the user did to the rectangles true of the tiles, or undo it."""
        layer, session = self._tiles.layer, self._desk.session
        if layer is None or session.item is None or self._tiles.filling:
            return
        numbers = layer.features[NUMBER] if NUMBER in layer.features else []
        try:
            if len(numbers) == len(layer.data):
                self._compare(session.item, zip(layer.data, numbers, strict=True))
        except SemisegError as error:
            session.say(str(error), problem=True)
        self._tiles.draw()

    def _compare(
        self, item: ImageItem, shapes: Iterable[tuple[NDArray[Any], int]]
    ) -> None:
        fresh = []
        gone = dict(enumerate(self._tiles.shown))
        for corners, number in shapes:
            box = gone.pop(int(number), None)  # A copy has the number of another one.
            if box is None:
                fresh.append(corners)
            elif differ(corners, box):
                self._move(item, box, corners)
        for box in gone.values():
            self._delete(item, box)
        for corners in fresh:
            self._new(item, corners)

    def _new(self, item: ImageItem, corners: NDArray[Any]) -> None:
        low, high = extent_of(corners)
        if max(high - low) >= _SLIP and self._allowed(item):
            box = snapped(corners, item.shape)
            if self._tiles.add(item, [box]):
                self._desk.session.take(box)
        self.drawn.emit()

    def _move(self, item: ImageItem, box: Box, corners: NDArray[Any]) -> None:
        new = snapped(corners, item.shape)
        if new == box or not self._bare(
            item, box, "it stays where it is, since its labels belong to these pixels"
        ):
            return
        session = self._desk.session
        in_hand = session.tile == box
        try:
            session.annotations.remove_tile(item, box)
            session.annotations.add_tile(item, new)
        except SemisegError as error:
            session.annotations.add_tile(item, box)
            session.say(str(error), problem=True)
            new = box
        session.tiles_changed.emit(item.id)
        if in_hand:
            session.take(new)

    def _delete(self, item: ImageItem, box: Box) -> None:
        if not self._bare(
            item, box, 'press "Remove tile" to remove it with its labels'
        ):
            return
        session = self._desk.session
        if session.tile == box:
            session.take(None)
        session.annotations.remove_tile(item, box)
        session.tiles_changed.emit(item.id)

    def _bare(self, item: ImageItem, box: Box, advice: str) -> bool:
        """Whether a tile may be changed: it is empty, and nobody else holds it."""
        session = self._desk.session
        if not self._allowed(item):
            return False
        if self._desk.annotating.has_strokes(item, box):
            session.say(f"This tile is labelled already: {advice}.", problem=True)
            return False
        return True

    def _allowed(self, item: ImageItem) -> bool:
        session = self._desk.session
        if session.read_only:
            session.say(session.read_only, problem=True)
        elif item.role == "test":
            session.say(
                f"{item.name} is held out for testing: tiles in it would never train. "
                "Draw the tile in another image.",
                problem=True,
            )
            return False
        return session.writable
