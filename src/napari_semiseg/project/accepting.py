"""Accepting what a model proposes: single objects, or a tile as a whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import scipy

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.project.annotation import Annotation, box_words, classes_in
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.correction_planes import UNSET_CLASS, Corrections
from napari_semiseg.project.corrections import CorrectionStore, ObjectRecord
from napari_semiseg.project.labelled import finished_ground
from napari_semiseg.project.locks import annotation_change
from napari_semiseg.project.owners import Owner, lay_over, merge, overlap_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem, TileRecord, TileState


@dataclass(frozen=True)
class AcceptReport:
    """Accepted objects, old id to new id, and the reason for each that was not."""

    accepted: Mapping[int, int] = field(default_factory=dict)
    skipped: Mapping[int, str] = field(default_factory=dict)


def accept_objects(
    project: Project,
    item: ImageItem,
    instances: NDArray[np.int32],
    ids: Iterable[int] | None = None,
    *,
    box: Box | None = None,
    classes: Mapping[int, int] | None = None,
    owner: Owner = Owner.ACCEPTED,
) -> AcceptReport:
    """Make proposed objects the person's own; they train with their pixels and outline.

    Parameters
    ----------
    instances
        int32 ``(*S)``, the proposal: ids >= 1.
    ids
        The objects to accept; None: all.
    box
        Where ``instances`` lies; None: it covers the whole image.
    classes
        Class of each object that is not of class 1.

    Returns
    -------
    AcceptReport
        An object is skipped when it reaches into a finished tile, whose labels speak
        for themselves, or is mostly covered by one that is the person's already.

    Raises
    ------
    SemisegError
        When the proposal does not fit the image, or the image is missing or changed.
    """
    box = box or Box.whole(item.shape)
    _check_fit(project, item, instances, box)
    if ids is None:
        ids = np.unique(instances[instances > 0]).tolist()
    store, tiles = CorrectionStore(project), AnnotationStore(project)
    with annotation_change(project):
        known = store.read(item, box)
        finished = finished_ground(tiles.tiles(item), box)
        report = _claim(instances, ids, known, finished, store.next_id(item), owner)
        if report.accepted:
            objects = _recorded(instances, report.accepted, box, classes or {}, owner)
            store.write(item, box, known, objects)
            _paint_open_tiles(tiles, item, box, known, objects)
    return report


def accept_tile(
    project: Project,
    item: ImageItem,
    box: Box,
    instances: NDArray[np.int32],
    state: TileState = "training",
    *,
    classes: Mapping[int, int] | None = None,
) -> TileRecord:
    """Make a proposal for a box a finished tile; the person's objects stay on top.

    Parameters
    ----------
    instances
        int32 ``(*box.size)``, the proposal.

    Raises
    ------
    SemisegError
        When the tile is finished already or overlaps another one, or the image is
        missing or changed.
    """
    _check_fit(project, item, instances, box)
    tiles = AnnotationStore(project)
    with annotation_change(project):
        drawn = open_tile(project, item, box)
        merged = merge(
            drawn.instances,
            instances,
            drawn.annotated | (drawn.instances < 0),
            overlap=overlap_of(project.settings),
        ).instances
        raised = int(drawn.instances.max(initial=0))
        proposed = {old + raised: kind for old, kind in (classes or {}).items()}
        kinds = classes_in(merged, {**proposed, **drawn.classes})
        accepted = np.unique(merged[merged > raised]).tolist()
        found = Annotation.complete(merged, kinds)
        return tiles.save(item, box, found, state, accepted=accepted)


def open_tile(project: Project, item: ImageItem, box: Box) -> Annotation:
    """What is known inside a box before its tile is finished.

    The strokes of the tile, if there is one, and under them the objects that were drawn
    or accepted before the tile was.

    Raises
    ------
    SemisegError
        When the tile is finished.
    """
    tiles = AnnotationStore(project)
    record = next((t for t in tiles.tiles(item) if t.box == box), None)
    if record is not None and record.finished:
        raise SemisegError(
            f"The tile {box_words(box)} of {item.name} is finished already: change its "
            "labels, or mark it as to do first."
        )
    store = CorrectionStore(project)
    known = store.read(item, box)
    drawn = (
        Annotation(np.zeros(box.size, np.int32), np.zeros(box.size, bool))
        if record is None
        else tiles.load(item, box)
    )
    return _under(drawn, known, store.objects(item))


def _under(
    drawn: Annotation, known: Corrections, objects: Mapping[int, ObjectRecord]
) -> Annotation:
    """The annotation with those corrections added that it says nothing about."""
    decided = drawn.annotated | (drawn.instances < 0)
    merged = lay_over(drawn.instances, known.instances, decided | ~known.claimed)
    raised = int(drawn.instances.max(initial=0))
    kinds = {number + raised: record.class_id for number, record in objects.items()}
    kinds = {number: kind for number, kind in kinds.items() if kind != 1}
    ignored = ~decided & known.ignored
    merged[ignored] = -1
    annotated = (drawn.annotated | known.claimed) & (merged >= 0)
    return Annotation(merged, annotated, classes_in(merged, {**kinds, **drawn.classes}))


def _paint_open_tiles(
    tiles: AnnotationStore,
    item: ImageItem,
    box: Box,
    known: Corrections,
    objects: Mapping[int, ObjectRecord],
) -> None:
    """Show new objects in tiles that are to do, else finishing one would lose them."""
    fresh = np.isin(known.instances, list(objects))
    for record in tiles.tiles(item):
        shared = record.box.intersection(box)
        if record.finished or shared.empty:
            continue
        there = shared.relative_to(box).slices
        instances = np.zeros(record.box.size, np.int32)
        here = shared.relative_to(record.box).slices
        instances[here] = np.where(fresh[there], known.instances[there], 0)
        if instances.any():
            owners = np.where(instances > 0, Owner.ACCEPTED, Owner.NOBODY)
            part = Corrections(instances, owners.astype(np.uint8))
            painted = _under(tiles.load(item, record.box), part, objects)
            tiles.save(item, record.box, painted)


def _check_fit(
    project: Project, item: ImageItem, instances: NDArray[np.int32], box: Box
) -> None:
    project.frame(item)  # Labels only ever join pixels that are there.
    if instances.shape != box.size or not Box.whole(item.shape).contains(box):
        raise SemisegError(
            f"The objects to accept do not fit {item.name}: predict the image again, "
            "then accept."
        )


def _claim(
    instances: NDArray[np.int32],
    ids: Iterable[int],
    known: Corrections,
    finished: NDArray[np.bool_],
    first: int,
    owner: Owner,
) -> AcceptReport:
    """Write objects into ``known`` with new ids from ``first``, where they may be."""
    places = scipy.ndimage.find_objects(np.maximum(instances, 0))
    claimed = known.claimed
    accepted: dict[int, int] = {}
    skipped: dict[int, str] = {}
    for old in ids:
        place = places[old - 1] if 0 < old <= len(places) else None
        if place is None:
            skipped[old] = f"There is no object {old}."
            continue
        mask = instances[place] == old
        if reason := _refusal(mask, claimed[place], finished[place]):
            skipped[old] = f"Object {old} {reason}"
            continue
        accepted[old] = first + len(accepted)
        free = mask & ~claimed[place]
        known.instances[place][free] = accepted[old]
        known.owners[place][free] = owner
        known.classes[place][free] = UNSET_CLASS  # The latest act wins.
    return AcceptReport(accepted, skipped)


def _recorded(
    instances: NDArray[np.int32],
    accepted: Mapping[int, int],
    box: Box,
    classes: Mapping[int, int],
    owner: Owner,
) -> dict[int, ObjectRecord]:
    """The records of accepted objects, by their new ids."""
    places = scipy.ndimage.find_objects(np.maximum(instances, 0))
    return {
        new: ObjectRecord(
            owner=owner, box=_placed(places[old - 1], box), class_id=classes.get(old, 1)
        )
        for old, new in accepted.items()
    }


def _refusal(
    mask: NDArray[np.bool_], claimed: NDArray[np.bool_], finished: NDArray[np.bool_]
) -> str | None:
    """Why an object is not accepted, or None."""
    if (mask & finished).any():
        return "reaches into a finished tile: change the labels of the tile instead."
    if 2 * np.count_nonzero(mask & claimed) > np.count_nonzero(mask):
        return "mostly covers an object that is yours already."
    return None


def _placed(place: tuple[slice, ...], box: Box) -> Box:
    """Where slices of an array that covers ``box`` lie in the image."""
    origin = tuple(o + cut.start for o, cut in zip(box.origin, place, strict=True))
    return Box(origin, tuple(cut.stop - cut.start for cut in place))
