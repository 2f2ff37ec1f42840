"""Between the tile in hand and the disk: what is loaded, and what is saved of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.project.accepting import open_tile
from napari_semiseg.project.annotation import Annotation, classes_in
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.class_tiles import load_class_tile, open_class_tile
from napari_semiseg.project.correction_planes import UNSET_CLASS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem, TileState
    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.tiles.annotation_layer import AnnotationLayer
    from napari_semiseg.viewer.tiles.tile_book import Place


def _load_tile(project: Project, item: ImageItem, box: Box) -> Annotation:
    return AnnotationStore(project).load(item, box)


# By the task, and whether the tile is finished; of a semantic task ids are classes.
_READ: dict[tuple[str, bool], Callable[[Project, ImageItem, Box], Annotation]] = {
    ("instances", True): _load_tile,
    ("instances", False): open_tile,
    ("semantic", True): load_class_tile,
    ("semantic", False): open_class_tile,
}


@dataclass(frozen=True, eq=False)
class _Ground:
    """What is known of a tile besides its labels.

    ``looked_at``: where a 0 means that there is no object; ``classes`` of its objects.
    """

    item: ImageItem
    looked_at: NDArray[np.bool_]
    classes: dict[int, int] = field(default_factory=dict)


class TileStore:
    """Reads and writes tiles; labels on their way to the disk are not read from it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ground: dict[Place, _Ground] = {}
        self._under_way: dict[Place, NDArray[np.int32]] = {}
        self._marked: set[Place] = set()

    def load(self, item: ImageItem, box: Box) -> NDArray[np.int32]:
        """The labels of a tile, and what was drawn or accepted there before it was.

        Raises
        ------
        SemisegError
            When there is no such tile, or its file is damaged.
        """
        session, place = self._desk.session, (item.id, box)
        # Asked for first: it may reach the disk while that is read.
        newest = self._under_way.get(place)
        finished = session.annotations.tile(item, box).finished
        read = _READ[session.opened.task, finished]
        found = read(session.opened, item, box)
        looked_at = found.annotated
        if not finished:
            # Erasing what was accepted before says that there is no object.
            given = session.corrections.read(item, box)
            said = given.claimed
            if session.opened.task == "semantic":
                said = said | (looked_at & (given.classes != UNSET_CLASS))
            looked_at = said | (looked_at & (found.instances == 0))
        before = self._ground.get(place)
        # Undoing may bring back objects that are not on the disk.
        classes = {**(before.classes if before else {}), **found.classes}
        self._ground = {place: _Ground(item, looked_at, classes)}
        return (found.instances if newest is None else newest).copy()

    def class_of(self, number: int) -> int:
        """The class of an object of the tile in hand."""
        (ground,) = self._ground.values()
        return ground.classes.get(number, 1)

    def give_class(self, number: int, kind: int) -> None:
        """Note the class of an object that is not painted yet, or has just been."""
        (ground,) = self._ground.values()
        ground.classes[number] = kind

    def has_labels(self, item: ImageItem, box: Box) -> bool:
        """Whether a tile on the disk holds labels, or is finished."""
        store = self._desk.session.annotations
        if store.tile(item, box).finished:
            return True
        found = store.load(item, box)
        return bool(found.instances.any() or found.annotated.any())

    def looked_at(self, labels: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Where the tile in hand is known, while it is not finished."""
        (ground,) = self._ground.values()
        return _looked_at(labels, ground)

    def pending(self, place: Place) -> bool:
        """Whether labels of a tile are not on the disk yet."""
        return place in self._marked or place in self._under_way

    def saving(
        self, place: Place, layer: AnnotationLayer
    ) -> Callable[[], Callable[[], None]]:
        """A function that copies the labels of the tile in hand, for `Autosave`."""
        ground = self._ground[place]
        store = self._desk.session.annotations
        self._marked.add(place)

        def take() -> Callable[[], None]:
            labels = np.array(layer.labels)
            self._marked.discard(place)
            self._under_way[place] = labels
            annotation = _annotation(labels, ground)

            def write() -> None:
                self._write(store, place, ground, annotation)

            return write

        return take

    def finish(self, place: Place, labels: NDArray[np.int32], state: TileState) -> None:
        """Write the labels of the tile in hand with its state, at once.

        Raises
        ------
        SemisegError
            When the state is refused or the disk does not take it.
        """
        ground = self._ground[place]
        annotation = _annotation(np.array(labels), ground)
        store = self._desk.session.annotations
        store.save(ground.item, place[1], annotation, state)

    def _write(
        self,
        store: AnnotationStore,
        place: Place,
        ground: _Ground,
        annotation: Annotation,
    ) -> None:
        """In the saving thread."""
        store.save(ground.item, place[1], annotation)
        if self._under_way.get(place) is annotation.instances:
            del self._under_way[place]


def _annotation(labels: NDArray[np.int32], ground: _Ground) -> Annotation:
    named = {n: kind for n, kind in list(ground.classes.items()) if kind != 1}
    kinds = classes_in(labels, named)
    return Annotation(labels, _looked_at(labels, ground), kinds)


def _looked_at(labels: NDArray[np.int32], ground: _Ground) -> NDArray[np.bool_]:
    known: NDArray[np.bool_] = (labels > 0) | (ground.looked_at & (labels == 0))
    return known
