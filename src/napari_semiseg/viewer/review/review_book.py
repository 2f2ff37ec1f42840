"""Noting what a person reviewed, as it is done, and how far the project is."""

from __future__ import annotations

import contextlib
import threading
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.project.reviews import (
    ReviewProgress,
    Standing,
    standings,
    summed,
)
from napari_semiseg.viewer.review.review_notes import apply_notes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem
    from napari_semiseg.project.reviews import ReviewState
    from napari_semiseg.viewer.desk import Desk

_CELL = 128  # Pixels a side of the fields by which strokes are noted.
_FEW = 16  # Fields; a larger change is noted as one.
_SOON = 300  # Milliseconds: one change seldom comes alone.


class ReviewBook(QObject):
    """Writes verdicts to the project, and counts them.

    What is accepted or rejected is noted by its box, strokes by fields of 128 pixels.
    What is undone or given back is forgotten again.

    Attributes
    ----------
    progress
        Of the open project; None until it has been counted.
    """

    changed = Signal()
    """`progress` is another one."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.session)
        self._desk = desk
        self.progress: ReviewProgress | None = None
        self._standings: dict[str, Standing] = {}
        self._notes = _Notes()
        self._dirty: set[str] | None = None  # Images to count anew; None: all.
        self._judging = False
        self._tile: Box | None = None  # Is being accepted.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        for signal, slot in self._connections():
            signal.connect(slot)

    def close(self) -> None:
        """Note no more, and let go of the others."""
        self._soon.stop()
        for signal, slot in self._connections():
            signal.disconnect(slot)

    def _connections(self) -> list[tuple[Any, Callable[..., object]]]:
        desk = self._desk
        return [
            (self._soon.timeout, self._count),
            (desk.session.project_changed, self._on_project),
            (desk.session.images_changed, self._count_all),
            (desk.session.image_changed, self._on_image),
            (desk.session.tiles_changed, self._on_tiles),
            (desk.session.corrected, self._on_corrected),
            (desk.session.corrections_changed, self._on_given_back),
            (desk.autosave.saved, self._on_saved),
            (desk.minutes.changed, self._tell),
        ]

    @contextlib.contextmanager
    def judging(self) -> Iterator[None]:
        """What is done to objects meanwhile is noted by `note`, not as strokes."""
        self._judging = True
        try:
            yield
        finally:
            self._judging = False

    def note(self, box: Box, state: ReviewState | None) -> None:
        """Note a verdict on a box of the image in view; None: it was taken back."""
        item = self._desk.session.item
        if item is not None:
            self._note(item.id, box, state)

    def await_tile(self, box: Box) -> None:
        """Note as accepted a tile of the image in view as soon as it is finished."""
        self._tile = box

    def _count_all(self) -> None:
        self._dirty = None
        self._soon.start(_SOON)

    def _count_soon(self, *image_ids: str) -> None:
        if self._dirty is not None:
            self._dirty |= set(image_ids)
        self._soon.start(_SOON)

    def _count(self) -> None:
        """Look at what has changed, beside the viewer."""
        project = self._desk.session.project
        if project is None:
            return
        dirty, self._dirty = self._dirty, set()
        self._desk.background.submit(
            partial(standings, project, dirty),
            partial(self._know, project, dirty is None),
        )

    def _note(self, image_id: str, box: Box, state: ReviewState | None) -> None:
        session, teacher = self._desk.session, self._desk.looking.teacher
        if not session.writable or box.empty:
            return
        item = session.opened.image(image_id)
        self._notes.put(image_id, box, state)
        model = None if teacher is None else teacher.run.id
        take = partial(self._notes.copied, session.opened, item, model)
        self._desk.autosave.mark(("reviews", image_id), take)

    def _on_corrected(self, image_id: str, box: Box) -> None:
        if self._judging:
            return
        item = self._desk.session.item
        shape = None if item is None or item.id != image_id else item.shape
        for field in fields_of(box, shape):
            self._note(image_id, field, "corrected")

    def _on_given_back(self, image_id: str) -> None:
        item = self._desk.session.item
        if item is not None and item.id == image_id:
            self._note(image_id, Box.whole(item.shape), None)

    def _on_tiles(self, image_id: str) -> None:
        session, box = self._desk.session, self._tile
        if box is not None and session.item is not None:
            finished = self._is_finished(session.item, box)
            if session.item.id == image_id and finished:
                self._tile = None
                self._note(image_id, box, "accepted")
        self._count_soon(image_id)

    def _is_finished(self, item: ImageItem, box: Box) -> bool:
        try:
            tiles = self._desk.session.annotations.tiles(item)
        except SemisegError:  # Whoever wants to draw them says it.
            return False
        return any(tile.finished and tile.box == box for tile in tiles)

    def _on_saved(self, _time: float) -> None:
        if written := self._notes.take_written():
            self._count_soon(*written)

    def _on_image(self) -> None:
        self._tile = None

    def _on_project(self) -> None:
        self._notes, self._standings, self.progress = _Notes(), {}, None
        self._tile = None
        self.changed.emit()
        self._dirty = None
        self._count()

    def _know(
        self, project: Project, everything: bool, found: dict[str, Standing]
    ) -> None:
        if project is not self._desk.session.project:
            return
        self._standings = found if everything else {**self._standings, **found}
        self._tell()

    def _tell(self) -> None:
        seconds = self._desk.minutes.seconds
        minutes = None if seconds is None else seconds / 60
        before, self.progress = (
            self.progress,
            summed(self._standings.values(), minutes) if self._standings else None,
        )
        if before != self.progress:
            self.changed.emit()


class _Notes:
    """Verdicts that are not on the disk; for two threads."""

    def __init__(self) -> None:
        self._by_image: dict[str, dict[Box, ReviewState | None]] = {}
        self._written: set[str] = set()
        self._lock = threading.Lock()

    def put(self, image_id: str, box: Box, state: ReviewState | None) -> None:
        """Note a verdict; the latest on a box counts."""
        with self._lock:
            self._by_image.setdefault(image_id, {})[box] = state

    def take_written(self) -> set[str]:
        """Ids of the images of which anything was written since the last call."""
        with self._lock:
            written, self._written = self._written, set()
            return written

    def copied(
        self, project: Project, item: ImageItem, model: str | None
    ) -> Callable[[], None]:
        """Take the verdicts on an image; the function returned writes them."""
        with self._lock:
            taken = self._by_image.pop(item.id, {})

        def write() -> None:
            try:
                apply_notes(project, item, taken, model)
            except Exception:
                with self._lock:  # Newer ones stay.
                    newer = self._by_image.get(item.id, {})
                    self._by_image[item.id] = {**taken, **newer}
                raise
            with self._lock:
                self._written.add(item.id)

        return write


def fields_of(box: Box, shape: tuple[int, ...] | None) -> list[Box]:
    """The fields of a grid that a box touches, inside the image; of many: the box.

    Parameters
    ----------
    shape
        Of the image; None: it is not known, and the box is taken as it is.
    """
    if shape is None or box.empty:
        return [box]
    first = [origin // _CELL for origin in box.origin]
    last = [-(-end // _CELL) for end in box.end]
    places = list(product(*map(range, first, last)))
    if len(places) > _FEW:
        return [box]
    size = (_CELL,) * len(shape)
    fields = (Box(tuple(_CELL * n for n in place), size) for place in places)
    return [field.clip(shape) for field in fields]
