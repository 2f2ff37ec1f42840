"""Projects and boxes as callers of the Python functions name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.project.project import Project

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def as_project(project: str | Path | Project) -> Project:
    """The project of a folder, opened unless it is."""
    return project if isinstance(project, Project) else Project.open(project)


def as_box(tile: Box | Sequence[int]) -> Box:
    """A box from ``(y, x, height, width)``, or as it is."""
    if isinstance(tile, Box):
        return tile
    numbers = tuple(int(number) for number in tile)
    half = len(numbers) // 2
    if len(numbers) not in (4, 6) or not np.array_equal(numbers, tile):
        raise SemisegError(f"A tile is y,x,height,width in whole pixels, not {tile}.")
    return Box(numbers[:half], numbers[half:])
