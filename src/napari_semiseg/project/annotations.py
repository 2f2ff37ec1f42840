"""Labelled tiles: which there are, in what state, and their pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import make_folder, write_json
from napari_semiseg.geometry import Box
from napari_semiseg.project.annotation import (
    Annotation,
    ImportReport,
    box_words,
    classes_in,
    layers_of,
    size_words,
)
from napari_semiseg.project.locks import annotation_change
from napari_semiseg.project.migrations import (
    TILES_MIGRATIONS,
    TILES_VERSION,
    read_record,
)
from napari_semiseg.project.records import TileList, TileRecord
from napari_semiseg.project.tile_files import read_layers, tile_name, write_layers
from napari_semiseg.segmentation.classes import split_components

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem, TileState

__all__ = ["Annotation", "AnnotationStore", "ImportReport"]


class AnnotationStore:
    """The labelled tiles of a project; the one writer of its folder ``annotations``.

    A pixel lies in one tile at most. Every change holds the lock of the annotations,
    replaces whole files, and touches only the tile it is about.
    """

    def __init__(self, project: Project) -> None:
        self._project = project

    def tiles(self, item: ImageItem) -> list[TileRecord]:
        """All tiles of an image.

        Raises
        ------
        SemisegError
            When the tiles were drawn on other pixels than those of this image.
        """
        path = self._list_path(item)
        if not path.is_file():
            return []
        found = read_record(path, TileList, TILES_VERSION, TILES_MIGRATIONS)
        known = (found.content_hash, found.shape)
        if found.tiles and known != (item.content_hash, item.shape):
            raise SemisegError(
                f"The labels in {path.parent} were made on another image than "
                f"{item.name}: they stay where they are, and are not used."
            )
        return list(found.tiles)

    def tile(self, item: ImageItem, box: Box) -> TileRecord:
        """The tile with exactly this box.

        Raises
        ------
        SemisegError
            When there is none, naming those there are.
        """
        tiles = self.tiles(item)
        for record in tiles:
            if record.box == box:
                return record
        boxes = "; ".join(box_words(record.box) for record in tiles) or "none yet"
        raise SemisegError(
            f"{item.name} has no tile {box_words(box)}. Its tiles are: {boxes}."
        )

    def add_tile(
        self, item: ImageItem, box: Box, state: TileState = "to do"
    ) -> TileRecord:
        """Add an empty tile; a finished one says that there is no object in it.

        Raises
        ------
        SemisegError
            When it does not lie in the image, or overlaps another tile.
        """
        with annotation_change(self._project):
            return self._put(item, TileRecord(box=box, state=state))

    def save(
        self,
        item: ImageItem,
        box: Box,
        annotation: Annotation,
        state: TileState | None = None,
        *,
        accepted: Iterable[int] = (),
    ) -> TileRecord:
        """Write one tile, new or old; nothing else is touched.

        Parameters
        ----------
        state
            None: as it is, or ``to do`` for a new tile. In a finished tile every pixel
            counts as annotated, except those to ignore.
        accepted
            Objects that a person accepted from a model now. Those accepted before stay
            so while none of their pixels changes.

        Raises
        ------
        SemisegError
            As `add_tile`, or when the arrays do not have the size of the box.
        """
        layers = layers_of(annotation, box)
        with annotation_change(self._project):
            known = {record.box: record for record in self.tiles(item)}
            if state is None:
                state = known[box].state if box in known else "to do"
            old = self._still_accepted(item, known.get(box), annotation)
            record = TileRecord(
                box=box,
                state=state,
                classes=dict(annotation.classes),
                accepted=tuple(sorted({*old, *accepted})),
            )
            self._check(item, record)
            # Pixels first: a tile that is listed has its strokes.
            write_layers(
                make_folder(self._folder(item)) / tile_name("tile", box), layers
            )
            return self._put(item, record)

    def load(self, item: ImageItem, box: Box) -> Annotation:
        """The annotation of a tile; of one that nobody painted yet, an empty one.

        Raises
        ------
        SemisegError
            When there is no such tile, or its file is damaged.
        """
        record = self.tile(item, box)
        path = self._folder(item) / tile_name("tile", box)
        try:
            layers = read_layers(path, box.size)
        except FileNotFoundError:
            layers = [np.zeros(box.size, np.int32)]
        instances = layers[0].astype(np.int32, copy=False)
        if record.finished:
            return Annotation.complete(instances, record.classes)
        looked_at = layers[1].astype(bool) if len(layers) > 1 else instances > 0
        return Annotation(instances, looked_at & (instances >= 0), record.classes)

    def set_state(self, item: ImageItem, box: Box, state: TileState) -> TileRecord:
        """Mark a tile as to do, for training, or for validation."""
        with annotation_change(self._project):
            record = self.tile(item, box)
            return self._put(item, record.model_copy(update={"state": state}))

    def remove_tile(self, item: ImageItem, box: Box) -> None:
        """Remove a tile with its labels."""
        with annotation_change(self._project):
            gone = self.tile(item, box)
            self._write_list(item, [t for t in self.tiles(item) if t != gone])
            (self._folder(item) / tile_name("tile", box)).unlink(missing_ok=True)

    def import_labels(
        self,
        item: ImageItem,
        labels: NDArray[np.int32],
        boxes: Sequence[Box] | None,
        state: TileState = "training",
        *,
        fix_components: bool = False,
        classes: Mapping[int, int] | None = None,
    ) -> ImportReport:
        """Take finished tiles from a label image of the whole image.

        Parameters
        ----------
        labels
            int32, of the image's shape: 0 no object, -1 ignore, ids >= 1.
        boxes
            The tiles to take; None: the whole image is one tile.
        fix_components
            Give each piece of an id that covers several an id of its own.
        classes
            Class of each object that is not of class 1; that of an id is its pieces'.

        Raises
        ------
        SemisegError
            When the shapes differ, the image is missing or changed, or a tile does not
            fit; then no tile is written.
        """
        self._project.frame(item)  # Labels only ever join pixels that are there.
        if labels.shape != item.shape:
            raise SemisegError(
                f"The labels are {size_words(labels.shape)} pixels, but {item.name} is "
                f"{size_words(item.shape)}: they belong to another image."
            )
        whole = boxes is None
        wanted = [Box.whole(item.shape)] if boxes is None else list(boxes)
        pieces, report = split_components(labels)
        labels = pieces if fix_components else labels
        kinds = dict(classes or {})
        for old, parts_of_old in report.split.items() if fix_components else ():
            if kinds.get(old, 1) != 1:
                kinds |= dict.fromkeys(parts_of_old, kinds[old])
        with annotation_change(self._project):
            for n, box in enumerate(wanted):
                self._check(item, TileRecord(box=box, state=state), wanted[:n])
            parts = [labels if whole else labels[box.slices] for box in wanted]
            for box, part in zip(wanted, parts, strict=True):
                present = classes_in(part, kinds)
                self.save(item, box, Annotation.complete(part, present), state)
        n_objects = sum(Annotation.complete(part).n_objects for part in parts)
        return ImportReport(
            tuple(wanted), n_objects, tuple(report.split), fix_components
        )

    def _still_accepted(
        self, item: ImageItem, known: TileRecord | None, annotation: Annotation
    ) -> list[int]:
        """Accepted objects of a tile that are as they were."""
        if known is None or not known.accepted:
            return []
        before, after = self.load(item, known.box).instances, annotation.instances
        changed = {*np.unique(before[before != after]).tolist()}
        changed |= {*np.unique(after[before != after]).tolist()}
        there = set(np.unique(after).tolist())
        return [n for n in known.accepted if n in there and n not in changed]

    def _folder(self, item: ImageItem) -> Path:
        return self._project.folder / "annotations" / item.id

    def _list_path(self, item: ImageItem) -> Path:
        return self._folder(item) / "tiles.json"

    def _put(self, item: ImageItem, record: TileRecord) -> TileRecord:
        """List a tile, in the place of the one with its box."""
        self._check(item, record)
        tiles = self.tiles(item)
        others = [tile for tile in tiles if tile.box != record.box]
        if record not in tiles:
            self._write_list(item, sorted([*others, record], key=lambda tile: tile.box))
        return record

    def _write_list(self, item: ImageItem, tiles: Sequence[TileRecord]) -> None:
        found = TileList(
            image_id=item.id,
            content_hash=item.content_hash,
            shape=item.shape,
            tiles=tuple(tiles),
        )
        make_folder(self._folder(item))
        write_json(self._list_path(item), found.model_dump(mode="json"))

    def _check(
        self, item: ImageItem, record: TileRecord, planned: Sequence[Box] = ()
    ) -> None:
        """Refuse a tile that cannot be, with a sentence."""
        box = record.box
        if box.empty or not Box.whole(item.shape).contains(box):
            raise SemisegError(
                f"The tile {box_words(box)} does not lie inside {item.name}, which is "
                f"{size_words(item.shape)} pixels."
            )
        if record.finished and item.role == "test":
            raise SemisegError(
                f"{item.name} is held out for testing: its tiles can "
                "neither train nor validate. Make it part of the pool first."
            )
        others = [tile.box for tile in self.tiles(item)]
        for other in [*others, *planned]:
            if other != box and other.overlaps(box):
                raise SemisegError(
                    f"The tile {box_words(box)} overlaps the tile {box_words(other)} "
                    f"of {item.name}: a pixel can belong to one tile only. Choose "
                    "another place, or remove that tile first."
                )
