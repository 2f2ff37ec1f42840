"""Where to begin labelling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_semiseg.api.opening import as_project
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.object_size import (
    estimate_object_size,
    size_warning,
    suggest_tile_size,
)
from napari_semiseg.project.suggesting import suggest_tiles

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_semiseg.project.object_size import ObjectSize, SizeWarning
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.suggesting import SuggestedTile


@dataclass(frozen=True)
class Suggestion:
    """Tiles worth labelling, and what their size goes by.

    ``added`` says whether they are tiles *to do* of the project now.
    """

    tiles: tuple[SuggestedTile, ...]
    tile_size: int
    object_size: ObjectSize
    warning: SizeWarning | None
    added: bool = False


def suggest(
    project: str | Path | Project,
    n: int = 6,
    *,
    size: int | None = None,
    add: bool = False,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Suggestion:
    """Suggest tiles to label: with objects, in different images, of different looks.

    Parameters
    ----------
    n
        How many tiles.
    size
        Side of a tile, px; None: five or six objects across, or 128.
    add
        Make them tiles *to do* of the project.
    seed
        Of the draw among very many places.
    progress
        Called with images looked into and all of them.

    Raises
    ------
    SemisegError
        When the project has no image to label.
    """
    opened = as_project(project)
    object_size = estimate_object_size(opened)
    side = suggest_tile_size(object_size) if size is None else size
    tiles = suggest_tiles(opened, n, side, seed=seed, progress=progress)
    if add:
        store = AnnotationStore(opened)
        for one in tiles:
            store.add_tile(one.item, one.box)
    warning = size_warning(object_size, side, opened.reduction)
    return Suggestion(tuple(tiles), side, object_size, warning, add)
