"""What the models of several rounds see of a place: asked piece by piece, kept."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_semiseg.geometry import Box
from napari_semiseg.viewer.teacher.answer_files import open_answer
from napari_semiseg.viewer.teacher.questions import longest_side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_semiseg.project.records import ImageItem
    from napari_semiseg.runs.events import Event
    from napari_semiseg.viewer.desk import Desk

_KEPT = 3  # Sights that are kept: one may have 2048 x 2048 pixels.
_TRIES = 3  # Times that a piece is asked for when others come first.


@dataclass(frozen=True, eq=False)
class Sight:
    """What the model of a run sees of a box of an image.

    Attributes
    ----------
    run, image_id, box
        Whose, and where.
    pieces
        Box, probability float32 ``(K, *S)`` and label uint8 ``(*S)`` of each part; they
        may be memory-mapped.
    """

    run: str
    image_id: str
    box: Box
    pieces: tuple[tuple[Box, NDArray[np.float32], NDArray[np.uint8]], ...]

    def whole(self) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Probability ``(K, *box.size)`` and label ``(*box.size)``, put together."""
        n_classes = len(self.pieces[0][1])
        probability = np.empty((n_classes, *self.box.size), np.float32)
        label = np.empty(self.box.size, np.uint8)
        for box, seen, classes in self.pieces:
            here = box.relative_to(self.box).slices
            probability[(slice(None), *here)] = seen
            label[here] = classes
        return probability, label


class RoundSights(QObject):
    """Asks the server, one piece at a time: whatever is looked at comes first.

    Attributes
    ----------
    progress
        Pieces that are there, and all that are wanted; both 0: nothing is wanted.
    """

    ready = Signal(object)
    """A tuple of the `Sight` of each run, in the order they were asked for."""
    progressed = Signal()
    failed = Signal(str)
    """Why nothing will come, a sentence."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.session)
        self._desk = desk
        self._kept: list[Sight] = []
        self._wanted: tuple[tuple[str, str, Box], ...] = ()
        self._missing: list[tuple[str, Box]] = []
        self._found: dict[str, list[Any]] = {}
        self._item: ImageItem | None = None
        self._request: str | None = None
        self._tries = 0
        for signal, slot in self._connections():
            signal.connect(slot)

    @property
    def progress(self) -> tuple[int, int]:
        """Pieces that are there, and that are wanted."""
        done = sum(map(len, self._found.values()))
        return done, done + len(self._missing)

    @property
    def busy(self) -> bool:
        """Whether anything is awaited."""
        return bool(self._missing)

    def look(self, item: ImageItem, box: Box, runs: Sequence[str]) -> None:
        """Find out what models see of a box; `ready` tells, at once if it is known."""
        self.cancel()
        self._item = item
        self._wanted = tuple((run, item.id, box) for run in runs)
        side = longest_side(self._desk.server.default_device)
        known = {(s.run, s.image_id, s.box) for s in self._kept}
        unseen = [run for run, *place in self._wanted if (run, *place) not in known]
        self._found = {run: [] for run in unseen}
        self._missing = [(run, piece) for run in unseen for piece in pieces(box, side)]
        self._next()

    def cancel(self) -> None:
        """Want nothing any more."""
        request, self._request = self._request, None
        self._wanted, self._missing, self._found = (), [], {}
        self._tries = 0
        if request is not None:
            self._desk.server.cancel(request)

    def forget(self) -> None:
        """Want nothing, and keep nothing."""
        self.cancel()
        self._kept.clear()

    def close(self) -> None:
        """Let go of the others."""
        self.forget()
        for signal, slot in self._connections():
            signal.disconnect(slot)

    def _connections(self) -> list[tuple[Any, Callable[..., object]]]:
        desk = self._desk
        return [
            (desk.session.project_changed, self.forget),
            (desk.training.ended, self._on_end),
            (desk.server.answered, self._hear),
            (desk.server.lost, self._give_up),
            (desk.looking.changed, self._on_looking),
        ]

    def _on_end(self, _view: object) -> None:
        self._kept.clear()  # A run that went on has another model now.

    def _next(self) -> None:
        """Ask for a piece, unless somebody waits for what is in view."""
        if not self._wanted or self._request is not None:
            return
        if not self._missing:
            self._finish()
        elif self._item is not None and not self._desk.looking.waiting:
            run, piece = self._missing[0]
            self._request = self._desk.server.ask_preview(self._item, piece, run)
            if self._request is None:
                self.cancel()
                self.progressed.emit()

    def _on_looking(self) -> None:
        if self._missing and self._request is None:
            self._next()

    def _hear(self, event: Event) -> None:
        if self._request is None or event.get("request") != self._request:
            return
        self._request = None
        if event["event"] == "refused":
            self._give_up(event["sentence"])
            return
        folder, found = self._desk.server.previews, None
        if event["event"] == "preview" and folder is not None:
            found = open_answer(event, folder)
        if found is None:
            self._try_again()
            return
        self._tries = 0
        run, _ = self._missing.pop(0)
        box, arrays = found
        self._found[run].append((box, arrays[0], arrays[1]))
        self.progressed.emit()
        self._next()

    def _try_again(self) -> None:
        """Another look at the same image took its place: that is answered first."""
        self._tries += 1
        if self._tries >= _TRIES:
            self._give_up("The comparison was interrupted: ask for it again.")
        elif not self._desk.looking.waiting:
            self._next()

    def _give_up(self, sentence: str) -> None:
        if self._wanted:
            self._request = None
            self.cancel()
            self.failed.emit(sentence)

    def _finish(self) -> None:
        wanted, self._wanted = self._wanted, ()
        found, self._found = self._found, {}
        for run, image_id, box in wanted:
            if run in found:
                self._kept.append(Sight(run, image_id, box, tuple(found[run])))
        sights = {(s.run, s.image_id, s.box): s for s in self._kept}
        self._kept = self._kept[-_KEPT:]
        self.ready.emit(tuple(sights[place] for place in wanted))


def pieces(box: Box, side: int) -> Iterator[Box]:
    """Equal parts of a box of at most ``side`` pixels along each axis."""
    counts = [max(1, ceil(length / side)) for length in box.size]
    for place in np.ndindex(*counts):
        spans = list(zip(box.size, place, counts, strict=True))
        starts = [length * n // count for length, n, count in spans]
        ends = [length * (n + 1) // count for length, n, count in spans]
        origin = tuple(o + s for o, s in zip(box.origin, starts, strict=True))
        yield Box(origin, tuple(e - s for s, e in zip(starts, ends, strict=True)))
