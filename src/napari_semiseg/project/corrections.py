"""What a person decided outside tiles, on disk.

Stored in blocks, of which a stroke changes few: an image may have 20,000 x 20,000
pixels, and hardly any of them are corrected.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import make_folder, write_json
from napari_semiseg.geometry import Box
from napari_semiseg.project.correction_planes import UNSET_CLASS, Corrections
from napari_semiseg.project.locks import annotation_change
from napari_semiseg.project.migrations import (
    CORRECTIONS_MIGRATIONS,
    CORRECTIONS_VERSION,
    read_record,
)
from napari_semiseg.project.owners import Owner  # noqa: TC001 (pydantic reads it)
from napari_semiseg.project.records import FrozenRecord
from napari_semiseg.project.tile_files import (
    box_of,
    read_layers,
    tile_name,
    write_layers,
)
from napari_semiseg.segmentation.classes import BOUNDARY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem

_KIND = "block"  # First word of the names of its files.
_BLOCK = (64, 512, 512)  # Pixels along z, y, x: written within some milliseconds.


class ObjectRecord(FrozenRecord):
    """One object: who decided about it, its class, and a box it lies in."""

    owner: Owner
    box: Box
    class_id: int = 1


class CorrectionList(FrozenRecord):
    """All objects of one image, with the identity of the pixels they were drawn on.

    ``next_id`` is above every id ever given, so that an id never changes its meaning.
    """

    schema_version: int = CORRECTIONS_VERSION
    image_id: str
    content_hash: str
    shape: tuple[int, ...]
    next_id: int = 1
    objects: dict[int, ObjectRecord] = Field(default_factory=dict)


class CorrectionStore:
    """The corrections of a project; the one writer of its folder ``corrections``."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def images(self) -> tuple[str, ...]:
        """Ids of the images that have corrections."""
        blocks = (self._project.folder / "corrections").glob(f"*/{_KIND}_*.tif")
        return tuple(sorted({path.parent.name for path in blocks}))

    def objects(self, item: ImageItem) -> Mapping[int, ObjectRecord]:
        """The objects of an image, by id."""
        return self._list(item).objects

    def next_id(self, item: ImageItem) -> int:
        """The id that the next object gets."""
        return self._list(item).next_id

    def read(self, item: ImageItem, box: Box) -> Corrections:
        """Decisions about the pixels of ``box``, which lies inside the image.

        Raises
        ------
        SemisegError
            When they were made on other pixels, or a file is damaged.
        """
        self._list(item)
        found = Corrections.unset(box)
        for block in _blocks(box, item.shape):
            part = self._block(item, block)
            if part is not None:
                part.copy_to(found, block, box)
        return found

    def blocks(self, item: ImageItem) -> Iterator[tuple[Box, Corrections]]:
        """All decisions about an image; most have few. Raises as :meth:`read`."""
        self._list(item)
        paths = sorted(self._folder(item).glob(f"{_KIND}_*.tif"))
        for box in filter(None, map(box_of, paths)):
            part = self._block(item, box)
            if part is not None:
                yield box, part

    def write(
        self,
        item: ImageItem,
        box: Box,
        corrections: Corrections,
        objects: Mapping[int, ObjectRecord | None],
    ) -> None:
        """Replace the decisions about the pixels of ``box``.

        Parameters
        ----------
        objects
            New and changed objects, by id; None forgets one. The others stay.

        Raises
        ------
        SemisegError
            When a pixel's class is none of the project's; else as :meth:`read`.
        """
        self._check_classes(corrections)
        with annotation_change(self._project):
            self._enlist(item, objects)
            for block in _blocks(box, item.shape):
                old = self._block(item, block)
                new = Corrections.unset(block)
                if old is not None:
                    old.copy_to(new, block, block)
                corrections.copy_to(new, box, block)
                self._keep(item, block, old, new)

    def _keep(
        self, item: ImageItem, block: Box, old: Corrections | None, new: Corrections
    ) -> None:
        """Write what changed; a block without a decision has no file."""
        path = self._folder(item) / tile_name(_KIND, block)
        unset = Corrections.unset(block)
        if new.same(unset):
            path.unlink(missing_ok=True)
        elif not new.same(old or unset):
            write_layers(path, new.planes)

    def _check_classes(self, corrections: Corrections) -> None:
        project = self._project
        last = BOUNDARY if project.task == "instances" else len(project.classes)
        given = corrections.classes[corrections.classes != UNSET_CLASS]
        if given.max(initial=0) > last:
            raise SemisegError(
                f"A pixel was given class {given.max()}, but the last class of this "
                f"project is {last}: paint with one of the classes shown."
            )

    def _folder(self, item: ImageItem) -> Path:
        return self._project.folder / "corrections" / item.id

    def _block(self, item: ImageItem, block: Box) -> Corrections | None:
        try:
            path = self._folder(item) / tile_name(_KIND, block)
            instances, owners, *overrides = read_layers(path, block.size)
        except FileNotFoundError:
            return None
        # Blocks written before there were overrides have two planes.
        return Corrections(
            instances.astype(np.int32),
            owners.astype(np.uint8),
            *(plane.astype(np.uint8) for plane in overrides),
        )

    def _list(self, item: ImageItem) -> CorrectionList:
        path = self._folder(item) / "objects.json"
        fresh = CorrectionList(
            image_id=item.id, content_hash=item.content_hash, shape=item.shape
        )
        if not path.is_file():
            return fresh
        found = read_record(
            path, CorrectionList, CORRECTIONS_VERSION, CORRECTIONS_MIGRATIONS
        )
        if (found.content_hash, found.shape) != (item.content_hash, item.shape):
            if not found.objects and item.id not in self.images():
                return fresh  # Nothing is left: the image may have another scale now.
            raise SemisegError(
                f"The corrections in {path.parent} were made on another image than "
                f"{item.name}: they stay where they are, and are not used."
            )
        return found

    def _enlist(
        self, item: ImageItem, objects: Mapping[int, ObjectRecord | None]
    ) -> None:
        """List objects before their pixels are written: no id is given twice."""
        known = self._list(item)
        merged = {**known.objects, **objects}
        changes = {
            "objects": {n: record for n, record in merged.items() if record},
            "next_id": max(known.next_id, 1 + max(objects, default=0)),
        }
        make_folder(self._folder(item))
        found = known.model_copy(update=changes)
        write_json(self._folder(item) / "objects.json", found.model_dump(mode="json"))


def _blocks(box: Box, shape: tuple[int, ...]) -> Iterator[Box]:
    """Blocks of the image's grid that overlap a box."""
    steps = _BLOCK[-len(shape) :]
    ranges = (
        range(first // step * step, end, step)
        for first, end, step in zip(box.origin, box.end, steps, strict=True)
    )
    for origin in itertools.product(*ranges):
        yield Box(origin, steps).clip(shape)
