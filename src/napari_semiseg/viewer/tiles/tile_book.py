"""All tiles of the project in memory: in what order, in what state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_semiseg.errors import SemisegError
from napari_semiseg.project.annotations import AnnotationStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_semiseg.geometry import Box
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem, TileRecord

STATES = ("to do", "training", "validation", "no objects")
"""What a tile can be to the eye; the last one is finished as well."""

Place = tuple[str, "Box"]
"""A tile by the id of its image and its box."""


@dataclass(frozen=True)
class PlacedTile:
    """A tile and the image it is in."""

    item: ImageItem
    record: TileRecord
    n_objects: int | None = None
    """None: not counted yet."""

    @property
    def place(self) -> Place:
        """Names the tile among all of the project."""
        return self.item.id, self.record.box

    @property
    def state(self) -> str:
        """One of `STATES`."""
        bare = self.record.finished and self.n_objects == 0
        return "no objects" if bare else self.record.state


class TileBook:
    """The tiles of a project in the order of its images, as they are on the disk."""

    def __init__(self) -> None:
        self._items: dict[str, ImageItem] = {}
        self._tiles: dict[str, list[TileRecord]] = {}
        self._counts: dict[Place, int] = {}

    def read(self, project: Project | None) -> list[str]:
        """Read the tiles of all images; a sentence for each that cannot be read."""
        self._items = {item.id: item for item in project.images} if project else {}
        self._tiles, self._counts = {}, {}
        if project is None:
            return []
        problems = (self.read_image(project, image_id) for image_id in self._items)
        return [problem for problem in problems if problem]

    def read_image(self, project: Project, image_id: str) -> str | None:
        """Read the tiles of one image again; a sentence when that cannot be."""
        item = next((one for one in project.images if one.id == image_id), None)
        if item is None:
            return None
        self._items[image_id] = item
        self._tiles[image_id] = []
        try:
            self._tiles[image_id] = AnnotationStore(project).tiles(item)
        except SemisegError as error:
            return str(error)
        return None

    def of(self, image_id: str) -> list[PlacedTile]:
        """The tiles of one image."""
        return [self._placed(image_id, one) for one in self._tiles.get(image_id, [])]

    def all(self) -> list[PlacedTile]:
        """The tiles of all images."""
        return [tile for image_id in self._items for tile in self.of(image_id)]

    def find(self, image_id: str, box: Box) -> PlacedTile | None:
        """The tile with exactly this box."""
        return next((t for t in self.of(image_id) if t.record.box == box), None)

    def beside(
        self, place: Place | None, image_id: str, step: int
    ) -> PlacedTile | None:
        """The tile after (+1) or before (-1) another one, round and round.

        Parameters
        ----------
        place
            The tile in hand; None: go on from the image in view.
        image_id
            The image in view.
        """
        tiles = self.all()
        if not tiles:
            return None
        places = [tile.place for tile in tiles]
        if place in places:
            return tiles[(places.index(place) + step) % len(tiles)]
        order = list(self._items)
        here = order.index(image_id) if image_id in order else 0
        later = [t for t in tiles if order.index(t.item.id) >= here]
        if step > 0:
            return (later or tiles)[0]
        earlier = [t for t in tiles if order.index(t.item.id) < here]
        return (earlier or tiles)[-1]

    def note_objects(self, counts: Mapping[Place, int]) -> None:
        """Remember how many objects tiles hold."""
        self._counts.update(counts)

    def uncounted(self) -> list[PlacedTile]:
        """Finished tiles whose objects have not been counted."""
        return [t for t in self.all() if t.record.finished and t.n_objects is None]

    def count(self, is_one: Callable[[PlacedTile], bool]) -> int:
        """How many tiles are such."""
        return sum(map(is_one, self.all()))

    def _placed(self, image_id: str, record: TileRecord) -> PlacedTile:
        counted = self._counts.get((image_id, record.box))
        return PlacedTile(self._items[image_id], record, counted)


def count_objects(project: Project, tiles: list[PlacedTile]) -> dict[Place, int]:
    """Count the objects of tiles by their files; damaged ones are left out."""
    store, counts = AnnotationStore(project), {}
    for tile in tiles:
        try:
            counts[tile.place] = store.load(tile.item, tile.record.box).n_objects
        except SemisegError:
            continue
    return counts
