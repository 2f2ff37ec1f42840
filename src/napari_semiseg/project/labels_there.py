"""Whether anything in a project goes by the pixels as they are counted now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.corrections import CorrectionStore

if TYPE_CHECKING:
    from napari_semiseg.project.project import Project


def is_labelled(project: Project) -> bool:
    """Whether there is a tile, even an empty one, an object or a correction."""
    tiles, corrections = AnnotationStore(project), CorrectionStore(project)
    return bool(corrections.images()) or any(
        tiles.tiles(item) or corrections.objects(item) for item in project.images
    )
