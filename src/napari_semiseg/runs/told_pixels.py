"""What a person decided about an image, as a training set takes it from a project.

Everything counts that owns pixels: objects drawn or accepted, erased ground, classes
and trust given pixel by pixel, ignored pixels, and all of a training tile. A validation
tile tells nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy

from napari_semiseg.learning.told import Told
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.correction_planes import UNSET_CLASS
from napari_semiseg.project.corrections import CorrectionStore
from napari_semiseg.project.labelled import finished_ground
from napari_semiseg.project.owners import Owner
from napari_semiseg.segmentation.classes import mark_cut_edges
from napari_semiseg.segmentation.object_classes import object_class_plane

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from napari_semiseg.geometry import Box
    from napari_semiseg.project.annotation import Annotation
    from napari_semiseg.project.correction_planes import Corrections
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem, TileRecord


def told_parts(
    project: Project, item: ImageItem, within: Box | None = None
) -> Iterator[tuple[Box, Told]]:
    """What is said of an image, part by part; of two that overlap the later one holds.

    Ids of objects mean the same in all parts. ``within``: only what concerns this box.
    """
    store = CorrectionStore(project)
    finished = [t for t in AnnotationStore(project).tiles(item) if t.finished]
    kinds = {n: record.class_id for n, record in store.objects(item).items()}
    blocks = (
        store.blocks(item) if within is None else [(within, store.read(item, within))]
    )
    for box, part in blocks:
        yield box, _of_corrections(project, item, box, part, finished, kinds)
    last = store.next_id(item)
    for tile in finished:
        if tile.state != "training" or (within and not tile.box.overlaps(within)):
            continue
        drawn = AnnotationStore(project).load(item, tile.box)
        yield tile.box, _of_tile(project, item, tile, drawn, last)
        last += int(drawn.instances.max(initial=0))


def told_in(project: Project, item: ImageItem, box: Box) -> Told:
    """What is said of the pixels of a box inside the image now."""
    found = Told.nothing(box.size)
    for part, told in told_parts(project, item, box):
        told.copy_to(found, part, box)
    return found


def _of_corrections(
    project: Project,
    item: ImageItem,
    box: Box,
    found: Corrections,
    finished: Sequence[TileRecord],
    kinds: Mapping[int, int],
) -> Told:
    """What is said outside finished tiles; inside, they alone speak."""
    around = box.grow(1).clip(item.shape)
    ground_around = finished_ground(finished, around)
    ground = ground_around[box.relative_to(around).slices]
    ours = found.claimed & (found.instances > 0) & ~ground
    known = ours | (found.background & ~ground)
    if project.task == "instances":
        # Whether an object ends at a tile, or goes on in it, is not known here.
        beside = scipy.ndimage.binary_dilation(ground_around)
        known &= ~(ours & beside[box.relative_to(around).slices])
    ignored = found.ignored & ~ground
    return Told(
        np.where(ignored, -1, np.where(ours, found.instances, 0)).astype(np.int32),
        known,
        np.where(ignored | ground, UNSET_CLASS, found.classes).astype(np.uint8),
        (found.owners == Owner.ACCEPTED) & ours,
        object_class_plane(np.where(ours, found.instances, 0), kinds),
        found.trust,
    )


def _of_tile(
    project: Project, item: ImageItem, tile: TileRecord, drawn: Annotation, last: int
) -> Told:
    """What a training tile says, under ids above ``last``."""
    known = drawn.annotated
    if project.task == "instances":
        known = mark_cut_edges(drawn.instances, known, tile.box, item.shape)
    there = drawn.instances > 0
    unset = Told.nothing(tile.box.size)
    return Told(
        np.where(there, drawn.instances + last, drawn.instances).astype(np.int32),
        known,
        unset.class_overrides,
        there & np.isin(drawn.instances, tile.accepted),
        object_class_plane(drawn.instances, drawn.classes),
        unset.trust,
    )
