"""Marking a place as one to label: it becomes a tile to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.project.reviews import ReviewStore
from napari_semiseg.viewer.keys import KEYS
from napari_semiseg.viewer.review.tile_spot import SIDE, free_box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_semiseg.project.records import ImageItem, TileRecord
    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.review.feedback import Feedback

_MARKED = "Needs work: the tile waits for you in step 2. {} once more undoes it."
_GONE = "Not marked any more."
_TEST = (
    "This image is held out for testing, and trains nothing: its tiles need no work."
)
_FINISHED = "The tile here is finished: take it in hand in step 2 and press {}."
_NO_ROOM = "Other tiles lie around this place: point at one of them, or elsewhere."


class NeedsWork:
    """Marks the tile at the cursor, or a new one there; once more: does not."""

    def __init__(self, desk: Desk, feedback: Feedback) -> None:
        self._desk = desk
        self._feedback = feedback
        self._made: set[tuple[str, Box]] = set()  # Tiles that would not be there else.

    def why_not(self) -> str | None:
        """Why nothing can be marked, a sentence; None: it can."""
        session = self._desk.session
        if session.project is None:
            return "Open a project first."
        if session.read_only:
            return session.read_only
        if session.item is None:
            return "Choose an image in step 1 first."
        return _TEST if session.item.role == "test" else None

    def toggle(self) -> None:
        """Mark the tile here, or take the mark back."""
        session, reason = self._desk.session, self.why_not()
        if reason is None:
            try:
                self._toggle()
            except (SemisegError, OSError) as error:
                reason = str(error)
        if reason is not None:
            session.say(reason, problem=True)

    def _toggle(self) -> None:
        session = self._desk.session
        item = session.item
        if item is None:
            return
        tiles = session.annotations.tiles(item)
        here = self._here(item)
        there = next((tile for tile in tiles if tile.box.contains(here)), None)
        if there is None:
            self._mark(item, self._add(item, tiles, here))
        elif there.finished:
            raise SemisegError(_FINISHED.format(KEYS["to do"].shown))
        elif self._is_marked(item, there.box):
            self._unmark(item, there.box)
        else:
            self._mark(item, there.box)

    def _here(self, item: ImageItem) -> Box:
        """The pixel that is meant: under the cursor, else in the middle of the view."""
        session, viewer = self._desk.session, self._desk.viewer
        whole = Box.whole(item.shape)
        if viewer.mouse_over_canvas:
            return _pixel(session.placement.to_pixel(viewer.cursor.position), whole)
        visible = self._desk.looking.visible()
        return _pixel(_middle(whole if visible.empty else visible), whole)

    def _add(self, item: ImageItem, tiles: Sequence[TileRecord], here: Box) -> Box:
        size = tiles[-1].box.size if tiles else (SIDE,) * len(item.shape)
        boxes = [tile.box for tile in tiles]
        box = free_box(_middle(here), size, item.shape, boxes)
        if box is None:
            raise SemisegError(_NO_ROOM)
        self._desk.session.annotations.add_tile(item, box)
        self._made.add((item.id, box))
        return box

    def _mark(self, item: ImageItem, box: Box) -> None:
        teacher = self._desk.looking.teacher
        model = None if teacher is None else teacher.run.id
        self._store().note(item, box, "needs work", model)
        key = KEYS["needs work"].shown
        self._tell(item, _MARKED.format(key), box)

    def _unmark(self, item: ImageItem, box: Box) -> None:
        """Forget the mark, and the tile that was made for it, unless it was used."""
        self._store().forget(item, box)
        annotations = self._desk.session.annotations
        found = annotations.load(item, box)
        used = found.annotated.any() or self._desk.session.tile == box
        if (item.id, box) in self._made and not used:
            annotations.remove_tile(item, box)
        self._made.discard((item.id, box))
        self._tell(item, _GONE, box)

    def _tell(self, item: ImageItem, words: str, box: Box) -> None:
        self._desk.session.tiles_changed.emit(item.id)
        self._feedback.tell(words, box)

    def _is_marked(self, item: ImageItem, box: Box) -> bool:
        reviews = self._store().reviews(item)
        return any(r.box == box and r.state == "needs work" for r in reviews)

    def _store(self) -> ReviewStore:
        return ReviewStore(self._desk.session.opened)


def _middle(box: Box) -> tuple[float, ...]:
    return tuple(o + (s - 1) / 2 for o, s in zip(box.origin, box.size, strict=True))


def _pixel(place: Sequence[float], whole: Box) -> Box:
    """The pixel at a place, or the nearest one of the image."""
    origin = tuple(
        min(max(0, round(p)), end - 1) for p, end in zip(place, whole.end, strict=True)
    )
    return Box(origin, (1,) * len(origin))
