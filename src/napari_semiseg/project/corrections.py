"""What a person decided outside tiles: objects, classes and trust, pixel by pixel.

Stored in blocks, of which a stroke changes few: an image may have 20,000 x 20,000
pixels, and hardly any of them are corrected.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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

    from numpy.typing import NDArray

    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem

UNSET_CLASS = 255
"""Value of the plane ``classes`` where nobody gave the pixel a class."""

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


@dataclass(frozen=True, eq=False)
class Corrections:
    """Decisions about the pixels of a box, in planes that know nothing of each other.

    Attributes
    ----------
    instances
        int32 ``(*S)``: ids >= 1, 0 no object, -1 ignore; a decision only where
        ``owners`` names somebody.
    owners
        uint8 ``(*S)``, values of `Owner`; NOBODY where nothing is decided (unset).
    classes
        uint8 ``(*S)``: the class a person gave a pixel, `UNSET_CLASS` elsewhere. Of
        objects: 0 background, 1 interior, 2 boundary; of a semantic task: 0 background,
        then the project's classes. Unset when not given.
    trust
        uint8 ``(*S)``, values of `Trust`: whether a pixel's pseudo-label shall count.
        Unset when not given.
    """

    instances: NDArray[np.int32]
    owners: NDArray[np.uint8]
    classes: NDArray[np.uint8] = None  # type: ignore[assignment]
    trust: NDArray[np.uint8] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        shape = self.instances.shape
        if self.classes is None:
            unset = np.full(shape, UNSET_CLASS, np.uint8)
            object.__setattr__(self, "classes", unset)
        if self.trust is None:
            object.__setattr__(self, "trust", np.zeros(shape, np.uint8))

    @classmethod
    def unset(cls, box: Box) -> Corrections:
        """No decision about any pixel of a box."""
        return cls(np.zeros(box.size, np.int32), np.zeros(box.size, np.uint8))

    @property
    def planes(self) -> tuple[NDArray[Any], ...]:
        """All planes, in the order in which they are stored."""
        return self.instances, self.owners, self.classes, self.trust

    @property
    def claimed(self) -> NDArray[np.bool_]:
        """Where no model may write."""
        return self.owners >= Owner.ACCEPTED

    @property
    def background(self) -> NDArray[np.bool_]:
        """Where a person says that there is no object."""
        found: NDArray[np.bool_] = (self.owners == Owner.HUMAN) & (self.instances == 0)
        return found

    @property
    def ignored(self) -> NDArray[np.bool_]:
        """Where a person wants nothing to be learned."""
        left_out: NDArray[np.bool_] = self.claimed & (self.instances < 0)
        left_out |= self.owners == Owner.IGNORED
        return left_out


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
                _copy(part, block, found, box)
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
                    _copy(old, block, new, block)
                _copy(corrections, box, new, block)
                self._keep(item, block, old, new)

    def _keep(
        self, item: ImageItem, block: Box, old: Corrections | None, new: Corrections
    ) -> None:
        """Write what changed; a block without a decision has no file."""
        path = self._folder(item) / tile_name(_KIND, block)
        unset = Corrections.unset(block)
        if _equal(new, unset):
            path.unlink(missing_ok=True)
        elif not _equal(new, old or unset):
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


def _copy(source: Corrections, source_box: Box, target: Corrections, box: Box) -> None:
    """Copy the pixels that two boxes share."""
    shared = source_box.intersection(box)
    there = shared.relative_to(source_box).slices
    here = shared.relative_to(box).slices
    for old, new in zip(source.planes, target.planes, strict=True):
        new[here] = old[there]


def _equal(one: Corrections, other: Corrections) -> bool:
    pairs = zip(one.planes, other.planes, strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)
