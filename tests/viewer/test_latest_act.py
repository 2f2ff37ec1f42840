"""Of instances and pseudo-labels the latest act of a person is what is learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from teacher_scenes import SHAPE, answer, dab, id_at, see

from napari_semiseg.geometry import Box
from napari_semiseg.project.project import Project
from napari_semiseg.runs.snapshot import training_set
from napari_semiseg.segmentation.classes import (
    BACKGROUND,
    BOUNDARY,
    IGNORE,
    INTERIOR,
    class_targets,
)
from napari_semiseg.viewer.teacher.teacher_planes import Rules
from napari_semiseg.viewer.teacher.windows import open_view

if TYPE_CHECKING:
    from pathlib import Path

    from napari_semiseg.learning.told import KnownPixels
    from napari_semiseg.viewer.teacher.teacher_view import TeacherView

WHOLE = Box((0, 0), SHAPE)
PLACE = (45, 90)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    pixels = np.random.default_rng(0).integers(0, 4000, SHAPE, dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    made = Project.create(tmp_path / "project")
    made.add_images([tmp_path / "a.tif"])
    return made


@pytest.fixture
def view(project: Project) -> TeacherView:
    made = open_view(project, project.images[0], WHOLE, Rules())
    see(made, answer())
    return made


def target_of(known: KnownPixels) -> np.ndarray:
    target = class_targets(known.instances, known.annotated)
    given = known.class_overrides
    return target if given is None else np.where(given != IGNORE, given, target)


def learned(project: Project, view: TeacherView) -> list[np.ndarray]:
    """Targets of the image in both streams: as labelled area, and as unlabelled."""
    item = project.images[0]
    view.copy_unsaved().write(project, item)
    found = training_set(project)
    of_areas = np.full(SHAPE, IGNORE)
    for area in found.labelled:
        of_areas[area.box.slices] = target_of(area)
    return [of_areas, target_of(found.told(item.id, WHOLE))]


def test_a_class_painted_after_an_object_wins(project: Project, view) -> None:
    view.stroke("instances", dab(*PLACE, 8, 40))
    view.stroke("label", dab(*PLACE, 2, BACKGROUND))
    for target in learned(project, view):
        assert target[PLACE] == BACKGROUND
        assert target[PLACE[0], PLACE[1] + 5] == INTERIOR
        assert target[PLACE[0], PLACE[1] + 8] == BOUNDARY


def test_an_object_painted_after_a_class_wins(project: Project, view) -> None:
    view.stroke("label", dab(*PLACE, 2, BACKGROUND))
    for target in learned(project, view):
        assert target[PLACE] == BACKGROUND
    view.stroke("instances", dab(*PLACE, 8, 40))
    for target in learned(project, view):
        assert target[PLACE] == INTERIOR
        np.testing.assert_array_equal(
            target == BACKGROUND, np.zeros(SHAPE, bool), err_msg="the class is gone"
        )


def test_ignoring_and_accepting_are_acts_too(project: Project, view) -> None:
    number = id_at(view, 60, 40)
    view.stroke("label", dab(60, 40, 2, BACKGROUND))
    view.do("accept", [number])
    view.stroke("instances", dab(*PLACE, 8, 40))
    view.stroke("instances", dab(*PLACE, 3, -1))
    for target in learned(project, view):
        assert target[60, 40] == INTERIOR
        assert target[PLACE] == IGNORE


def test_a_rejected_object_is_background_and_undo_forgets_it(
    project: Project, view
) -> None:
    number = id_at(view, 60, 40)
    where = view.shown.instances == number
    view.do("reject", [number])
    for target in learned(project, view):
        assert (target[where] == BACKGROUND).all()
    view.undo()
    for target in learned(project, view):
        assert (target == IGNORE).all()
