from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.labelling_time import LabellingTime
from napari_semiseg.project.project import Project
from napari_semiseg.project.reviews import (
    ReviewProgress,
    ReviewStore,
    Standing,
    minutes_words,
    progress,
    standings,
)

if TYPE_CHECKING:
    from pathlib import Path

TILE, OTHER = Box((0, 0), (16, 16)), Box((16, 16), (16, 16))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    pixels = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    for number, name in enumerate("abcd"):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.roll(pixels, number))
    project = Project.create(tmp_path / "project")
    paths = [tmp_path / f"{name}.tif" for name in "abcd"]
    project.add_images(paths, axes="YX")
    return project


def test_one_verdict_a_box_and_the_latest_counts(project: Project) -> None:
    item = project.images[0]
    store = ReviewStore(project)
    assert store.reviews(item) == ()
    store.note(item, OTHER, "accepted", "actis-1")
    store.note(item, TILE, "needs work")
    store.note(item, OTHER, "corrected", "actis-2")

    again = ReviewStore(Project.open(project.folder)).reviews(item)
    assert [(r.box, r.state, r.model) for r in again] == [
        (TILE, "needs work", None),
        (OTHER, "corrected", "actis-2"),
    ]
    assert all("T" in review.when for review in again)
    store.forget(item, TILE)
    assert [review.box for review in store.reviews(item)] == [OTHER]


def test_the_file_is_as_others_read_it(project: Project) -> None:
    item = project.images[0]
    ReviewStore(project).note(item, TILE, "rejected")
    path = project.folder / "annotations" / item.id / "reviews.json"
    raw = json.loads(path.read_text())
    assert raw["schema_version"] == 1
    assert raw["image_id"] == item.id
    (tile,) = raw["tiles"]
    assert set(tile) == {"box", "state", "when", "model"}
    path.write_text(json.dumps(raw | {"schema_version": 2}))
    with pytest.raises(SemisegError, match="newer"):
        ReviewStore(project).reviews(item)


@pytest.mark.parametrize("state", ["accepted", "corrected", "rejected"])
def test_a_verdict_or_a_finished_tile_makes_an_image_reviewed(
    project: Project, state: str
) -> None:
    assert progress(project) == ReviewProgress(0, 4, None, 0)
    first, second, third, fourth = project.images
    ReviewStore(project).note(first, TILE, state)  # type: ignore[arg-type]
    AnnotationStore(project).add_tile(second, TILE, "validation")
    AnnotationStore(project).add_tile(third, TILE)
    LabellingTime(project).add(first, None, 840)
    assert progress(project) == ReviewProgress(2, 4, 14.0, 0)
    project.set_role(fourth, "test")
    assert progress(project).words == "2 of 3 images reviewed, 14 min"
    some = standings(project, {second.id, fourth.id})
    assert some == {second.id: Standing(True, 0)}


def test_a_tile_needs_work_until_it_is_finished_or_gone(project: Project) -> None:
    first, second, *_ = project.images
    tiles, store = AnnotationStore(project), ReviewStore(project)
    for item in (first, second):
        tiles.add_tile(item, TILE)
        store.note(item, TILE, "needs work")
    assert progress(project) == ReviewProgress(0, 4, None, 2)
    assert progress(project).words == "0 of 4 images reviewed, 2 tiles need work"
    tiles.set_state(first, TILE, "training")
    tiles.remove_tile(second, TILE)
    assert progress(project) == ReviewProgress(1, 4, None, 0)


def test_a_damaged_file_counts_as_nothing_here(project: Project) -> None:
    item = project.images[0]
    ReviewStore(project).note(item, TILE, "accepted")
    path = project.folder / "annotations" / item.id / "reviews.json"
    path.write_text("{")
    assert progress(project) == ReviewProgress(0, 4, None, 0)


def test_times_are_said_as_people_do() -> None:
    words = [minutes_words(m) for m in (0.4, 1, 14.2, 89.4, 126)]
    assert words == ["less than 1 min", "1 min", "14 min", "89 min", "2.1 h"]
