"""What a person had said of an image when a run began; later strokes change nothing.

Kept as parts: of most images nothing is said, of the others a few blocks and tiles.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.files import make_folder
from napari_semiseg.learning.told import Told
from napari_semiseg.project.tile_files import (
    box_of,
    read_layers,
    tile_name,
    write_layers,
)
from napari_semiseg.runs.told_pixels import told_parts

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem

_KIND = "told"  # First word of the names of its files.
_OLD_KIND = "trust"  # Of runs that began when nothing else was kept.


@dataclass(frozen=True, eq=False)
class FrozenCorrections:
    """What was said of one image: of two parts that overlap the later one holds."""

    parts: tuple[tuple[Box, Told], ...]

    def read(self, box: Box) -> Told:
        """What was said of a box inside the image."""
        found = Told.nothing(box.size)
        first, end = self._bounds
        near = ((first < box.end) & (end > box.origin)).all(axis=1)
        for number in np.flatnonzero(near).tolist():
            part, told = self.parts[number]
            told.copy_to(found, part, box)
        return found

    @cached_property
    def _bounds(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Where the parts begin and end: a large image may have a thousand of them."""
        boxes = [part for part, _ in self.parts]
        return (
            np.array([box.origin for box in boxes]),
            np.array([box.end for box in boxes]),
        )


def freeze_corrections(project: Project, item: ImageItem) -> FrozenCorrections | None:
    """What is said of an image now; None: nothing."""
    parts = [part for part in told_parts(project, item) if not part[1].empty]
    return FrozenCorrections(tuple(parts)) if parts else None


def save_corrections(frozen: FrozenCorrections, folder: Path) -> None:
    """Write the parts into a folder of their own, which exists."""
    for number, (box, told) in enumerate(frozen.parts):
        place = make_folder(folder / f"{number:05d}")
        write_layers(place / tile_name(_KIND, box), told.planes)


def load_corrections(folder: Path) -> FrozenCorrections | None:
    """What :func:`save_corrections` wrote; None: nothing.

    Raises
    ------
    SemisegError
        When a file is damaged.
    """
    paths = sorted(folder.glob(f"*/{_KIND}_*.tif"))
    parts = tuple((box, _read(path, box)) for path in paths if (box := box_of(path)))
    return FrozenCorrections(parts) if parts else None


def load_old_trust(folder: Path) -> FrozenCorrections | None:
    """What was kept of trust alone, before there were targets; None: nothing."""
    parts = []
    for path in sorted(folder.glob(f"{_OLD_KIND}_*.tif")):
        if box := box_of(path):
            (trust,) = read_layers(path, box.size)
            said = replace(Told.nothing(box.size), trust=trust.astype(np.uint8))
            parts.append((box, said))
    return FrozenCorrections(tuple(parts)) if parts else None


def _read(path: Path, box: Box) -> Told:
    kinds = [plane.dtype for plane in Told.nothing(box.size).planes]
    layers = read_layers(path, box.size)
    return Told(*(x.astype(kind) for x, kind in zip(layers, kinds, strict=True)))
