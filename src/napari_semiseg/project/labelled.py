"""Everything that may train or judge: finished tiles, and objects outside of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_semiseg.geometry import Box
from napari_semiseg.project.annotation import Annotation
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.corrections import CorrectionStore
from napari_semiseg.segmentation.classes import mark_cut_edges

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem

_CONTEXT = 32  # Pixels of unannotated ground around accepted objects.
_MARGIN = 32  # Pixels around validation tiles that serve no object as context.


@dataclass(frozen=True, eq=False)
class LabelledArea:
    """A box of an image that trains or judges.

    In ``annotation.annotated``, edges that the box cuts through an object are False:
    whether they are boundary depends on what lies outside. ``accepted`` marks objects
    outside tiles: only their own pixels are annotated.
    """

    item: ImageItem
    box: Box
    annotation: Annotation
    role: Literal["training", "validation"]
    accepted: bool = False


def labelled_areas(project: Project) -> Iterator[LabelledArea]:
    """All finished tiles and accepted objects of images that are not for testing."""
    for item in project.images:
        if item.role != "test":
            yield from _tiles(project, item)
            yield from _objects(project, item)


def _tiles(project: Project, item: ImageItem) -> Iterator[LabelledArea]:
    store = AnnotationStore(project)
    for record in store.tiles(item):
        if record.state != "to do":
            annotation = _without_cut_edges(
                store.load(item, record.box), record.box, item
            )
            yield LabelledArea(item, record.box, annotation, record.state)


def _objects(project: Project, item: ImageItem) -> Iterator[LabelledArea]:
    """Objects outside finished tiles, neighbours together in one box."""
    store = CorrectionStore(project)
    objects = store.objects(item)
    if not objects:
        return
    finished = [t for t in AnnotationStore(project).tiles(item) if t.finished]
    free = {
        number: record.box
        for number, record in objects.items()
        if not any(tile.box.overlaps(record.box) for tile in finished)
    }
    judges = [tile.box for tile in finished if tile.state == "validation"]
    judging = [box.grow(_MARGIN) for box in judges]
    boxes = (_surroundings(box, item.shape, judging) for box in free.values())
    for box in joined(boxes, judging):
        found = store.read(item, box)
        ours = found.claimed & np.isin(found.instances, list(free))
        ignored = found.claimed & (found.instances < 0)
        if not ours.any():
            continue
        instances = np.where(ours, found.instances, np.where(ignored, -1, 0))
        present = np.unique(found.instances[ours]).tolist()
        kinds = {number: objects[number].class_id for number in present}
        classes = {number: kind for number, kind in kinds.items() if kind != 1}
        annotation = Annotation(instances.astype(np.int32), ours, classes)
        annotation = _without_cut_edges(annotation, box, item)
        yield LabelledArea(item, box, annotation, "training", accepted=True)


def joined(boxes: Iterable[Box], judging: Sequence[Box] = ()) -> list[Box]:
    """Overlapping boxes made one, unless it would reach where tiles judge."""
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
    hull = _hull(one, other)
    return one.overlaps(other) and not any(judge.overlaps(hull) for judge in judging)


def _surroundings(box: Box, shape: tuple[int, ...], judging: Sequence[Box]) -> Box:
    """An object's box with some context, but none that lies by a validation tile."""
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
