"""Annotating: the tile in hand is shown, painted in and saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_semiseg.errors import SemisegError
from napari_semiseg.viewer.canvas import look_at
from napari_semiseg.viewer.tiles.annotation_layer import AnnotationLayer
from napari_semiseg.viewer.tiles.label_tools import LabelTools
from napari_semiseg.viewer.tiles.tile_clicks import TileClicks
from napari_semiseg.viewer.tiles.tile_states import TileStates
from napari_semiseg.viewer.tiles.tile_store import TileStore

if TYPE_CHECKING:
    from napari_semiseg.geometry import Box
    from napari_semiseg.project.records import ImageItem
    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.tiles.offer import Offer
    from napari_semiseg.viewer.tiles.tile_book import Place, PlacedTile

_LARGEST = 4096 * 4096  # Pixels of a tile that is painted in.


class Annotating(QObject):
    """The tile in hand: what is in it, and which it is.

    Attributes
    ----------
    annotation
        The layer the user paints in.
    tools
        What changes labels of the tile in hand.
    states
        What marks the tile in hand as done, or removes it.
    offer
        What the user may accept now; None: nothing.
    """

    changed = Signal()
    """Another tile, state, label or tool: show how things stand."""
    edited = Signal()
    """The labels of the tile in hand changed."""
    offered = Signal()
    """There is an offer, or none any more."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.session)
        self._desk = desk
        self.offer: Offer | None = None
        self.annotation = AnnotationLayer(desk.viewer, self)
        self.store = TileStore(desk)
        self.tools = LabelTools(desk, self)
        self.states = TileStates(desk, self)
        self.clicks = TileClicks(desk)
        self._place: Place | None = None
        self._wanted: Place | None = None
        self._begun = False
        self._overdue = False  # Others changed the tile in hand.
        self.annotation.edited.connect(self._mark)
        self.annotation.misfit.connect(self._on_misfit)
        self.annotation.removed.connect(self._on_removed)
        self.annotation.number_changed.connect(self.changed)
        session = desk.session
        session.leaving.connect(self._leave)
        session.tile_changed.connect(self._load)
        session.placed.connect(self._move)
        session.project_changed.connect(self._on_project)
        session.tiles_changed.connect(self._on_tiles)
        session.corrections_changed.connect(self._on_tiles)
        session.corrected.connect(self._on_corrected)
        desk.autosave.saved.connect(self._on_saved)
        desk.images.shown.connect(self._arrive)
        desk.tiles.changed.connect(self.changed)
        desk.keys.bind("previous tile", self.go_back)
        desk.keys.bind("next tile", self.go_next)

    @property
    def place(self) -> Place | None:
        """Image and box of the tile that is painted in; None: none is."""
        return self._place

    @property
    def tile(self) -> PlacedTile | None:
        """The tile in hand, as it is on the disk."""
        place = self._place
        return None if place is None else self._desk.tiles.book.find(*place)

    @property
    def n_objects(self) -> int:
        """Objects in the tile in hand."""
        labels = self.annotation.labels
        return 0 if self._place is None else len(np.unique(labels[labels > 0]))

    @property
    def n_training_tiles(self) -> int:
        """Finished tiles of the project that a model can learn from."""
        return self._desk.tiles.book.count(lambda t: t.record.state == "training")

    def has_strokes(self, item: ImageItem, box: Box) -> bool:
        """Whether a tile holds labels, or is finished.

        Raises
        ------
        SemisegError
            When its file is damaged.
        """
        if self._place == (item.id, box) and bool(self.annotation.labels.any()):
            return True
        return self.store.has_labels(item, box)

    def ready(self) -> bool:
        """Whether the tile in hand may be changed; else a sentence says why not."""
        why_not = self.why_not
        if why_not:
            self._desk.session.say(why_not, problem=True)
        elif self._overdue and self.save():
            self._catch_up()
        return why_not is None

    @property
    def why_not(self) -> str | None:
        """Why the tile in hand cannot be changed; None: it can."""
        session = self._desk.session
        if session.read_only:
            return session.read_only
        if self._place is None or self._desk.session.project is None:
            return "Take a tile in hand first: click it among the tiles."
        return None

    def go_next(self) -> None:
        """Take the next tile in hand, in whichever image it is."""
        self._go(1)

    def go_back(self) -> None:
        """Take the tile before in hand, in whichever image it is."""
        self._go(-1)

    def take(self, place: Place) -> None:
        """Take a tile in hand; its image is put in view first."""
        session = self._desk.session
        tile = self._desk.tiles.book.find(*place)
        if tile is None:
            return
        if session.item is not None and session.item.id == tile.item.id:
            self._wanted = None
            session.take(tile.record.box)
            return
        self._wanted = tile.place
        self._desk.images.show(tile.item)

    def save(self) -> bool:
        """Write the labels of the tile in hand now; False when that failed.

        To be called before anybody else changes the tile on the disk.
        """
        self.annotation.compare()
        return self._desk.autosave.flush()

    def propose(self, offer: Offer | None) -> None:
        """Offer something, in the place of what was offered; None: nothing."""
        if self.offer is not offer:
            self.offer = offer
            self.offered.emit()

    def close(self) -> None:
        """Save, remove the layer, and let go of the viewer."""
        self._leave()
        self.clicks.close()
        self._place = None
        self.annotation.close()

    def _go(self, step: int) -> None:
        item = self._desk.session.item
        here = "" if item is None else item.id
        tile = self._desk.tiles.book.beside(self._place, here, step)
        if tile is None:
            self._say("There is no tile yet: suggest some, or draw one.")
        else:
            self.take(tile.place)

    def _say(self, sentence: str) -> None:
        self._desk.session.say(sentence, problem=True)

    def _load(self) -> None:
        """Show the labels of the tile in hand."""
        self.propose(None)
        self._place, self._overdue = None, False
        session = self._desk.session
        item, box = session.item, session.tile
        if item is None or box is None or not self._show(item, box):
            self.annotation.clear()
        self.changed.emit()

    def _show(self, item: ImageItem, box: Box) -> bool:
        session = self._desk.session
        if np.prod(box.size) > _LARGEST:
            self._say("This tile is too large to paint in: it is used as it is.")
            return False
        try:
            labels = self.store.load(item, box)
        except SemisegError as error:
            self._say(str(error))
            return False
        self._place = item.id, box
        self.annotation.show(labels, session.placement, box, editable=session.writable)
        look_at(self._desk.viewer, session.placement, box)
        if not self._begun:
            # A brush in the user's hand at the first tile; later the tool is theirs.
            self._begun = True
            self.annotation.set_brush(box)
            self.annotation.take_in_hand()
        return True

    def _move(self) -> None:
        if self._place is not None:
            self.annotation.place(self._desk.session.placement, self._place[1])

    def _arrive(self) -> None:
        """The image that was asked for is in view: take its tile in hand."""
        wanted, self._wanted = self._wanted, None
        item = self._desk.session.item
        if wanted is not None and item is not None and item.id == wanted[0]:
            self._desk.session.take(wanted[1])

    def _mark(self) -> None:
        """Have the labels saved soon."""
        place = self._place
        if place is not None and self._desk.session.writable:
            take = self.store.saving(place, self.annotation)
            self._desk.autosave.mark(("tile", *place), take)
            self.edited.emit()

    def _leave(self) -> None:
        """Have what is not saved yet copied, before something else is shown."""
        self.annotation.compare()
        if self._place is not None:
            self._desk.autosave.take()

    def _on_tiles(self, image_id: str) -> None:
        """Others changed tiles or corrections of an image."""
        if self._place is None or self._place[0] != image_id:
            return
        if self.tile is None:
            self._desk.session.take(None)
        else:
            self._overdue = True
            self._catch_up()

    def _on_corrected(self, image_id: str, box: Box) -> None:
        """An object was accepted, maybe, inside the tile in hand."""
        place = self._place
        if place is not None and place[0] == image_id and place[1].overlaps(box):
            self._overdue = True

    def _on_saved(self, _time: float) -> None:
        if self._overdue and not self._desk.autosave.unsaved:
            self._catch_up()

    def _catch_up(self) -> None:
        """Show what others did to the tile in hand, as a step that can be undone."""
        place, item = self._place, self._desk.session.item
        if place is None or item is None or self.store.pending(place):
            return
        self._overdue = False
        try:
            labels = self.store.load(item, place[1])
        except SemisegError as error:
            self._say(str(error))
        else:
            self.annotation.replace(labels)

    def _on_misfit(self) -> None:
        self.annotation.set_editable(self._desk.session.writable)
        self._say("The layer annotation was given other pixels: the labels are back.")

    def _on_removed(self) -> None:
        """The user has removed the layer: its labels are saved, no tile is in hand."""
        self._desk.session.take(None)

    def _on_project(self) -> None:
        self._wanted = None
        if self._desk.session.project is None:
            self._place = None
            self.annotation.remove()
        self.changed.emit()
