"""Suggesting tiles in the background, and the size they should have."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_semiseg.errors import SemisegError
from napari_semiseg.project.object_size import (
    DEFAULT_TILE_SIZE,
    ObjectSize,
    estimate_object_size,
    size_warning,
    suggest_tile_size,
)
from napari_semiseg.project.suggesting import suggest_tiles
from napari_semiseg.viewer.tiles.offer import Offer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_semiseg.project.project import Project
    from napari_semiseg.project.suggesting import SuggestedTile
    from napari_semiseg.viewer.desk import Desk


class Suggesting(QObject):
    """Finds tiles worth labelling; what it finds becomes tiles to do.

    Attributes
    ----------
    size
        Of the objects; None while it has not been looked at.
    """

    changed = Signal()
    """Work began or ended, or the objects' size is known."""
    progressed = Signal(int, int)
    """Images looked into, and all of them."""
    finished = Signal(int)
    """How many tiles were added."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.session)
        self._desk = desk
        self.size: ObjectSize | None = None
        self._stop: threading.Event | None = None
        self._looked_at: set[str] = set()
        self._warned_of: set[int] = set()
        desk.session.project_changed.connect(self._on_project)
        desk.session.images_changed.connect(self.estimate)

    @property
    def busy(self) -> bool:
        """Whether tiles are being sought."""
        return self._stop is not None

    @property
    def tile_size(self) -> int:
        """Side of tiles that suits the objects."""
        return DEFAULT_TILE_SIZE if self.size is None else suggest_tile_size(self.size)

    def estimate(self) -> None:
        """Look how large the objects are, once there are other images."""
        project = self._desk.session.project
        if project is None:
            return
        images = {f"{item.id} {item.shape}" for item in project.images}
        if not images or images == self._looked_at:
            return
        self._looked_at = images
        self._desk.background.submit(
            partial(estimate_object_size, project),
            self._measured,
            self._not_measured,
            topic="object size",
        )

    def start(self, count: int, side: int) -> None:
        """Seek tiles; they become tiles to do, and the first is taken in hand."""
        session = self._desk.session
        if self.busy or session.project is None or self._warned(side):
            return
        self._stop = stop = threading.Event()
        self.changed.emit()
        self._desk.background.submit(
            partial(
                suggest_tiles,
                session.project,
                count,
                side,
                progress=self.progressed.emit,
                should_stop=stop.is_set,
            ),
            partial(self._add, session.project, stop),
            self._failed,
            topic="suggest",
        )

    def cancel(self) -> None:
        """Give the search up; tiles found so far are not added."""
        if self._stop is not None:
            self._stop.set()
            self._end()

    def _end(self) -> None:
        self._stop = None
        self.changed.emit()

    def _measured(self, size: ObjectSize) -> None:
        self.size = size
        self.changed.emit()

    def _not_measured(self, _sentence: str) -> None:
        """Nothing is known of the size then: the usual one is suggested."""

    def _failed(self, sentence: str) -> None:
        self._end()
        self._desk.session.say(sentence, problem=True)

    def _add(
        self, project: Project, stop: threading.Event, found: Sequence[SuggestedTile]
    ) -> None:
        if stop.is_set() or self._desk.session.project is not project:
            return
        self._end()
        added = [
            (item.id, box)
            for item in {tile.item.id: tile.item for tile in found}.values()
            for box in self._desk.tiles.add(
                item, [tile.box for tile in found if tile.item.id == item.id]
            )
        ]
        if added:
            tiles = self._desk.tiles.book.all()
            first = next(tile.place for tile in tiles if tile.place in added)
            self._desk.annotating.take(first)
        else:
            self._desk.session.say(
                "There is no room for another tile of this size: choose a smaller "
                "one, or add images.",
                problem=True,
            )
        self.finished.emit(len(added))

    def _warned(self, side: int) -> bool:
        """Whether to wait, since objects are too large for tiles of this size.

        Asked once a size, and before there is a tile: later the scale is fixed.
        """
        warning = None if self.size is None else size_warning(self.size, side)
        if warning is None or side in self._warned_of or self._desk.tiles.book.all():
            return False
        self._warned_of.add(side)
        self._desk.annotating.propose(
            Offer(
                f"{warning.sentence} To go on as it is, suggest tiles again.",
                f"Reduce {warning.reduction} times",
                partial(self._reduce, warning.reduction),
            )
        )
        return True

    def _reduce(self, reduction: int) -> None:
        """Work on pixels so many times as wide, from now on."""
        session = self._desk.session
        session.show(None)
        try:
            project = session.opened
            project.set_reduction(project.reduction * reduction)
        except SemisegError as error:
            session.say(str(error), problem=True)
        self._desk.annotating.propose(None)
        session.images_changed.emit()
        if session.opened.images:
            self._desk.images.show(session.opened.images[0])

    def _on_project(self) -> None:
        self.cancel()
        self.size = None
        self._looked_at = set()
        self._warned_of = set()
        self._desk.background.forget("suggest")
        self._desk.background.forget("object size")
        self.changed.emit()
