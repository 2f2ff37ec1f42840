"""Projects of one synthetic image: a plain one, and two too large to be read whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tifffile
import zarr

from napari_semiseg.geometry import Box
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.project import Project
from napari_semiseg.samples.synthetic import synthetic_nuclei

if TYPE_CHECKING:
    from pathlib import Path

SIDE, LARGE = 2048, 20_000
_TILE, _IN_HAND = 128, 256


def plain_project(folder: Path) -> Project:
    """2048 x 2048 pixels of nuclei; four tiles are labelled, one is to do."""
    image, truth = synthetic_nuclei(np.random.default_rng(0), (SIDE, SIDE))
    (folder / "images").mkdir(parents=True)
    tifffile.imwrite(folder / "images" / "nuclei.tif", image)
    project = _project(folder, "YX")
    corners = [(y, x) for y in (64, SIDE - 192) for x in (64, SIDE - 192)]
    boxes = [Box(corner, (_TILE, _TILE)) for corner in corners]
    store = AnnotationStore(project)
    store.import_labels(project.images[0], truth.astype(np.int32), boxes)
    _add_tile(project)
    return project


def large_tiff(folder: Path) -> Project:
    """20,000 x 20,000 pixels, 800 MB that can be memory-mapped; most is a hole."""
    (folder / "images").mkdir(parents=True)
    pixels = tifffile.memmap(
        folder / "images" / "slide.tif", shape=(LARGE, LARGE), dtype=np.uint16
    )
    where, nuclei = _middle()
    pixels[where] = nuclei
    pixels.flush()
    del pixels
    return _large(folder, "YX")


def large_zarr(folder: Path) -> Project:
    """The same as OME-Zarr, in five levels of chunks of 1024 x 1024."""
    group = zarr.open_group(folder / "images" / "slide.zarr", mode="w")
    where, nuclei = _middle()
    for level in range(5):
        side = LARGE >> level
        array = group.create_array(
            str(level), shape=(side, side), chunks=(1024, 1024), dtype="uint16"
        )
        part = tuple(slice(s.start >> level, s.stop >> level) for s in where)
        size = tuple(s.stop - s.start for s in part)
        array[part] = nuclei[:: 1 << level, :: 1 << level][: size[0], : size[1]]
    group.attrs["multiscales"] = [
        {
            "axes": [{"name": "y"}, {"name": "x"}],
            "datasets": [{"path": str(level)} for level in range(5)],
        }
    ]
    return _large(folder, "YX")


def _middle() -> tuple[tuple[slice, slice], np.ndarray]:
    """Where the nuclei of a large image lie, and their pixels."""
    side = 4096
    piece, _ = synthetic_nuclei(np.random.default_rng(0), (1024, 1024))
    start = (LARGE - side) // 2
    cut = slice(start, start + side)
    return (cut, cut), np.tile(piece, (side // 1024, side // 1024))


def _large(folder: Path, axes: str) -> Project:
    project = _project(folder, axes)
    _add_tile(project)
    return project


def _project(folder: Path, axes: str) -> Project:
    project = Project.create(folder / "project")
    project.add_images([folder / "images"], axes=axes)
    return project


def _add_tile(project: Project) -> None:
    item = project.images[0]
    origin = tuple((s - _IN_HAND) // 2 for s in item.shape)
    AnnotationStore(project).add_tile(item, Box(origin, (_IN_HAND, _IN_HAND)))
