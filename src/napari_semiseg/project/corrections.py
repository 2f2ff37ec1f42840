"""What a person decided outside tiles: objects drawn or accepted, pixel by pixel owned.

Stored in blocks, of which a stroke changes few: an image may have 20,000 x 20,000
pixels, and hardly any of them are corrected.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import make_folder, write_json
from napari_semiseg.geometry import Box
from napari_semiseg.project.locks import annotation_change
from napari_semiseg.project.migrations import (
    CORRECTIONS_MIGRATIONS,
    CORRECTIONS_VERSION,
    read_record,
)
from napari_semiseg.project.owners import Owner
from napari_semiseg.project.records import FrozenRecord
from napari_semiseg.project.tile_files import read_layers, tile_name, write_layers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem

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


@dataclass(frozen=True, eq=False)
class Corrections:
    """Decisions about the pixels of a box.

    Attributes
    ----------
    instances
        int32 ``(*S)``: ids >= 1, 0 no object, -1 ignore; a decision only where
        ``owners`` names somebody.
    owners
        uint8 ``(*S)``, values of `Owner`; NOBODY where nothing is decided (unset).
    """

    instances: NDArray[np.int32]
    owners: NDArray[np.uint8]

    @property
    def claimed(self) -> NDArray[np.bool_]:
        """Where no model may write."""
        return self.owners >= Owner.ACCEPTED


class CorrectionStore:
    """The corrections of a project; the one writer of its folder ``corrections``."""

    def __init__(self, project: Project) -> None:
        self._project = project

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
        found = _unset(box)
        for block in _blocks(box, item.shape):
            part = self._block(item, block)
            if part is not None:
                _copy(part, block, found, box)
        return found

    def write(
        self,
        item: ImageItem,
        box: Box,
        corrections: Corrections,
        objects: Mapping[int, ObjectRecord],
    ) -> None:
        """Replace the decisions about the pixels of ``box``.

        Parameters
        ----------
        objects
            New and changed objects, by id; the others stay.
        """
        with annotation_change(self._project):
            self._enlist(item, objects)
            for block in _blocks(box, item.shape):
                old = self._block(item, block)
                new = _unset(block)
                if old is not None:
                    _copy(old, block, new, block)
                _copy(corrections, box, new, block)
                if not _equal(new, old or _unset(block)):
                    path = self._folder(item) / tile_name("block", block)
                    write_layers(path, [new.instances, new.owners])

    def _folder(self, item: ImageItem) -> Path:
        return self._project.folder / "corrections" / item.id

    def _block(self, item: ImageItem, block: Box) -> Corrections | None:
        try:
            path = self._folder(item) / tile_name("block", block)
            instances, owners = read_layers(path, block.size)
        except FileNotFoundError:
            return None
        return Corrections(instances.astype(np.int32), owners.astype(np.uint8))

    def _list(self, item: ImageItem) -> CorrectionList:
        path = self._folder(item) / "objects.json"
        if not path.is_file():
            return CorrectionList(
                image_id=item.id, content_hash=item.content_hash, shape=item.shape
            )
        found = read_record(
            path, CorrectionList, CORRECTIONS_VERSION, CORRECTIONS_MIGRATIONS
        )
        if (found.content_hash, found.shape) != (item.content_hash, item.shape):
            raise SemisegError(
                f"The corrections in {path.parent} were made on another image than "
                f"{item.name}: they stay where they are, and are not used."
            )
        return found

    def _enlist(self, item: ImageItem, objects: Mapping[int, ObjectRecord]) -> None:
        """List objects before their pixels are written: no id is given twice."""
        known = self._list(item)
        changes = {
            "objects": {**known.objects, **objects},
            "next_id": max(known.next_id, 1 + max(objects, default=0)),
        }
        make_folder(self._folder(item))
        found = known.model_copy(update=changes)
        write_json(self._folder(item) / "objects.json", found.model_dump(mode="json"))


def _unset(box: Box) -> Corrections:
    return Corrections(np.zeros(box.size, np.int32), np.zeros(box.size, np.uint8))


def _blocks(box: Box, shape: tuple[int, ...]) -> Iterator[Box]:
    """Blocks of the image's grid that overlap a box."""
    steps = _BLOCK[-len(shape) :]
    ranges = (
        range(first // step * step, end, step)
        for first, end, step in zip(box.origin, box.end, steps, strict=True)
    )
    for origin in itertools.product(*ranges):
        yield Box(origin, steps).clip(shape)


def _copy(source: Corrections, source_box: Box, target: Corrections, box: Box) -> None:
    """Copy the pixels that two boxes share."""
    shared = source_box.intersection(box)
    there, here = _within(shared, source_box), _within(shared, box)
    target.instances[here] = source.instances[there]
    target.owners[here] = source.owners[there]


def _within(inner: Box, outer: Box) -> tuple[slice, ...]:
    """Slices of ``inner`` in an array that covers ``outer``."""
    origin = tuple(i - o for i, o in zip(inner.origin, outer.origin, strict=True))
    return Box(origin, inner.size).slices


def _equal(one: Corrections, other: Corrections) -> bool:
    same_ids = np.array_equal(one.instances, other.instances)
    return same_ids and np.array_equal(one.owners, other.owners)
