"""Bringing the verdicts of an image up to date with what was decided; knows no Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.correction_planes import UNSET_CLASS
from napari_semiseg.project.corrections import CorrectionStore
from napari_semiseg.project.locks import annotation_change
from napari_semiseg.project.owners import Owner
from napari_semiseg.project.reviews import ReviewStore, with_review
from napari_semiseg.segmentation.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_semiseg.geometry import Box
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem
    from napari_semiseg.project.reviews import ReviewState


def apply_notes(
    project: Project,
    item: ImageItem,
    notes: Mapping[Box, ReviewState | None],
    model: str | None,
) -> None:
    """Write verdicts, as far as something is decided where they lie.

    What is on the disk decides: a verdict on a box in which nothing is decided any
    more, because that was undone or given back, goes. One inside a finished tile is a
    verdict on the tile.

    Parameters
    ----------
    notes
        None: something was taken back there.
    model
        The run whose objects were judged.

    Raises
    ------
    SemisegError
        When that cannot be read or written.
    """
    decided = _Decided(project, item)
    store = ReviewStore(project)
    with annotation_change(project):
        known = store.reviews(item)
        kept = [
            review
            for review in known
            if review.state == "needs work"
            or not any(review.box.overlaps(box) for box in notes)
            or decided.inside(review.box)
        ]
        for box, state in notes.items():
            tile = decided.tile_around(box)
            if tile is not None and state is not None:
                whole = state if box == tile else "corrected"
                kept = with_review(kept, tile, whole, model)
            elif state is not None and decided.inside(box):
                kept = with_review(kept, box, state, model)
        if tuple(kept) != known:
            store.write(item, kept)


class _Decided:
    """Where a person has decided anything in an image, as it is on the disk."""

    def __init__(self, project: Project, item: ImageItem) -> None:
        self._item = item
        self._corrections = CorrectionStore(project)
        tiles = AnnotationStore(project).tiles(item)
        self._finished = [tile.box for tile in tiles if tile.finished]

    def tile_around(self, box: Box) -> Box | None:
        """The finished tile that holds a box."""
        return next((tile for tile in self._finished if tile.contains(box)), None)

    def inside(self, box: Box) -> bool:
        """Whether anything is decided in a box."""
        if any(tile.overlaps(box) for tile in self._finished):
            return True
        found = self._corrections.read(self._item, box)
        return bool(
            (found.owners != Owner.NOBODY).any()
            or (found.classes != UNSET_CLASS).any()
            or (found.trust != Trust.UNSET).any()
        )
