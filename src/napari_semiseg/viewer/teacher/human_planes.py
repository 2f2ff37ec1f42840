"""What a person decided inside a window: corrections, and finished tiles over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.project.owners import Owner
from napari_semiseg.segmentation.overlap import numbered

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box
    from napari_semiseg.project.correction_planes import Corrections
    from napari_semiseg.project.corrections import ObjectRecord
    from napari_semiseg.viewer.teacher.finished_tiles import FinishedTile
    from napari_semiseg.viewer.teacher.journal import Plane, Step


class HumanPlanes:
    """The decisions about the pixels of a window; all boxes are of the image.

    Attributes
    ----------
    window
        Where the planes lie.
    own
        The corrections in the window.
    objects
        The records of all objects of the image that are corrections.
    tiles
        The finished tiles that reach into the window: there they alone decide about
        objects and classes.
    """

    def __init__(
        self,
        window: Box,
        own: Corrections,
        objects: Mapping[int, ObjectRecord],
        tiles: Sequence[FinishedTile] = (),
    ) -> None:
        self.window = window
        self.own = own
        self.objects = dict(objects)
        self.tiles = tuple(tiles)

    def here(self, box: Box) -> tuple[slice, ...]:
        """The slices of the window's planes that a box inside it covers."""
        return box.relative_to(self.window).slices

    def ground(self, box: Box) -> NDArray[np.bool_]:
        """Where finished tiles are, bool ``(*box.size)``."""
        found = np.zeros(box.size, bool)
        for _, shared in self.tiles_in(box):
            found[shared.relative_to(box).slices] = True
        return found

    def tiles_in(self, box: Box) -> Iterator[tuple[FinishedTile, Box]]:
        """The finished tiles that overlap a box, and the pixels they share with it."""
        for tile in self.tiles:
            shared = tile.box.intersection(box)
            if not shared.empty:
                yield tile, shared

    def claimed(self, box: Box) -> NDArray[np.bool_]:
        """Where a person decides about objects, bool ``(*box.size)``."""
        found: NDArray[np.bool_] = self.own.owners[self.here(box)] >= Owner.ACCEPTED
        for _, shared in self.tiles_in(box):
            found[shared.relative_to(box).slices] = True
        return found

    def instances(self, box: Box) -> NDArray[np.int32]:
        """A person's objects, int32 ``(*box.size)``: -1 ignore, 0 elsewhere."""
        here = self.here(box)
        owners = self.own.owners[here]
        found = np.where(owners >= Owner.ACCEPTED, self.own.instances[here], 0)
        found[owners == Owner.IGNORED] = -1
        for tile, shared in self.tiles_in(box):
            part = tile.instances[shared.relative_to(tile.box).slices]
            found[shared.relative_to(box).slices] = part
        return found.astype(np.int32, copy=False)

    def owners(self, box: Box) -> NDArray[np.uint8]:
        """Who decides about objects, uint8 ``(*box.size)``, values of `Owner`."""
        found = self.own.owners[self.here(box)].copy()
        for tile, shared in self.tiles_in(box):
            part = tile.instances[shared.relative_to(tile.box).slices]
            who = np.where(part < 0, Owner.IGNORED, Owner.HUMAN)
            found[shared.relative_to(box).slices] = who
        return found

    def classes(self, box: Box) -> NDArray[np.uint8]:
        """Classes given pixel by pixel; none counts inside finished tiles."""
        return self.own.classes[self.here(box)]

    def object_boxes(self, box: Box) -> list[Box]:
        """Boxes around the person's objects that reach into a box."""
        present = numbered(np.maximum(self.instances(box), 0).ravel())[0].tolist()
        found = [self.objects[n].box for n in present if n in self.objects]
        for tile in self.tiles:  # An object may go on in a tile elsewhere.
            found += [tile.places[n] for n in present if n in tile.places]
        return found

    def kinds(self) -> dict[int, int]:
        """Class of each object that is not of class 1, by the id shown."""
        known = list(self.objects.items())  # May change while this is read.
        found = {n: r.class_id for n, r in known if r.class_id != 1}
        for tile in self.tiles:
            found |= tile.classes_shown()
        return found

    def owns(self, number: int) -> bool:
        """Whether an id is that of an object of the person's."""
        return number in self.objects or any(number in t.places for t in self.tiles)

    def plane(self, tile: Box | None, name: Plane) -> tuple[NDArray[Any], Box]:
        """An array of the person's, and where it lies; None: of the corrections.

        Raises
        ------
        KeyError
            When the tile is not there any more.
        """
        if tile is None:
            return getattr(self.own, name), self.window
        for found in self.tiles:
            if found.box == tile:
                return found.instances, found.box
        raise KeyError(tile)

    def put(self, step: Step, *, back: bool) -> None:
        """Write the pixels and records of a step: those after it, or before."""
        for patch in reversed(step.patches) if back else step.patches:
            array, outer = self.plane(patch.tile, patch.plane)
            part = array[patch.box.relative_to(outer).slices]
            part[patch.where] = patch.before if back else patch.after
        for number, (before, after) in step.records.items():
            record = before if back else after
            if record is None:
                self.objects.pop(number, None)
            else:
                self.objects[number] = record
