from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from napari_semiseg.project.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_semiseg.project.records import ImageItem


@pytest.fixture
def save_image(tmp_path: Path) -> Callable[..., Path]:
    """Write a grey 40 x 60 image of noise, different for each seed."""

    def save(name: str, seed: int = 0, folder: Path = tmp_path / "images") -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(seed)
        pixels = rng.integers(100, 4000, (40, 60), dtype=np.uint16)
        tifffile.imwrite(folder / name, pixels)
        return folder / name

    return save


@pytest.fixture
def project(tmp_path: Path, save_image: Callable[..., Path]) -> Project:
    """A project beside two images, a.tif and b.tif."""
    made = Project.create(tmp_path / "project")
    result = made.add_images([save_image("a.tif", 1), save_image("b.tif", 2)])
    assert not result.skipped
    return made


@pytest.fixture
def item(project: Project) -> ImageItem:
    return project.image("a.tif")
