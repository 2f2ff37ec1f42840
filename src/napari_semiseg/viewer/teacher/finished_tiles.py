"""Finished tiles as the teacher's layers show them: their objects, with ids apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.project.annotation import Annotation, classes_in
from napari_semiseg.viewer.teacher.teacher_ids import placed, survey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box
    from napari_semiseg.project.annotations import AnnotationStore
    from napari_semiseg.project.records import ImageItem
    from napari_semiseg.viewer.teacher.teacher_ids import FreshIds


@dataclass(eq=False)
class FinishedTile:
    """The labels of a finished tile under ids that nothing else in the image has.

    Attributes
    ----------
    box
        Of the tile, in the image; it may reach beyond the window.
    instances
        int32 ``(*box.size)``: 0 background, -1 ignore, else ids as they are shown.
    stored
        The id in the tile's file of each id shown; ids of new objects are added when
        the tile is saved.
    classes
        Class of each object that is not of class 1, by its stored id.
    places
        A box around each object, in the image, by the id shown; it may be too large.
    """

    box: Box
    instances: NDArray[np.int32]
    stored: dict[int, int] = field(default_factory=dict)
    classes: Mapping[int, int] = field(default_factory=dict)
    places: dict[int, Box] = field(default_factory=dict)

    def annotation(self) -> Annotation:
        """The labels as they are to be stored."""
        shown = np.unique(self.instances[self.instances > 0])
        last = max(self.stored.values(), default=0)
        for number in shown.tolist():
            if number not in self.stored:
                last += 1
                self.stored[number] = last
        names = np.array([self.stored[n] for n in shown.tolist()], np.int32)
        result = np.minimum(self.instances, 0)
        there = self.instances > 0
        result[there] = names[np.searchsorted(shown, self.instances[there])]
        return Annotation.complete(result, classes_in(result, self.classes))

    def classes_shown(self) -> dict[int, int]:
        """Class of each object that is not of class 1, by the id shown."""
        kinds = self.classes
        return {n: kinds[s] for n, s in self.stored.items() if s in kinds}

    def name_class(self, number: int, kind: int) -> None:
        """Say of which class a new object is, by the id shown."""
        self.stored[number] = last = max(self.stored.values(), default=0) + 1
        if kind != 1:
            self.classes = {**self.classes, last: kind}

    def number_of(self, kind: int, fresh: FreshIds) -> int:
        """The id shown of all that is of a class, in a tile of a semantic task."""
        for number, stored in self.stored.items():
            if self.classes.get(stored, 1) == kind:
                return number
        number, last = fresh.one(), max(self.stored.values(), default=0)
        self.stored[number] = last + 1
        self.classes = {**self.classes, last + 1: kind}
        return number


def read_finished(
    store: AnnotationStore, item: ImageItem, window: Box
) -> list[FinishedTile]:
    """The finished tiles that reach into a window, under the ids of their files.

    Raises
    ------
    SemisegError
        When a file is damaged, or the tiles were drawn on other pixels.
    """
    tiles = []
    for record in store.tiles(item):
        if record.finished and record.box.overlaps(window):
            found = store.load(item, record.box)
            tiles.append(
                FinishedTile(record.box, found.instances, classes=found.classes)
            )
    return tiles


def shown_apart(
    tiles: Iterable[FinishedTile], fresh: FreshIds, before: Iterable[FinishedTile] = ()
) -> tuple[FinishedTile, ...]:
    """Give the objects of tiles as they were read ids of their own.

    Parameters
    ----------
    before
        The same tiles as they are shown now: known objects keep their ids.
    """
    known = {tile.box: tile.stored for tile in before}
    return tuple(_apart(tile, fresh, known.get(tile.box, {})) for tile in tiles)


def _apart(
    tile: FinishedTile, fresh: FreshIds, known: Mapping[int, int]
) -> FinishedTile:
    shown = {stored: number for number, stored in known.items()}
    present = np.unique(tile.instances[tile.instances > 0])
    new = [stored for stored in present.tolist() if stored not in shown]
    shown |= dict(zip(new, fresh.draw(len(new)).tolist(), strict=True))
    result = np.minimum(tile.instances, 0)
    there = tile.instances > 0
    names = np.array([shown[n] for n in present.tolist()], np.int32)
    result[there] = names[np.searchsorted(present, tile.instances[there])]
    stored = {number: old for old, number in shown.items()}
    return FinishedTile(
        tile.box, result, stored, tile.classes, _places(result, tile.box)
    )


def _places(instances: NDArray[np.int32], box: Box) -> dict[int, Box]:
    return {
        number: placed(found.place, box)
        for number, found in survey(
            np.maximum(instances, 0), np.zeros(instances.shape, bool)
        ).items()
    }
