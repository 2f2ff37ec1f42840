from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import write_json
from napari_semiseg.project.project import Project
from napari_semiseg.runs.chosen_thresholds import (
    ChosenThresholds,
    choose_thresholds,
    chosen_thresholds,
    thresholds_in_force,
)
from napari_semiseg.runs.folder import RunFolder
from napari_semiseg.segmentation.watershed import Thresholds

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project")


def trained_run(project: Project) -> RunFolder:
    run = RunFolder.create(project.folder, "fake")
    card = {"thresholds": [0.4, 0.6], "min_size": 7}
    write_json(run.model / "model.json", card)
    return run


def test_choices_belong_to_a_run_and_outlive_the_program(project: Project) -> None:
    first, second = trained_run(project), trained_run(project)
    choose_thresholds(project, first, Thresholds(0.3, 0.7), 12)
    choose_thresholds(Project.open(project.folder), second, Thresholds(0.1, 0.2))

    again = Project.open(project.folder)
    chosen = ChosenThresholds(foreground=0.3, seed=0.7, min_size=12)
    assert chosen_thresholds(again, first) == chosen
    assert thresholds_in_force(again, first) == chosen
    assert thresholds_in_force(again, second).seed == 0.2


def test_without_a_choice_those_of_the_training_hold(project: Project) -> None:
    run = trained_run(project)
    tuned = ChosenThresholds(foreground=0.4, seed=0.6, min_size=7)
    assert chosen_thresholds(project, run) is None
    assert thresholds_in_force(project, run) == tuned
    choose_thresholds(project, run, Thresholds(0.3, 0.7), 12)
    choose_thresholds(project, run, None)
    assert thresholds_in_force(project, run) == tuned


@pytest.mark.parametrize(
    "damaged", [5, {"RUN": 3}, {"RUN": {"foreground": 2.0, "seed": 0.5}}]
)
def test_damaged_choices_are_none(project: Project, damaged: Any) -> None:
    run = trained_run(project)
    if isinstance(damaged, dict):
        damaged = {run.id: damaged["RUN"]}
    project.update_settings(thresholds=damaged)
    assert chosen_thresholds(project, run) is None


def test_run_without_a_model_has_no_thresholds(project: Project) -> None:
    run = RunFolder.create(project.folder, "fake")
    with pytest.raises(SemisegError, match="no model"):
        thresholds_in_force(project, run)
