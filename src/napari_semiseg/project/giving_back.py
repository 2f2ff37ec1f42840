"""Giving pixels back to the teacher: the opposite of correcting and accepting."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.project.correction_planes import Corrections
from napari_semiseg.project.corrections import CorrectionStore, ObjectRecord
from napari_semiseg.project.locks import annotation_change

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem


@dataclass(frozen=True, eq=False)
class GivenBack:
    """What was decided and is no longer.

    ``corrections`` covers ``box`` and is unset where nothing was removed; ``objects``
    are the records of objects of which no pixel is left.
    """

    box: Box
    corrections: Corrections
    objects: Mapping[int, ObjectRecord] = field(default_factory=dict)

    @property
    def removed(self) -> NDArray[np.bool_]:
        """Where there was a decision, bool ``(*box.size)``."""
        unset = Corrections.unset(self.box).planes
        pairs = zip(self.corrections.planes, unset, strict=True)
        found = np.zeros(self.box.size, bool)
        for plane, nothing in pairs:
            found |= plane != nothing
        return found


def give_back(
    project: Project, item: ImageItem, box: Box, *, ids: Iterable[int] | None = None
) -> GivenBack:
    """Forget what a person decided, so that the teacher decides again.

    Finished and open tiles keep their labels: those are changed in the tile.

    Parameters
    ----------
    box
        Where to forget; clipped to the image.
    ids
        Only the pixels of these objects, with their classes and trust. None: all.

    Raises
    ------
    SemisegError
        When the corrections were made on other pixels, or a file is damaged.
    """
    box = box.clip(item.shape)
    store = CorrectionStore(project)
    with annotation_change(project):
        known = store.read(item, box)
        gone = np.ones(box.size, bool)
        if ids is not None:
            gone = np.isin(known.instances, list(ids))
        kept, removed = _parted(known, gone, box)
        touched = np.unique(removed.instances[removed.instances > 0]).tolist()
        records = store.objects(item)
        store.write(item, box, kept, {})
        lost = {
            number: records[number]
            for number in touched
            if number in records and not _left(store, item, number, records[number])
        }
        if lost:
            store.write(item, box, kept, dict.fromkeys(lost))
    return GivenBack(box, removed, lost)


def _parted(
    known: Corrections, gone: NDArray[np.bool_], box: Box
) -> tuple[Corrections, Corrections]:
    """Corrections outside and inside a mask."""
    unset = Corrections.unset(box).planes
    pairs = list(zip(known.planes, unset, strict=True))
    kept = Corrections(*(np.where(gone, nothing, plane) for plane, nothing in pairs))
    removed = Corrections(*(np.where(gone, plane, nothing) for plane, nothing in pairs))
    return kept, removed


def _left(
    store: CorrectionStore, item: ImageItem, number: int, record: ObjectRecord
) -> bool:
    """Whether a pixel of an object is left."""
    around = record.box.clip(item.shape)
    return bool((store.read(item, around).instances == number).any())
