"""Marking the tile in hand as done or not, and removing it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from napari_semiseg.errors import SemisegError
from napari_semiseg.viewer.counted import counted
from napari_semiseg.viewer.tiles.label_edits import separated
from napari_semiseg.viewer.tiles.offer import Offer

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_semiseg.project.annotation import Annotation
    from napari_semiseg.project.records import TileState
    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.tiles.annotating import Annotating
    from napari_semiseg.viewer.tiles.tile_book import PlacedTile

_SOME = 4  # Numbers named in a sentence.


class TileStates(QObject):
    """What the buttons and keys of the annotate step do to the tile as a whole."""

    def __init__(self, desk: Desk, annotating: Annotating) -> None:
        super().__init__(annotating)
        self._desk = desk
        self._annotating = annotating
        actions: dict[str, Callable[[], object]] = {
            "done": self.done,
            "no objects": self.no_objects,
            "validation": self.validation,
            "to do": self.to_do,
        }
        for name, action in actions.items():
            desk.keys.bind(name, action)

    def done(self) -> None:
        """Mark the tile as done: it trains."""
        self._finish("training")

    def validation(self) -> None:
        """Mark the tile as done, and hold it out to measure the model."""
        self._finish("validation")

    def no_objects(self) -> None:
        """Mark the tile as done, without an object in it."""
        if not self._annotating.ready():
            return
        count = self._annotating.n_objects
        if count:
            noun = "class" if self._annotating.tools.semantic else "object"
            self._say(
                f'This tile holds {counted(count, noun)}: press "Done", or erase '
                "what is painted."
            )
        else:
            self._set_state("training")

    def to_do(self) -> None:
        """Mark the tile as not done: it does not train."""
        if self._annotating.ready():
            self._set_state("to do")

    def remove(self) -> None:
        """Remove the tile in hand; an offer puts it back with its labels."""
        session, tile = self._desk.session, self._annotating.tile
        if not self._annotating.ready() or tile is None:
            return
        if not self._annotating.save():
            self._say("The tile was not removed, since its labels cannot be saved.")
            return
        box = tile.record.box
        try:
            kept = session.annotations.load(tile.item, box)
            session.annotations.remove_tile(tile.item, box)
        except SemisegError as error:
            self._say(str(error))
            return
        session.take(None)
        session.tiles_changed.emit(tile.item.id)
        self._offer(
            "The tile was removed with its labels.",
            "Put it back",
            partial(self._put_back, tile, kept),
        )

    def _finish(self, state: TileState) -> None:
        tile = self._annotating.tile
        if not self._annotating.ready() or tile is None:
            return
        if not tile.record.finished and not self._annotating.n_objects:
            self._say(
                "Nothing is painted in this tile. Paint its classes; if there is none, "
                'press "All background".'
                if self._annotating.tools.semantic
                else "Nothing is painted in this tile. Outline its objects; if there "
                'is none, press "No objects".'
            )
            return
        if self._set_state(state) and not self._annotating.tools.semantic:
            self._check_pieces()

    def _check_pieces(self) -> None:
        """Offer numbers of their own to the pieces of objects that are in several."""
        _, several = separated(self._annotating.annotation.labels)
        if not several:
            return
        some = ", ".join(map(str, several[:_SOME]))
        more = ", ..." if len(several) > _SOME else ""
        self._offer(
            f"{len(several)} number(s) ({some}{more}) lie in separate pieces. Is each "
            "piece an object of its own?",
            "Separate them",
            self._annotating.tools.separate,
        )

    def _set_state(self, state: TileState) -> bool:
        """Save the labels and the state of the tile in hand, at once."""
        annotating, place = self._annotating, self._annotating.place
        if place is None or not annotating.save():
            self._say("The tile is not marked, since its labels cannot be saved.")
            return False
        try:
            annotating.store.finish(place, annotating.annotation.labels, state)
        except SemisegError as error:
            self._say(str(error))
            return False
        self._desk.session.tiles_changed.emit(place[0])
        self._desk.tiles.note_objects(place, annotating.n_objects)
        return True

    def _put_back(self, tile: PlacedTile, kept: Annotation) -> None:
        self._annotating.propose(None)
        session, box = self._desk.session, tile.record.box
        try:
            session.annotations.save(tile.item, box, kept, tile.record.state)
        except SemisegError as error:
            self._say(str(error))
            return
        session.tiles_changed.emit(tile.item.id)
        self._annotating.take((tile.item.id, box))

    def _offer(self, text: str, button: str, accept: Callable[[], object]) -> None:
        self._annotating.propose(Offer(text, button, accept))

    def _say(self, sentence: str) -> None:
        self._desk.session.say(sentence, problem=True)
