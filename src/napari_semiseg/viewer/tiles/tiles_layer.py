"""The layer "tiles": which boxes of the image in view are labelled, or are to be."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Shapes
from qtpy.QtCore import QObject, QTimer, Signal

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.viewer.canvas import camera_of
from napari_semiseg.viewer.own_layers import add_behind_selection, mark
from napari_semiseg.viewer.tiles.tile_book import TileBook, count_objects
from napari_semiseg.viewer.tiles.tile_drawing import NEW, NUMBER, TileDrawing
from napari_semiseg.viewer.tiles.tile_shapes import corners_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_semiseg.project.records import ImageItem
    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.tiles.tile_book import Place, PlacedTile

TILES = "tiles"
"""Name of the layer, and what its mark says."""

STATE_COLOURS = {
    "to do": "#ffc800",
    "training": "#34c759",
    "validation": "#2f9bff",
    "no objects": "#c77dff",
}
"""Edge colours, readable on dark and bright images."""

_EDGE = 1.5  # Screen pixels.
_IN_HAND = 2.5  # How many times as thick the edge of the tile in hand is.
_ZOOM_DELAY = 150  # Milliseconds.


class TilesLayer(QObject):
    """Shows the tiles of the image in view; rectangles that are drawn become tiles.

    Attributes
    ----------
    book
        All tiles of the project.
    layer
        None while no image was in view.
    drawing
        What the user does to the rectangles.
    shown
        The boxes of its rectangles, in the order of their numbers.
    filling
        Whether the rectangles are being set to what is on the disk.
    """

    changed = Signal()
    """Tiles came, went, or changed state, in whatever image."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.session)
        self._desk = desk
        self.book = TileBook()
        self.layer: Shapes | None = None
        self.shown: list[Box] = []
        self.filling = False
        self.drawing = TileDrawing(desk, self)
        self._zoomed = QTimer(self)
        self._zoomed.setSingleShot(True)
        self._zoomed.timeout.connect(self._set_widths)
        session = desk.session
        session.project_changed.connect(self._read)
        session.images_changed.connect(self._read)
        session.tiles_changed.connect(self._read_image)
        session.image_changed.connect(self.draw)
        session.placed.connect(self.draw)
        session.tile_changed.connect(self._set_widths)
        camera_of(desk.viewer).events.zoom.connect(self._on_zoom)

    @property
    def in_view(self) -> list[PlacedTile]:
        """The tiles of the image in view."""
        item = self._desk.session.item
        return [] if item is None else self.book.of(item.id)

    def at(self, world: Sequence[float]) -> PlacedTile | None:
        """The tile at a place in the world."""
        y, x = self._desk.session.placement.to_pixel(world)
        pixel = Box((int(np.rint(y)), int(np.rint(x))), (1, 1))
        return next((t for t in self.in_view if t.record.box.contains(pixel)), None)

    def add(self, item: ImageItem, boxes: Sequence[Box]) -> list[Box]:
        """Add tiles that are to do; a sentence for those that cannot be."""
        session, added = self._desk.session, list[Box]()
        if session.read_only:
            session.say(session.read_only, problem=True)
            return added
        for box in boxes:
            try:
                session.annotations.add_tile(item, box)
            except SemisegError as error:
                session.say(str(error), problem=True)
            else:
                added.append(box)
        if added:
            session.tiles_changed.emit(item.id)
        return added

    def note_objects(self, place: Place, n_objects: int) -> None:
        """Remember how many objects a tile holds; its colour may depend on it."""
        before = self.book.find(*place)
        self.book.note_objects({place: n_objects})
        after = self.book.find(*place)
        if before and after and before.state != after.state:
            self.draw()
            self.changed.emit()

    def draw(self) -> None:
        """Show the tiles as they are on the disk."""
        layer = self._ensure()
        self.drawing.overdue = self.drawing.under_way
        if layer is None or self.drawing.overdue:
            return
        boxes = [tile.record.box for tile in self.in_view]
        self.filling = True
        try:
            self._place(layer)
            layer.selected_data = set()
            layer.data = []
            if boxes:
                layer.add_rectangles([corners_of(box) for box in boxes])
            # By its number a rectangle is known again, wherever it was moved.
            layer.features = {NUMBER: np.arange(len(boxes))}
            layer.feature_defaults = {NUMBER: NEW}
            self.shown = boxes
            colours = [STATE_COLOURS[tile.state] for tile in self.in_view]
            if boxes:
                layer.edge_color = colours
                layer.face_color = ["transparent"] * len(boxes)
            layer.current_edge_color = STATE_COLOURS["to do"]
            layer.current_face_color = "transparent"
            layer.editable = self._desk.session.writable
        finally:
            self.filling = False
        self._set_widths()

    def start_drawing(self) -> None:
        """Make the rectangle tool of the layer the tool in hand."""
        layer = self._ensure(again=True)
        if layer is None:
            self._desk.session.say("Choose an image first.", problem=True)
            return
        self._desk.viewer.layers.selection.active = layer
        layer.visible = True
        layer.mode = "add_rectangle"

    def close(self) -> None:
        """Remove the layer and let go of the viewer."""
        self._zoomed.stop()
        camera_of(self._desk.viewer).events.zoom.disconnect(self._on_zoom)
        self._remove()

    def _read(self) -> None:
        project = self._desk.session.project
        problems = self.book.read(project)
        for problem in problems[:1]:
            self._desk.session.say(problem, problem=True)
        if project is None:
            self._remove()
        self.draw()
        self.changed.emit()
        self._count()

    def _read_image(self, image_id: str) -> None:
        session = self._desk.session
        problem = self.book.read_image(session.opened, image_id)
        if problem:
            session.say(problem, problem=True)
        if session.item is not None and session.item.id == image_id:
            self.draw()
        self.changed.emit()
        self._count()

    def _count(self) -> None:
        """Count objects in the background: tiles without any look different."""
        project, tiles = self._desk.session.project, self.book.uncounted()
        if project is None or not tiles:
            return
        self._desk.background.submit(
            partial(count_objects, project, tiles),
            self._counted,
            topic="tile objects",
        )

    def _counted(self, counts: dict[Place, int]) -> None:
        self.book.note_objects(counts)
        self.draw()
        self.changed.emit()

    def _ensure(self, *, again: bool = False) -> Shapes | None:
        """The layer; made when there is an image, and again when it is asked for."""
        viewer = self._desk.viewer
        if self._desk.session.item is None:
            return self.layer if self.layer in viewer.layers else None
        if self.layer is not None and self.layer in viewer.layers:
            return self.layer
        if self.layer is not None and not again:
            return None  # The user has deleted it.
        layer = Shapes(ndim=2, name=TILES, opacity=1.0)
        mark(layer, TILES)
        layer.events.data.connect(self.drawing.on_shapes)
        layer.mouse_drag_callbacks.append(self.drawing.on_press)
        add_behind_selection(viewer, layer)
        self.layer = layer
        if again:
            self.draw()
        return layer

    def _remove(self) -> None:
        layer, self.layer = self.layer, None
        if layer is None:
            return
        layer.events.data.disconnect(self.drawing.on_shapes)
        if layer in self._desk.viewer.layers:
            self._desk.viewer.layers.remove(layer)

    def _place(self, layer: Shapes) -> None:
        placement = self._desk.session.placement.at(Box((0, 0), (1, 1)))
        for name, value in placement.items():
            if tuple(getattr(layer, name)) != tuple(value):
                setattr(layer, name, value)

    def _on_zoom(self, event: Any = None) -> None:
        self._zoomed.start(_ZOOM_DELAY)

    def _set_widths(self) -> None:
        """Edges as thick on the screen whatever the zoom, the one in hand thicker."""
        layer, session = self.layer, self._desk.session
        if layer is None or self.drawing.under_way or not layer.data:
            return
        if len(layer.data) != len(self.in_view):
            return
        thin = _EDGE / (camera_of(self._desk.viewer).zoom * float(layer.scale[-1]))
        self.filling = True
        try:
            layer.edge_width = [
                thin * (_IN_HAND if tile.record.box == session.tile else 1.0)
                for tile in self.in_view
            ]
            layer.current_edge_width = thin
        finally:
            self.filling = False
