"""Small projects of synthetic nuclei."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tifffile

from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.project import Project

if TYPE_CHECKING:
    from pathlib import Path

    from napari_semiseg.geometry import Box
    from napari_semiseg.project.records import TileState


def nuclei(
    seed: int, shape: tuple[int, int] = (96, 112)
) -> tuple[np.ndarray, np.ndarray]:
    """Bright squares on noise: image uint16, instances int32."""
    rng = np.random.default_rng(seed)
    instances = np.zeros(shape, np.int32)
    corners = [(y, x) for y in range(3, 80, 24) for x in range(3, 96, 24)]
    for number, (y, x) in enumerate(corners, start=1):
        size = rng.integers(10, 16)
        instances[y : y + size, x : x + size] = number
    image = rng.normal(1000, 50, shape) + 3000 * (instances > 0)
    return image.clip(0).astype(np.uint16), instances


def make_project(
    folder: Path, tiles: dict[int, list[tuple[Box, TileState]]], n_images: int = 3
) -> Project:
    """Images 0..n-1 and their labelled tiles."""
    pictures = folder.parent / f"{folder.name}-images"
    pictures.mkdir()
    for number in range(n_images):
        tifffile.imwrite(pictures / f"cells{number}.tif", nuclei(number)[0])
    project = Project.create(folder)
    project.add_images([pictures], axes="YX")
    store = AnnotationStore(project)
    for number, boxes in tiles.items():
        item = project.image(f"cells{number}.tif")
        for box, state in boxes:
            store.import_labels(item, nuclei(number)[1], [box], state)
    return project
