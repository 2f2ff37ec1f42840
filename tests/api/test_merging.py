"""A person's objects, and where a person says there is none, over a model's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.runs.projects import make_project

from napari_semiseg.api.merging import merged_objects, with_own_objects
from napari_semiseg.geometry import Box
from napari_semiseg.project.accepting import accept_objects
from napari_semiseg.project.annotation import Annotation
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.correction_planes import Corrections
from napari_semiseg.project.corrections import CorrectionStore
from napari_semiseg.project.owners import Owner

if TYPE_CHECKING:
    from pathlib import Path

    from napari_semiseg.project.project import Project

FIRST, SECOND = Box((10, 10), (8, 8)), Box((40, 40), (8, 8))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "project", {}, n_images=1)


@pytest.fixture
def proposed(project: Project) -> np.ndarray:
    found = np.zeros(project.images[0].shape, np.int32)
    found[FIRST.slices], found[SECOND.slices] = 1, 2
    return found


def correct(project: Project, corrections: Corrections) -> None:
    item = project.images[0]
    CorrectionStore(project).write(item, Box.whole(item.shape), corrections, {})


def test_erased_ground_keeps_the_models_objects_out(
    project: Project, proposed: np.ndarray
) -> None:
    said = Corrections.unset(Box.whole(proposed.shape))
    said.owners[FIRST.slices] = Owner.HUMAN
    said.owners[40:42, 40:48] = Owner.HUMAN  # A quarter of the second.
    correct(project, said)
    merged = with_own_objects(project, project.images[0], proposed)
    expected = np.where(said.owners > 0, 0, proposed)
    np.testing.assert_array_equal(merged, expected)
    assert set(np.unique(merged)) == {0, 2}


def test_classes_and_trust_of_pixels_touch_no_object(
    project: Project, proposed: np.ndarray
) -> None:
    item = project.images[0]
    accept_objects(project, item, proposed, [2])
    before = with_own_objects(project, item, proposed)
    said = CorrectionStore(project).read(item, Box.whole(item.shape))
    said.classes[:] = 0
    said.trust[:] = 2
    correct(project, said)
    after = with_own_objects(project, item, proposed)
    np.testing.assert_array_equal(after, before)
    assert set(np.unique(after)) == {0, 1, 3}


def test_a_persons_objects_keep_their_class_over_the_models(
    project: Project, proposed: np.ndarray
) -> None:
    """The first is a person's, in a tile; the second was accepted; a third is not."""
    item, third = project.images[0], Box((40, 10), (8, 8))
    proposed[third.slices] = 3
    accept_objects(project, item, proposed, [2], classes={2: 2})
    drawn = np.zeros((32, 32), np.int32)
    drawn[10:18, 10:18], drawn[25:30, 25:30] = 4, 6
    AnnotationStore(project).save(
        item, Box((0, 0), (32, 32)), Annotation.complete(drawn, {4: 2}), "training"
    )
    merged = merged_objects(project, item, proposed, {1: 1, 2: 1, 3: 3})

    def at(box: Box) -> int:
        number = int(merged.instances[box.origin])
        return merged.classes[number]

    assert (at(FIRST), at(SECOND), at(third)) == (2, 2, 3)
    assert at(Box((25, 25), (1, 1))) == 1  # Drawn, of the first class.
    present = np.unique(merged.instances[merged.instances > 0]).tolist()
    assert sorted(merged.classes) == present
    unknown = merged_objects(project, item, proposed, {})
    assert merged.instances[third.origin] not in unknown.classes
