"""A person's objects over those of a model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import scipy

from napari_semiseg.geometry import Box
from napari_semiseg.project.annotation import classes_in
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.correction_planes import UNSET_CLASS
from napari_semiseg.project.corrections import CorrectionStore
from napari_semiseg.project.owners import Owner, merge, overlap_of
from napari_semiseg.segmentation.object_classes import object_class_plane

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_semiseg.project.correction_planes import Corrections
    from napari_semiseg.project.owners import Conflict
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem, TileRecord


@dataclass(frozen=True, eq=False)
class MergedObjects:
    """Objects of a person and a model.

    ``instances`` is int32 ``(*S)``: 0 background, ids >= 1; ``classes`` has the class,
    from 1, of each object of which it is known. A person's objects have their class.
    ``owners`` is uint8 ``(*S)``, values of `Owner`. ``conflicts`` are the model's
    objects that gave way to the person's; all ids are those of ``instances``.
    """

    instances: NDArray[np.int32]
    classes: Mapping[int, int]
    owners: NDArray[np.uint8]
    conflicts: tuple[Conflict, ...] = ()


def with_own_objects(
    project: Project, item: ImageItem, proposed: NDArray[np.int32]
) -> NDArray[np.int32]:
    """`merged_objects` where nobody asks for their classes; int32 ``(*S)``."""
    return merged_objects(project, item, proposed, {}).instances


def merged_objects(
    project: Project,
    item: ImageItem,
    proposed: NDArray[np.int32],
    classes: Mapping[int, int],
) -> MergedObjects:
    """Lay a person's objects over those of a model.

    Parameters
    ----------
    proposed
        int32 ``(*S)``: 0 background, ids >= 1.
    classes
        Class, from 1, of each proposed object; empty: not known.

    Returns
    -------
    MergedObjects
        Where the person decided, only the person's objects are: in finished tiles
        everywhere. The model's objects keep their ids, the person's come behind them.
        An object that a tile's edge cuts goes on outside as the model sees it.
    """
    tiles = AnnotationStore(project).tiles(item)
    own = own_objects(project, item, tiles)
    finished = [tile.box for tile in tiles if tile.finished]
    continue_outside(own.instances, own.claimed, proposed, finished)
    overlap = overlap_of(project.settings)
    merged = merge(own.instances, proposed, own.claimed, overlap=overlap)
    found = merged.instances
    n_own, n_proposed = int(own.instances.max(initial=0)), int(proposed.max(initial=0))
    # `merge` puts the model's ids last; they must be those of the predicted file.
    numbers = np.where(found > n_own, found - n_own, found + n_proposed)
    instances = np.where(found > 0, numbers, 0).astype(np.int32)
    of_own = {number + n_proposed: kind for number, kind in own.kinds.items()}
    conflicts = tuple(
        replace(one, human_ids=tuple(n + n_proposed for n in one.human_ids))
        for one in merged.conflicts
    )
    return MergedObjects(
        instances,
        classes_in(instances, {**classes, **of_own}),
        own.owners_over(instances),
        conflicts,
    )


def with_own_classes(
    project: Project, item: ImageItem, proposed: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Lay the classes that a person gave pixels over those of a model.

    Parameters
    ----------
    proposed
        uint8 ``(*S)``: 0 background, then the classes.

    Returns
    -------
    NDArray[np.uint8]
        ``(*S)``. Finished tiles win over what was corrected outside of them, this over
        tiles that are to do; what a person ignores is as the model says.
    """
    classes = proposed.copy()
    tiles, store = AnnotationStore(project), CorrectionStore(project)
    for finished in (False, True):
        if finished:
            known = store.read(item, Box.whole(item.shape))
            records = store.objects(item)
            kinds = {number: record.class_id for number, record in records.items()}
            decided = known.claimed | known.background
            _lay(
                classes,
                object_class_plane(known.instances, kinds),
                decided & ~known.ignored,
            )
            _lay(classes, known.classes, known.classes != UNSET_CLASS)
        for tile in tiles.tiles(item):
            if tile.finished == finished:
                drawn = tiles.load(item, tile.box)
                kinds_drawn = object_class_plane(drawn.instances, drawn.classes)
                _lay(classes[tile.box.slices], kinds_drawn, drawn.annotated)
    return classes


def _lay(
    below: NDArray[np.uint8], above: NDArray[np.uint8], where: NDArray[np.bool_]
) -> None:
    below[where] = above[where]


