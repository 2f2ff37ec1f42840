"""A person's objects, and where a person says there is none, over a model's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.runs.projects import make_project

from napari_semiseg.api.merging import with_own_objects
from napari_semiseg.geometry import Box
from napari_semiseg.project.accepting import accept_objects
from napari_semiseg.project.corrections import Corrections, CorrectionStore
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
    said.owners[40:43, 40:48] = Owner.HUMAN  # Less than half of the second.
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
