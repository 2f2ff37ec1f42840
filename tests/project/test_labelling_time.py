from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.correction_planes import Corrections
from napari_semiseg.project.corrections import CorrectionStore, ObjectRecord
from napari_semiseg.project.label_counts import LabelCounts, count_labels
from napari_semiseg.project.labelling_time import ActivityClock, LabellingTime
from napari_semiseg.project.owners import Owner
from napari_semiseg.project.project import Project

if TYPE_CHECKING:
    from pathlib import Path

TILE, OTHER = Box((0, 0), (16, 16)), Box((16, 16), (16, 16))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    pixels = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    tifffile.imwrite(tmp_path / "b.tif", pixels[::-1].copy())
    project = Project.create(tmp_path / "project")
    project.add_images([tmp_path / "a.tif", tmp_path / "b.tif"], axes="YX")
    return project


def test_only_time_without_long_gaps_counts() -> None:
    now = 100.0
    clock = ActivityClock(pause=30, clock=lambda: now)
    for now in (100.0, 110.0, 140.0, 171.0, 175.0):  # noqa: B007
        clock.act()
    assert clock.take() == 44
    assert clock.take() == 0
    now = 180.0
    clock.act()
    assert clock.take() == 5


def test_times_add_up_and_survive(project: Project) -> None:
    first, second = project.images
    book = LabellingTime(project)
    assert book.total() is None
    book.add(first, TILE, 30)
    book.add(first, OTHER, 10)
    book.add(first, TILE, 12.5)
    book.add(second, None, 60)
    again = LabellingTime(Project.open(project.folder))
    assert {one.box: one.seconds for one in again.times(first).tiles} == {
        TILE: 42.5,
        OTHER: 10,
    }
    assert again.times(second).elsewhere == 60
    assert again.total() == 112.5
    with pytest.raises(SemisegError, match="cannot be added"):
        book.add(first, TILE, -1)
    with pytest.raises(SemisegError, match="cannot be added"):
        book.add(first, TILE, float("nan"))


def test_what_was_labelled_is_counted_once(project: Project) -> None:
    assert count_labels(project) == LabelCounts()
    first, second = project.images
    labels = np.zeros((64, 64), np.int32)
    labels[2:6, 2:6], labels[20:24, 20:24], labels[8:12, 8:12] = 1, 2, 3
    store = AnnotationStore(project)
    store.import_labels(first, labels, [TILE], "training")
    store.import_labels(first, labels, [OTHER], "validation")
    store.add_tile(first, Box((32, 32), (16, 16)))  # To do: not labelled yet.

    drawn = Corrections.unset(Box.whole((64, 64)))
    drawn.instances[2:6, 2:6], drawn.instances[40:44, 40:44] = 1, 2
    drawn.owners[2:6, 2:6], drawn.owners[40:44, 40:44] = Owner.HUMAN, Owner.ACCEPTED
    objects = {
        1: ObjectRecord(owner=Owner.HUMAN, box=Box((2, 2), (4, 4))),
        2: ObjectRecord(owner=Owner.ACCEPTED, box=Box((40, 40), (4, 4))),
    }
    for item in (first, second):  # In the first image, one lies in a finished tile.
        CorrectionStore(project).write(item, Box.whole((64, 64)), drawn, objects)
    LabellingTime(project).add(first, TILE, 90)

    found = count_labels(project)
    assert found == LabelCounts(1, 1, 3, 1, 2, 1.5)
    assert (found.tiles, found.objects) == (2, 6)
    assert found.as_dict()["objects"] == 6

    project.set_role(second, "test")
    assert count_labels(project).objects == 4


def test_nobody_counts_objects_of_a_semantic_task(tmp_path: Path) -> None:
    pixels = np.arange(32 * 32, dtype=np.uint16).reshape(32, 32)
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    project = Project.create(tmp_path / "project", "semantic", ("nucleus",))
    project.add_images([tmp_path / "a.tif"], axes="YX")
    AnnotationStore(project).add_tile(project.images[0], TILE, "training")
    found = count_labels(project)
    assert (found.tiles, found.objects) == (1, None)