@dataclass(frozen=True, eq=False)
class OwnObjects:
    """What a person says of an image; arrays ``(*S)``.

    ``instances`` is int32: 0 no object, ids >= 1. Where ``claimed`` the person decides.
    ``kinds`` is the class of each object. ``owners``, uint8, are values of `Owner`.
    """

    instances: NDArray[np.int32]
    claimed: NDArray[np.bool_]
    kinds: dict[int, int]
    owners: NDArray[np.uint8]

    def owners_over(self, instances: NDArray[np.int32]) -> NDArray[np.uint8]:
        """Who owns the pixels of these with a model's objects, uint8 ``(*S)``."""
        teachers = (self.owners == Owner.NOBODY) & (instances > 0)
        return np.where(teachers, np.uint8(Owner.TEACHER), self.owners)


def own_objects(
    project: Project, item: ImageItem, tiles: Sequence[TileRecord]
) -> OwnObjects:
    """What a person drew or accepted, where the person decides, and the classes.

    Finished tiles win over objects outside of tiles, these over tiles that are to do.
    """
    corrections = CorrectionStore(project)
    known = corrections.read(item, Box.whole(item.shape))
    records = corrections.objects(item).items()
    kinds = {number: record.class_id for number, record in records}
    claimed = known.claimed.copy()
    own = np.where(claimed, np.maximum(known.instances, 0), 0).astype(np.int32)
    owners = _owners_of(known)
    store = AnnotationStore(project)
    for tile in tiles:
        here = tile.box.slices
        drawn = store.load(item, tile.box)
        where = np.ones(tile.box.size, bool)
        if not tile.finished:
            where = (drawn.annotated | (drawn.instances < 0)) & ~claimed[here]
        above = int(own.max(initial=0))
        raised = drawn.instances + above
        for number in np.unique(drawn.instances[drawn.instances > 0]).tolist():
            kinds[number + above] = drawn.classes.get(number, 1)
        own[here] = np.where(where, np.where(drawn.instances > 0, raised, 0), own[here])
        owners[here] = np.where(where, _owners_in(tile, drawn.instances), owners[here])
        claimed[here] |= where
    return OwnObjects(own, claimed, kinds, owners)


def _owners_of(known: Corrections) -> NDArray[np.uint8]:
    """Who owns the pixels outside of tiles; a class given to a pixel owns it, too."""
    owners = np.where(known.ignored, Owner.IGNORED, known.owners).astype(np.uint8)
    given = (known.classes != UNSET_CLASS) & (owners == Owner.NOBODY)
    owners[given] = Owner.HUMAN
    return owners


def _owners_in(tile: TileRecord, drawn: NDArray[np.int32]) -> NDArray[np.uint8]:
    accepted = np.isin(drawn, tile.accepted) & (drawn > 0)
    owners = np.where(accepted, Owner.ACCEPTED, Owner.HUMAN)
    return np.where(drawn < 0, Owner.IGNORED, owners).astype(np.uint8)


def continue_outside(
    own: NDArray[np.int32],
    claimed: NDArray[np.bool_],
    proposed: NDArray[np.int32],
    boxes: Sequence[Box],
) -> None:
    """Let objects that the edge of a finished tile cuts go on outside; in place.

    A piece that the model sees outside joins the person's object beside it when most of
    the model's object inside the tile is that object too: else one nucleus on the edge
    would become two.
    """
    places = scipy.ndimage.find_objects(proposed)
    for box in boxes:
        for mine, theirs in _meetings(own, claimed, proposed, box):
            inside = proposed[box.slices] == theirs
            shared = np.count_nonzero(inside & (own[box.slices] == mine))
            if 2 * shared > np.count_nonzero(inside):
                place = places[theirs - 1]
                piece = (proposed[place] == theirs) & ~claimed[place]
                own[place][piece] = mine
                claimed[place][piece] = True


def _meetings(
    own: NDArray[np.int32],
    claimed: NDArray[np.bool_],
    proposed: NDArray[np.int32],
    box: Box,
) -> Iterator[tuple[int, int]]:
    """Pairs of an own object inside a box and a proposed one right outside of it."""
    for axis, (first, end) in enumerate(zip(box.origin, box.end, strict=True)):
        for inner, outer in ((first, first - 1), (end - 1, end)):
            if not 0 <= outer < own.shape[axis]:
                continue
            inside, outside = list(box.slices), list(box.slices)
            inside[axis], outside[axis] = (
                slice(inner, inner + 1),
                slice(outer, outer + 1),
            )
            mine, theirs = own[tuple(inside)], proposed[tuple(outside)]
            meet = (mine > 0) & (theirs > 0) & ~claimed[tuple(outside)]
            yield from sorted(
                set(zip(mine[meet].tolist(), theirs[meet].tolist(), strict=True))
            )
