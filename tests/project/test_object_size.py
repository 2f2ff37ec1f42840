from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from napari_semiseg.geometry import ArraySource, Box
from napari_semiseg.project.annotations import Annotation, AnnotationStore
from napari_semiseg.project.object_size import (
    ObjectSize,
    estimate_object_size,
    size_in_sources,
    size_warning,
    suggest_tile_size,
)
from napari_semiseg.project.project import Project
from napari_semiseg.segmentation.blob_size import blob_diameter

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def discs(radius: float, *, dark: bool = False, side: int = 384) -> NDArray[np.float32]:
    """Discs of one radius at a distance of four radii, on a noisy ground."""
    y, x = np.indices((side, side), dtype=np.float64)
    pitch = 4 * radius
    inside = np.hypot(y % pitch - pitch / 2, x % pitch - pitch / 2) <= radius
    noise = np.random.default_rng(0).normal(0, 0.05, inside.shape)
    return ((inside != dark) + noise).astype(np.float32)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("radius", [6, 10, 20, 40])
def test_the_width_of_discs_is_found(radius: float, dark: bool) -> None:
    found = blob_diameter(discs(radius, dark=dark))
    assert found == pytest.approx(2 * radius, rel=0.3)


def test_shading_is_no_object() -> None:
    x = np.linspace(0, np.pi, 384, dtype=np.float32)
    shaded = discs(10) + 1.5 * np.sin(x) * np.sin(x)[:, None]
    assert blob_diameter(shaded) == pytest.approx(20, rel=0.3)


def test_an_even_image_has_no_objects() -> None:
    assert blob_diameter(np.full((200, 200), 0.5, np.float32)) is None
    assert blob_diameter(np.zeros((6, 6), np.float32)) is None
    assert size_in_sources([]) == ObjectSize(None, "unsure")


def test_images_that_disagree_leave_us_unsure() -> None:
    alike = [ArraySource(discs(r)[None]) for r in (9, 10, 11)]
    assert size_in_sources(alike).confidence == "estimated"
    mixed = [ArraySource(discs(r)[None]) for r in (6, 6, 40, 40)]
    assert size_in_sources(mixed).confidence == "unsure"


def test_a_fine_texture_is_no_size_of_objects() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, (1, 200, 200)).astype(np.float32)
    assert size_in_sources([ArraySource(noise)]).confidence == "unsure"


def test_the_channel_with_objects_counts() -> None:
    both = np.stack([np.full((384, 384), 0.2, np.float32), discs(10)])
    size = size_in_sources([ArraySource(both)])
    assert size.diameter == pytest.approx(20, rel=0.3)


@pytest.mark.parametrize(
    ("diameter", "side"), [(2, 64), (16, 96), (21, 128), (40, 256), (500, 512)]
)
def test_tiles_hold_five_or_six_objects_across(diameter: float, side: int) -> None:
    assert suggest_tile_size(diameter) == side


def test_tiles_have_the_default_size_while_we_are_unsure() -> None:
    assert suggest_tile_size(None) == 128
    assert suggest_tile_size(ObjectSize(300.0, "unsure")) == 128
    assert suggest_tile_size(ObjectSize(40.0, "estimated")) == 256


def test_objects_wider_than_half_a_tile_bring_a_warning() -> None:
    assert size_warning(ObjectSize(64.0, "estimated"), 128) is None
    warning = size_warning(ObjectSize(90.0, "estimated"), 128)
    assert warning is not None
    assert "90 px wide" in warning.sentence
    assert warning.reduction == 3
    assert 90 / warning.reduction <= 128 / 4
    again = size_warning(ObjectSize(90.0, "estimated"), 128, present=2)
    assert again is not None
    assert again.reduction == 6
    assert "reduced 6 times" in again.sentence
    assert size_warning(ObjectSize(300.0, "unsure"), 128) is None
    labelled = size_warning(ObjectSize(20.0, "measured", widest=100.0), 128)
    assert labelled is not None
    assert labelled.reduction == 2


def test_labels_win_over_estimates(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", (1000 * discs(10)).clip(0).astype(np.uint16))
    project = Project.create(tmp_path / "project")
    project.add_images([tmp_path / "a.tif"])
    assert estimate_object_size(project).confidence == "estimated"
    instances = np.zeros((64, 128), np.int32)
    for number, x in enumerate((10, 40, 70), start=1):
        instances[20:28, x : x + 8] = number
    instances[40:64, 0:100] = 4  # Cut by the border: no measure of the typical one.
    annotation = Annotation.complete(instances)
    item = project.image("a")
    AnnotationStore(project).save(item, Box((0, 0), (64, 128)), annotation, "training")
    size = estimate_object_size(project)
    assert size.confidence == "measured"
    assert size.diameter == pytest.approx(2 * np.sqrt(64 / np.pi))
    assert size.widest == 100
    assert "9 px wide (measured)" in size.words
