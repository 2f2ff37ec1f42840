"""A project of cells with a bright nucleus each, where pixels have classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from napari_semiseg.project.project import Project

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("cytoplasm", "nucleus")
SHAPE = (96, 112)
TRAINING: dict[str, Any] = {
    "method": "actis",
    "changes": {
        "steps": 50,
        "tile_size": 64,
        "network": {"architecture": "unet", "encoder": "resnet18", "weights": "none"},
        "supervised_fraction": 0.7,
        "supervised": {"batch": 4},
        "consistency": {"labelled_batch": 2, "unlabelled_batch": 2, "fresh": 1},
        "class_weights": [1.0, 1.0, 2.0],
    },
    "minutes": None,
    "device": "cpu",
}


def cells(seed: int, shape: tuple[int, int] = SHAPE) -> tuple[Any, Any]:
    """Round grey cells with a bright nucleus: image uint16, classes uint8."""
    rng = np.random.default_rng(seed)
    classes = np.zeros(shape, np.uint8)
    y, x = np.mgrid[: shape[0], : shape[1]]
    for cy in range(14, shape[0] - 8, 26):
        for cx in range(14, shape[1] - 8, 26):
            middle = np.array([cy, cx]) + rng.integers(-2, 3, 2)
            far = np.hypot(y - middle[0], x - middle[1])
            classes[far < rng.uniform(8, 11)] = 1
            classes[far < rng.uniform(3.5, 5)] = 2
    image = rng.normal(1000, 60, shape) + 1500.0 * classes
    return image.clip(0).astype(np.uint16), classes


def make_class_project(folder: Path, n_images: int = 4) -> Project:
    """A semantic project; nothing is labelled."""
    pictures = folder / "images"
    pictures.mkdir(parents=True)
    for number in range(n_images):
        tifffile.imwrite(pictures / f"cells{number}.tif", cells(number)[0])
    project = Project.create(folder / "cells.semiseg", "semantic", NAMES)
    assert not project.add_images([pictures], axes="YX").skipped
    project.update_settings(training=TRAINING)
    return project
