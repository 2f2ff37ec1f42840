from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.project.annotations import Annotation, AnnotationStore
from napari_semiseg.project.correction_planes import Corrections
from napari_semiseg.project.corrections import CorrectionStore
from napari_semiseg.project.project import Project
from napari_semiseg.project.reduction import (
    ReducedPixels,
    enlarge,
    reduce_labels,
    reduced_shape,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


class Pixels:
    """Pixels in memory, ``(C, *S)``."""

    def __init__(self, array: NDArray[Any]) -> None:
        self.array = array
        self.shape = array.shape[1:]
        self.n_channels = array.shape[0]
        self.dtype = array.dtype

    def read(self, box: Box) -> NDArray[Any]:
        return self.array[(slice(None), *box.slices)]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A grey 67 x 101 image with a pixel size of 0.5 µm."""
    pixels = np.random.default_rng(0).integers(0, 4000, (67, 101), dtype=np.uint16)
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, pixels, imagej=True, resolution=(2, 2), metadata={"unit": "um"}
    )
    return path


@pytest.fixture
def project(tmp_path: Path, image: Path) -> Project:
    """A project of this image at a third of its size."""
    made = Project.create(tmp_path / "project")
    assert not made.add_images([image], reduction=3).skipped
    return made


def test_a_working_pixel_is_the_mean_of_its_block() -> None:
    array = np.arange(2 * 5 * 7, dtype=np.uint8).reshape(2, 5, 7)
    reduced = ReducedPixels(Pixels(array), 2)
    assert reduced.shape == (2, 3)
    found = reduced.read(Box((0, 0), (2, 3)))
    assert found.dtype == reduced.dtype == np.float32
    assert found[0, 0, 0] == (0 + 1 + 7 + 8) / 4
    assert found[1, 1, 2] == array[1, 2:4, 4:6].mean()
    np.testing.assert_array_equal(reduced.read(Box((1, 1), (1, 2))), found[:, 1:, 1:])


def test_means_of_large_numbers_keep_their_precision() -> None:
    array = np.full((1, 4, 4), 1e9 + 1, np.float64)
    assert ReducedPixels(Pixels(array), 2).read(Box((0, 0), (2, 2)))[0, 0, 0] == 1e9 + 1


def test_pixels_that_are_not_finite_do_not_count() -> None:
    array = np.ones((1, 4, 4), np.float32)
    array[0, 0, 0] = np.nan
    array[0, 2:, 2:] = np.inf
    found = ReducedPixels(Pixels(array), 2).read(Box((0, 0), (2, 2)))
    np.testing.assert_array_equal(found, [[[1, 1], [1, np.nan]]])


def test_planes_of_a_volume_stay() -> None:
    assert reduced_shape((5, 8, 9), 4) == (5, 2, 2)
    volume = np.arange(3, dtype=np.uint8).reshape(1, 3, 1, 1).repeat(4, 2).repeat(4, 3)
    found = ReducedPixels(Pixels(volume), 2).read(Box((1, 0, 0), (2, 2, 2)))
    assert found[0, :, 0, 0].tolist() == [1, 2]


def test_labels_go_there_and_back() -> None:
    full = np.zeros((7, 10), np.int32)
    full[0:3, 0:3], full[3:6, 3:9], full[6, :] = 5, -1, 8
    full[0, 9] = 9
    reduced, vanished = reduce_labels(full, 3)
    np.testing.assert_array_equal(reduced, [[5, 0, 0], [0, -1, -1]])
    assert vanished == (8, 9)
    back = enlarge(reduced, full.shape, 3)
    expected = np.where(full < 8, full, 0)
    np.testing.assert_array_equal(back, expected)
    assert back.dtype == np.int32


def test_full_size_changes_nothing() -> None:
    labels = np.array([[1, 0], [-1, 2]], np.int32)
    reduced, vanished = reduce_labels(labels, 1)
    np.testing.assert_array_equal(reduced, labels)
    assert vanished == ()
    assert enlarge(labels, (2, 2), 1) is labels


def test_maps_are_enlarged_class_by_class() -> None:
    maps = np.array([[[0.5]], [[0.25]]], np.float32)
    found = enlarge(maps, (2, 3), 2)
    np.testing.assert_array_equal(found[1], [[0.25, 0.25, 0], [0.25, 0.25, 0]])


def test_a_project_counts_in_working_pixels(project: Project, image: Path) -> None:
    item = project.image("a")
    assert (item.full_shape, item.shape) == ((67, 101), (22, 33))
    assert item.full_pixel_size == pytest.approx((0.5, 0.5))
    assert item.pixel_size == pytest.approx((1.5, 1.5))
    assert "1/3" in project.describe(item)
    raw = tifffile.imread(image).astype(float)
    source = project.source(item)
    assert source.shape == (22, 33)
    expected = raw[3:6, 96:99].mean()
    found = source.read(Box((1, 32), (1, 1)))[0, 0, 0]
    low, high = item.low[0], item.high[0]
    assert found == pytest.approx((expected - low) / (high - low), rel=1e-5)
    assert project.frame(item).shape == (67, 101)


def test_an_image_is_the_same_at_any_scale(
    tmp_path: Path, project: Project, image: Path
) -> None:
    full = Project.create(tmp_path / "full")
    full.add_images([image])
    assert full.image("a").content_hash == project.image("a").content_hash
    again = Project.open(project.folder)
    again.source(again.image("a"))  # Raises where the pixels are not its own.


def test_the_scale_can_change_until_something_is_labelled(project: Project) -> None:
    project.set_reduction(2)
    assert project.reduction == project.image("a").reduction == 2
    assert Project.open(project.folder).image("a").shape == (33, 50)
    assert project.source(project.image("a")).read(Box((0, 0), (33, 50))).any()
    store = AnnotationStore(project)
    box = Box((0, 0), (8, 8))
    store.add_tile(project.image("a"), box)
    with pytest.raises(SemisegError, match=r"tiles or corrections.*new project"):
        project.set_reduction(1)
    project.set_reduction(2)  # It is the present one.
    store.remove_tile(project.image("a"), box)
    project.set_reduction(1)
    assert store.tiles(project.image("a")) == []
    assert CorrectionStore(project).next_id(project.image("a")) == 1


def test_the_scale_stays_where_pixels_are_corrected(project: Project) -> None:
    item, box = project.image("a"), Box((0, 0), (4, 4))
    corrections = Corrections.unset(box)
    corrections.trust[:] = 1
    CorrectionStore(project).write(item, box, corrections, {})
    with pytest.raises(SemisegError, match="tiles or corrections"):
        project.set_reduction(1)
    CorrectionStore(project).write(item, box, Corrections.unset(box), {})
    project.set_reduction(1)
    assert not CorrectionStore(project).read(project.image("a"), box).trust.any()


def test_labels_of_another_scale_are_not_mixed_up(project: Project) -> None:
    item, box = project.image("a"), Box((0, 0), (8, 8))
    empty = Annotation.complete(np.zeros(box.size, np.int32))
    AnnotationStore(project).save(item, box, empty, "training")
    other = item.model_copy(update={"reduction": 2})
    with pytest.raises(SemisegError, match="another image"):
        AnnotationStore(project).tiles(other)


def test_further_images_take_the_scale_of_the_others(
    project: Project, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "b.tif", np.eye(90, 60, dtype=np.uint16))
    with pytest.raises(SemisegError, match=r"1/3.*one scale"):
        project.add_images([tmp_path / "b.tif"], reduction=2)
    (added,) = project.add_images([tmp_path / "b.tif"]).added
    assert added.shape == (30, 20)


def test_an_image_too_small_for_the_scale_is_refused(
    project: Project, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "b.tif", np.eye(30, 60, dtype=np.uint16))
    (skipped,) = project.add_images([tmp_path / "b.tif"]).skipped
    assert "only 30 pixels" in skipped.reason
    for reduction, sentence in ((30, "only 67 pixels"), (0, "reduced 0 times")):
        with pytest.raises(SemisegError, match=sentence):
            project.set_reduction(reduction)
    assert project.reduction == 3


def test_projects_of_format_1_are_read(project: Project) -> None:
    project.set_reduction(1)
    path = project.folder / "project.json"
    raw = json.loads(path.read_text())
    for image in raw["images"]:
        image["shape"] = image.pop("full_shape")
        image["pixel_size"] = image.pop("full_pixel_size")
        del image["reduction"]
    path.write_text(json.dumps({**raw, "schema_version": 1}))
    assert Project.open(project.folder).images == project.images
