"""Everything that may train or judge: finished tiles, and corrections outside them."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import scipy

from napari_semiseg.geometry import Box
from napari_semiseg.project.annotation import Annotation
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.correction_planes import UNSET_CLASS
from napari_semiseg.project.corrections import CorrectionStore
from napari_semiseg.project.owners import Owner
from napari_semiseg.segmentation.classes import mark_cut_edges

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_semiseg.project.correction_planes import Corrections
    from napari_semiseg.project.corrections import ObjectRecord
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem, Task, TileRecord

_CONTEXT = 32  # Pixels of unannotated ground around corrections.
_MARGIN = 32  # Pixels around validation tiles that serve no correction as context.
_CELL = 32  # Corrected pixels this near to each other come into one box.
_WIDEST = 1024  # Sides of joined boxes: an area is copied and kept on the device.


@dataclass(frozen=True, eq=False)
class LabelledArea:
    """A box of an image that trains or judges.

    In ``annotation.annotated``, edges that the box cuts through an object are False:
    whether they are boundary depends on what lies outside. (Not so in a semantic task,
    which has no boundary.) ``accepted`` marks corrections outside tiles: only their own
    pixels are annotated.

    ``class_overrides`` is uint8 ``(*S)``: the classes that a person gave pixels, which
    win over those that follow from objects; `UNSET_CLASS` elsewhere. None: no pixel.
    ``accepted_pixels``, bool ``(*S)``, are those of objects that were accepted, not
    drawn. None: there is none.
    """

    item: ImageItem
    box: Box
    annotation: Annotation
    role: Literal["training", "validation"]
    accepted: bool = False
    class_overrides: NDArray[np.uint8] | None = None
    accepted_pixels: NDArray[np.bool_] | None = None


def wholly_labelled(item: ImageItem, areas: Sequence[LabelledArea]) -> bool:
    """Whether finished tiles cover all of an image: nothing of it is unlabelled."""
    boxes = (a.box for a in areas if a.item.id == item.id and not a.accepted)
    # A pixel belongs to one tile only.
    return sum(math.prod(box.size) for box in boxes) >= math.prod(item.shape)


def labelled_areas(project: Project) -> Iterator[LabelledArea]:
    """All finished tiles and corrections of images that are not for testing.

    Corrections are objects, background and classes of pixels that a person drew, erased
    or accepted; inside finished tiles only the tile counts.
    """
    for item in project.images:
        if item.role != "test":
            yield from _tiles(project, item)
            yield from _corrected(project, item)


def finished_ground(tiles: Iterable[TileRecord], box: Box) -> NDArray[np.bool_]:
    """Pixels of ``box`` that belong to finished tiles, bool ``(*box.size)``."""
    ground = np.zeros(box.size, bool)
    for record in tiles:
        shared = record.box.intersection(box)
        if record.finished and not shared.empty:
            ground[shared.relative_to(box).slices] = True
    return ground


def _tiles(project: Project, item: ImageItem) -> Iterator[LabelledArea]:
    store = AnnotationStore(project)
    for record in store.tiles(item):
        if record.state != "to do":
            annotation = store.load(item, record.box)
            accepted = _some(np.isin(annotation.instances, record.accepted))
            if project.task == "instances":
                annotation = _without_cut_edges(annotation, record.box, item)
            yield LabelledArea(
                item, record.box, annotation, record.state, accepted_pixels=accepted
            )


def _corrected(project: Project, item: ImageItem) -> Iterator[LabelledArea]:
    """What was corrected outside finished tiles, neighbours together in one box."""
    store = CorrectionStore(project)
    finished = [t for t in AnnotationStore(project).tiles(item) if t.finished]
    objects = {
        number: record
        for number, record in store.objects(item).items()
        if not any(tile.box.overlaps(record.box) for tile in finished)
    }
    judges = [tile.box for tile in finished if tile.state == "validation"]
    judging = [box.grow(_MARGIN) for box in judges]
    own = (record.box for record in objects.values())
    spots = _spots(store, item, finished, judges)
    boxes = [
        _surroundings(box, item.shape, judging) for box in itertools.chain(own, spots)
    ]
    for box in joined(boxes, judging):
        found = store.read(item, box)
        ground = finished_ground(finished, box)
        area = _area(item, box, found, objects, ground, project.task)
        if area is not None:
            yield area


def _area(
    item: ImageItem,
    box: Box,
    found: Corrections,
    objects: Mapping[int, ObjectRecord],
    ground: NDArray[np.bool_],
    task: Task,
) -> LabelledArea | None:
    """The area of a box of corrections, None where none is left to learn from."""
    ours = found.claimed & np.isin(found.instances, list(objects))
    known = ours | (found.background & ~ground)
    kinds = np.where(found.ignored | ground, UNSET_CLASS, found.classes)
    overridden = bool((kinds != UNSET_CLASS).any())
    if not known.any() and not overridden:
        return None
    instances = np.where(ours, found.instances, np.where(found.ignored, -1, 0))
    present = np.unique(found.instances[ours]).tolist()
    classes = {n: objects[n].class_id for n in present if objects[n].class_id != 1}
    annotation = Annotation(instances.astype(np.int32), known, classes)
    return LabelledArea(
        item,
        box,
        annotation if task == "semantic" else _without_cut_edges(annotation, box, item),
        "training",
        accepted=True,
        class_overrides=kinds.astype(np.uint8) if overridden else None,
        accepted_pixels=_some(ours & (found.owners == Owner.ACCEPTED)),
    )


def _some(mask: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    return mask if mask.any() else None


def _spots(
    store: CorrectionStore,
    item: ImageItem,
    finished: Sequence[TileRecord],
    judges: Sequence[Box],
) -> Iterator[Box]:
    """Boxes around corrected pixels that no object's record leads to.

    None touches a validation tile: around one, boxes are smaller, and the last pixels
    beside its corners may be in none.
    """
    for block, part in store.blocks(item):
        told = part.background | (part.classes != UNSET_CLASS)
        told &= ~part.ignored & ~finished_ground(finished, block)
        for box, cells in _clusters(told):
            for one in [box] if _clear(box, block, judges) else cells:
                if _clear(one, block, judges):
                    yield _placed(one, block)


def _clusters(mask: NDArray[np.bool_]) -> Iterator[tuple[Box, list[Box]]]:
    """Boxes around clusters of pixels, each also as smaller boxes on a grid."""
    coarse = mask
    for axis, length in enumerate(mask.shape):
        coarse = np.logical_or.reduceat(coarse, range(0, length, _CELL), axis)
    pieces, n = scipy.ndimage.label(coarse, np.ones((3,) * mask.ndim))
    for number in range(1, n + 1):
        corners = np.argwhere(pieces == number) * _CELL
        cells = [
            _tight(mask, Box(tuple(corner), (_CELL,) * mask.ndim))
            for corner in corners.tolist()
        ]
        box = cells[0]
        for cell in cells[1:]:
            box = _hull(box, cell)
        yield box, cells


def _tight(mask: NDArray[np.bool_], box: Box) -> Box:
    """The smallest box around the pixels of a mask inside a box, which has some."""
    inside = np.nonzero(mask[box.slices])
    origin = tuple(
        o + int(where.min()) for o, where in zip(box.origin, inside, strict=True)
    )
    return Box(origin, tuple(int(where.max() - where.min()) + 1 for where in inside))


def _clear(box: Box, block: Box, judges: Sequence[Box]) -> bool:
    placed = _placed(box, block)
    return not any(judge.overlaps(placed) for judge in judges)


def _placed(inner: Box, outer: Box) -> Box:
    """Where a box of an array that covers ``outer`` lies in the image."""
    origin = tuple(i + o for i, o in zip(inner.origin, outer.origin, strict=True))
    return Box(origin, inner.size)


def joined(boxes: Iterable[Box], judging: Sequence[Box] = ()) -> list[Box]:
    """Overlapping boxes made one, unless it would reach where tiles judge.

    Nor where it would grow too large to be kept: such boxes go on overlapping.
    """
    done: list[Box] = []
    for box in boxes:
        current = box
        while True:
            partner = next((b for b in done if _may_join(b, current, judging)), None)
            if partner is None:
                break
            done.remove(partner)
            current = _hull(partner, current)
        done.append(current)
    return done


def _may_join(one: Box, other: Box, judging: Sequence[Box]) -> bool:
    if not one.overlaps(other):
        return False
    hull = _hull(one, other)
    if hull not in (one, other) and max(hull.size) > _WIDEST:
        return False
    return not any(judge.overlaps(hull) for judge in judging)


def _surroundings(box: Box, shape: tuple[int, ...], judging: Sequence[Box]) -> Box:
    """A correction's box with some context, but none that lies by a validation tile."""
    wide = box.grow(_CONTEXT).clip(shape)
    return box if any(judge.overlaps(wide) for judge in judging) else wide


def _hull(one: Box, other: Box) -> Box:
    """The smallest box around two."""
    origin = tuple(map(min, one.origin, other.origin))
    end = tuple(map(max, one.end, other.end))
    return Box(origin, tuple(e - o for e, o in zip(end, origin, strict=True)))


def _without_cut_edges(annotation: Annotation, box: Box, item: ImageItem) -> Annotation:
    known = mark_cut_edges(annotation.instances, annotation.annotated, box, item.shape)
    return Annotation(annotation.instances, known, annotation.classes)
