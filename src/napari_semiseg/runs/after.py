"""What is trained once a run has finished, if that was asked for: check and arm."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from napari_semiseg.errors import SemisegError
from napari_semiseg.learning.methods import parse_settings
from napari_semiseg.runs.beside import main_run
from napari_semiseg.runs.checking.check import conclude, create_check, wants_check
from napari_semiseg.runs.claiming import calm_threads, failure_noted
from napari_semiseg.runs.execution import execute, note_beginning
from napari_semiseg.runs.snapshot import load_inputs
from napari_semiseg.runs.supervised_arm import arm_of, create_arm

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_semiseg.project.project import Project
    from napari_semiseg.runs.events import Event
    from napari_semiseg.runs.folder import RunFolder
    from napari_semiseg.runs.record import RunRecord

    OnEvent = Callable[[Event], None] | None

_LOG = logging.getLogger(__name__)


def train_beside(
    run: RunFolder, project: Project, device: str, on_event: OnEvent
) -> None:
    """Train what is to follow a run; what goes wrong there is not the run's."""
    if wants_check(run):
        check = create_check(run)
        steps = run.record().total_steps or 0
        _announce(on_event, "check", check, _check_words(run, steps))
        try:
            with check.lock(), failure_noted(check), calm_threads(check, None):
                train_check(check, project, device, on_event)
        except SemisegError as error:
            _LOG.warning("The model could not be cross-validated: %s", error)
    record = run.record()
    if record.compare and record.state == "finished" and arm_of(run) is None:
        _train_arm(run, project, device, on_event)


def train_check(
    check: RunFolder, project: Project, device: str, on_event: OnEvent
) -> RunRecord:
    """Train the folds of a check, from its checkpoint if it has one.

    The caller holds its lock. Whatever comes of it, the run that is checked knows.
    """
    from napari_semiseg.runs.checking.finishing import (
        FAILED,
        STOPPED,
        CheckFinisher,
    )
    from napari_semiseg.runs.checking.fold_training import FoldTraining

    run = main_run(check, check.record())
    if run is None:
        raise SemisegError(f"The run {check.id} checks no other run.")
    try:
        told = run.record()
        training = FoldTraining(
            load_inputs(check, project),
            parse_settings(told.settings),
            told.cross_validate or 2,
            device=device,
        )
        resumed = check.checkpoint is not None
        if check.checkpoint is not None:
            training.load_checkpoint(check.checkpoint)
        note_beginning(check, training, "scratch")
        finish = CheckFinisher(check, run, training)
        record = execute(check, project, training, finish, on_event, resumed=resumed)
    except Exception:
        conclude(run, None, FAILED)
        raise
    if record.state == "failed":
        conclude(run, None, FAILED)
    elif record.accepted is None and training.step == 0:
        conclude(run, None, STOPPED)
    return record


def _train_arm(
    run: RunFolder, project: Project, device: str, on_event: OnEvent
) -> None:
    from napari_semiseg.learning.training import Training
    from napari_semiseg.runs.finishing import Finisher

    try:
        arm, settings = create_arm(run)
        sentence = (
            f"Now {settings.steps:,} steps from the labelled tiles alone, to see "
            f"whether the unlabelled images helped. The run {run.id} is finished; "
            "this part can be stopped."
        )
        _announce(on_event, "arm", arm, sentence)
        with arm.lock(), failure_noted(arm), calm_threads(arm, None):
            training = Training(load_inputs(arm, project), settings, device=device)
            note_beginning(arm, training, "scratch")
            finish = Finisher(arm, training, arm.record().inputs)
            execute(arm, project, training, finish, on_event, resumed=False)
    except SemisegError as error:
        _LOG.warning("The supervised arm could not be trained: %s", error)


def _check_words(run: RunFolder, steps: int) -> str:
    n_folds = run.record().cross_validate or 2
    return (
        f"Now {n_folds} more trainings of about {steps * (n_folds - 1) // n_folds:,} "
        "steps, each without a part of the labelled tiles, to see how good the model "
        f"is. The run {run.id} is finished; this part can be stopped."
    )


def _announce(on_event: OnEvent, name: str, run: RunFolder, sentence: str) -> None:
    if on_event is not None:
        on_event({"event": name, "run": run.id, "sentence": sentence})
