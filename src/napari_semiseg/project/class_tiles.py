"""Tiles of a semantic task: a class for each pixel, in the place of object ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.project.accepting import open_tile
from napari_semiseg.project.annotation import Annotation, classes_in
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.correction_planes import UNSET_CLASS
from napari_semiseg.project.corrections import CorrectionStore
from napari_semiseg.project.locks import annotation_change

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem, TileRecord, TileState


def classes_of_ids(n_classes: int) -> dict[int, int]:
    """Class of each id that is not of class 1, where the ids are the classes.

    Parameters
    ----------
    n_classes
        Classes without the background.
    """
    return {number: number for number in range(2, n_classes + 1)}


def class_map(
    instances: NDArray[np.int32], classes: Mapping[int, int]
) -> NDArray[np.int32]:
    """The class of each pixel's object, int32 ``(*S)``: 0 none, -1 ignore."""
    numbers, places = np.unique(instances, return_inverse=True)
    kinds = [classes.get(n, 1) if n > 0 else max(n, -1) for n in numbers.tolist()]
    found: NDArray[np.int32] = np.array(kinds, np.int32)[places]
    return found.reshape(instances.shape)


def load_class_tile(project: Project, item: ImageItem, box: Box) -> Annotation:
    """The annotation of a tile, with the classes as ids.

    Raises
    ------
    SemisegError
        As `AnnotationStore.load`.
    """
    found = AnnotationStore(project).load(item, box)
    return _as_classes(project, class_map(found.instances, found.classes), found)


def open_class_tile(project: Project, item: ImageItem, box: Box) -> Annotation:
    """What is known inside a box before its tile is finished, with classes as ids.

    The strokes of the tile, if there is one; under them the classes that were given to
    pixels before the tile was, and the objects that were accepted.

    Raises
    ------
    SemisegError
        When the tile is finished.
    """
    found = open_tile(project, item, box)
    labels = class_map(found.instances, found.classes)
    given = CorrectionStore(project).read(item, box)
    counts = (given.classes != UNSET_CLASS) & ~given.ignored
    drawn = next(
        (t for t in AnnotationStore(project).tiles(item) if t.box == box), None
    )
    if drawn is not None:
        strokes = AnnotationStore(project).load(item, box)
        counts &= ~strokes.annotated & (strokes.instances == 0)
    labels[counts] = given.classes[counts]
    known = Annotation(labels, found.annotated | counts)
    return _as_classes(project, labels, known)


def accept_class_tile(
    project: Project,
    item: ImageItem,
    box: Box,
    classes: NDArray[np.int32],
    state: TileState = "training",
) -> TileRecord:
    """Make classes proposed for a box a finished tile; the person's stay on top.

    Parameters
    ----------
    classes
        int32 ``(*box.size)``: 0 background, then the classes.

    Raises
    ------
    SemisegError
        When the tile is finished already or overlaps another one, or the image is
        missing or changed.
    """
    project.frame(item)  # Labels only ever join pixels that are there.
    with annotation_change(project):
        known = open_class_tile(project, item, box)
        decided = known.annotated | (known.instances < 0)
        merged = np.where(decided, known.instances, classes).astype(np.int32)
        kinds = classes_in(merged, classes_of_ids(len(project.classes)))
        annotation = Annotation.complete(merged, kinds)
        return AnnotationStore(project).save(item, box, annotation, state)


def _as_classes(
    project: Project, labels: NDArray[np.int32], found: Annotation
) -> Annotation:
    return Annotation(labels, found.annotated, classes_of_ids(len(project.classes)))
