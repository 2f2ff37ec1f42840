"""One run from start to end in this process: what ``napari-semiseg train`` calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_semiseg.errors import SemisegError
from napari_semiseg.project.label_counts import count_labels
from napari_semiseg.project.project import Project
from napari_semiseg.runs.after import train_beside, train_check
from napari_semiseg.runs.beside import main_run
from napari_semiseg.runs.checking.check import settle
from napari_semiseg.runs.checking.folds import n_folds, why_no_folds
from napari_semiseg.runs.claiming import calm_threads, failure_noted
from napari_semiseg.runs.execution import execute, note_beginning
from napari_semiseg.runs.folder import RunFolder
from napari_semiseg.runs.lineage import learned_boxes
from napari_semiseg.runs.models import read_card_json, start_folder
from napari_semiseg.runs.snapshot import load_inputs, save_inputs, take_snapshot
from napari_semiseg.runs.supervised_arm import check_comparable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from napari_semiseg.learning.settings import Settings
    from napari_semiseg.learning.training import Training
    from napari_semiseg.learning.training_set import TrainingSet
    from napari_semiseg.runs.events import Event
    from napari_semiseg.runs.record import RunRecord

FROM_SCRATCH = ("supervised",)
"""Methods that are a comparison arm, which always starts from the encoder weights."""


def train(
    project_folder: str | Path,
    settings: Settings | None = None,
    *,
    device: str = "auto",
    start: str | Path = "scratch",
    seed: int | None = None,
    minutes: float | None = None,
    threads: int | None = None,
    run: RunFolder | None = None,
    compare: bool = False,
    cross_validate: int | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> RunRecord:
    """Train on a project in this process, in a run folder others may watch.

    Parameters
    ----------
    project_folder
        The project to learn from.
    settings
        Of one method; None only for a run that is resumed.
    device
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``. A resumed run stays on its
        device unless another is named.
    start
        ``scratch``, ``last`` (the model in use), a model folder or the name of a run.
    seed
        Overrides that of the settings.
    minutes
        Turned into a number of steps once, after a warm-up; overrides their number.
    threads
        For the CPU; None: all cores but one, or as before on resume.
    run
        A run folder made before. With a checkpoint in it, the run is resumed and what
        was asked for then holds: settings, start, seed, steps, comparison.
    compare
        Once it has finished, train its supervised arm, see `runs.supervised_arm`.
    cross_validate
        Once it has finished, train again so often, each time without another part of
        the labelled tiles, to score it and to decide whether it comes into use, see
        `runs.checking`. Only where there are no validation tiles. ``minutes`` are for
        all of these together. None: not at all.
    on_event
        Called with each event that is written, also by what follows; in front of that
        with an event ``check`` or ``arm``, which no file has.

    Returns
    -------
    RunRecord
        How it ended: ``state``, and ``failure`` where it failed.

    Raises
    ------
    SemisegError
        When the run cannot begin: nothing to learn from, no such model or device,
        another process trains in this run. Later failures stand in the record.
    """
    project = Project.open(project_folder)
    if run is None:
        run = RunFolder.create(project.folder, _seeded(settings, seed).name)
    before = run.record()
    with run.lock(), failure_noted(run), calm_threads(run, threads):
        if before.check_of is not None:
            record = train_check(run, project, _same_device(before, device), on_event)
        elif run.checkpoint is not None:
            record = _resume(run, project, device, on_event)
        else:
            chosen = _seeded(settings, seed)
            if compare:
                check_comparable(chosen, str(start))
                run.update(compare=True)
            budget = Budget(minutes, cross_validate)
            record = _begin(run, project, chosen, device, start, budget, on_event)
    if record.state != "finished":
        return record  # Its folder may be gone.
    first = main_run(run, before) if before.check_of is not None else run
    if first is not None:
        train_beside(first, project, record.device or device, on_event)
    return run.record()


@dataclass(frozen=True)
class Budget:
    """Minutes for a run and its check together, and how many folds are wished for."""

    minutes: float | None = None
    cross_validate: int | None = None

    def n_folds(self, training_set: TrainingSet) -> tuple[int | None, list[str]]:
        """How many folds there will be, and why there are none."""
        if self.cross_validate is None:
            return None, []
        why = why_no_folds(training_set)
        if why is not None:
            return None, [why]
        return n_folds(training_set, self.cross_validate), []

    def steps(self, training: Training, folds: int | None) -> tuple[int, Any]:
        """Steps of the run, and what a step of each stage takes.

        Each of K folds learns from (K - 1) / K of the tiles with as many of the steps,
        so that the run and its folds together make K times the run's steps.
        """
        return steps_for(training, (self.minutes or 0) / (folds or 1))


def steps_for(training: Training, minutes: float) -> tuple[int, dict[str, float]]:
    """How many steps fit into some minutes, and the seconds a step of each stage takes.

    The stages keep their shares of the steps. At least one step.
    """
    seconds = training.seconds_per_step()
    return max(1, round(60 * minutes / mean_seconds(training, seconds))), seconds


def mean_seconds(training: Training, seconds: Mapping[str, float]) -> float:
    """What a step costs on average, when each stage has its share of the steps."""
    shares = {stage.name: stage.n_steps for stage in training.plan}
    mean = sum(seconds[name] * n for name, n in shares.items()) / sum(shares.values())
    return max(mean, 1e-6)


def _begin(
    run: RunFolder,
    project: Project,
    settings: Settings,
    device: str,
    start: str | Path,
    budget: Budget,
    on_event: Callable[[Event], None] | None,
) -> RunRecord:
    from napari_semiseg.learning.model import Model
    from napari_semiseg.learning.training import Training
    from napari_semiseg.runs.finishing import Finisher

    settle(project.folder)
    notes: list[str] = []
    if settings.name in FROM_SCRATCH and str(start) != "scratch":
        start = "scratch"
        notes.append("The supervised method always starts from the encoder weights.")
    begun_from = start_folder(start, project.folder)
    learned = () if begun_from is None else learned_boxes(read_card_json(begun_from))
    snapshot = take_snapshot(project, ancestors=learned)
    save_inputs(run, snapshot)
    training = Training(
        snapshot.training_set,
        settings,
        device=device,
        start=None if begun_from is None else Model.load(begun_from),
    )
    folds, why = budget.n_folds(snapshot.training_set)
    notes += why
    pace = None
    if budget.minutes is not None:
        n_steps, pace = budget.steps(training, folds)
        training.set_total_steps(n_steps)
        notes.append(_minutes_words(budget.minutes, n_steps, folds))
    note_beginning(
        run,
        training,
        str(start),
        inputs=snapshot.hashes,
        minutes=None if budget.minutes is None else budget.minutes / (folds or 1),
        cross_validate=folds,
        seconds_per_step=pace,
        labels=count_labels(project).as_dict(),
        messages=(*snapshot.messages, *notes, *training.messages),
    )
    finish = Finisher(run, training, snapshot.hashes)
    return execute(run, project, training, finish, on_event, resumed=False)


def _resume(
    run: RunFolder,
    project: Project,
    device: str,
    on_event: Callable[[Event], None] | None,
) -> RunRecord:
    from napari_semiseg.learning.training import Training
    from napari_semiseg.runs.finishing import Finisher

    record = run.record()
    if run.checkpoint is None:
        raise SemisegError(f"The run {run.id} has no checkpoint to resume from.")
    training = Training.resume(
        run.checkpoint,
        load_inputs(run, project),
        device=_same_device(record, device),
    )
    run.update(device=str(training.device))
    finish = Finisher(run, training, record.inputs)
    return execute(run, project, training, finish, on_event, resumed=True)


def _same_device(record: RunRecord, device: str) -> str:
    """Where a resumed run goes on, unless another device was named."""
    return record.device or "auto" if device == "auto" else device


def _minutes_words(minutes: float, n_steps: int, folds: int | None) -> str:
    words = f"{minutes:g} minutes are {n_steps} steps on this computer"
    if folds is None:
        return f"{words}."
    return f"{words}, and {(folds - 1) * n_steps} more for cross-validation."


def _seeded(settings: Settings | None, seed: int | None) -> Settings:
    if settings is None:
        raise SemisegError(
            "This run was ended before its first checkpoint, so that there is nothing "
            "to resume. Start a new run."
        )
    return settings if seed is None else settings.model_copy(update={"seed": seed})
