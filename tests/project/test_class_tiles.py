from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.project.annotations import Annotation, AnnotationStore
from napari_semiseg.project.class_tiles import (
    accept_class_tile,
    class_map,
    load_class_tile,
    open_class_tile,
)
from napari_semiseg.project.correction_planes import UNSET_CLASS, Corrections
from napari_semiseg.project.corrections import CorrectionStore, ObjectRecord
from napari_semiseg.project.owners import Owner
from napari_semiseg.project.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_semiseg.project.records import ImageItem

BOX = Box((0, 0), (32, 32))


@pytest.fixture
def project(tmp_path: Path, save_image: Callable[..., Path]) -> Project:
    made = Project.create(tmp_path / "project", "semantic", ("a", "b"))
    assert not made.add_images([save_image("a.tif", 1)]).skipped
    return made


def test_ids_become_their_classes() -> None:
    ids = np.array([[0, 5, 7], [-1, 9, 5]], np.int32)
    assert class_map(ids, {7: 2, 5: 3}).tolist() == [[0, 3, 2], [-1, 1, 3]]


def corrected(project: Project, item: ImageItem) -> None:
    """An accepted object of class 2, a class given to pixels, and ignored ones."""
    planes = Corrections.unset(BOX)
    planes.instances[2:6, 2:6], planes.owners[2:6, 2:6] = 1, Owner.ACCEPTED
    planes.classes[4:8, 4:8] = 1
    planes.classes[20, 20] = 0
    planes.owners[10, 10], planes.classes[10, 10] = Owner.IGNORED, UNSET_CLASS
    record = ObjectRecord(owner=Owner.ACCEPTED, box=Box((2, 2), (4, 4)), class_id=2)
    CorrectionStore(project).write(item, BOX, planes, {1: record})


def test_a_new_tile_begins_with_what_was_given_outside_of_tiles(
    project: Project, item: ImageItem
) -> None:
    corrected(project, item)
    AnnotationStore(project).add_tile(item, BOX)
    found = open_class_tile(project, item, BOX)

    assert found.instances[3, 3] == 2  # The accepted object's class.
    assert found.instances[5, 5] == found.instances[7, 7] == 1  # Given by pixel.
    assert found.annotated[20, 20] and found.instances[20, 20] == 0
    assert found.instances[10, 10] == -1
    assert not found.annotated[30, 30]


def test_strokes_of_the_tile_win(project: Project, item: ImageItem) -> None:
    corrected(project, item)
    strokes = np.zeros(BOX.size, np.int32)
    strokes[5, 5] = 2
    known = strokes > 0
    AnnotationStore(project).save(item, BOX, Annotation(strokes, known, {2: 2}))
    found = open_class_tile(project, item, BOX)
    assert found.instances[5, 5] == 2
    assert found.instances[7, 7] == 1


def test_an_accepted_tile_is_what_was_proposed_but_for_what_a_person_said(
    project: Project, item: ImageItem
) -> None:
    corrected(project, item)
    proposed = np.full(BOX.size, 2, np.int32)
    record = accept_class_tile(project, item, BOX, proposed)
    assert record.state == "training"
    found = load_class_tile(project, item, BOX)
    assert found.instances[30, 30] == 2
    assert found.instances[7, 7] == 1
    assert found.instances[20, 20] == 0
    assert found.instances[10, 10] == -1
    with pytest.raises(SemisegError, match="finished already"):
        accept_class_tile(project, item, BOX, proposed)


def test_classes_are_renamed_and_added_but_none_goes(project: Project) -> None:
    project.change_classes(("a", "core", "rim"))
    assert Project.open(project.folder).classes == ("a", "core", "rim")
    with pytest.raises(SemisegError, match="cannot be removed"):
        project.change_classes(("a", "core"))
    with pytest.raises(SemisegError, match="name of its own"):
        project.change_classes(("a", "core", "core"))
