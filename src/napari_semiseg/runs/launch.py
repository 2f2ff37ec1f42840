"""One run from start to end in this process: what ``napari-semiseg train`` calls."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from napari_semiseg.errors import SemisegError
from napari_semiseg.project.label_counts import count_labels
from napari_semiseg.project.project import Project
from napari_semiseg.runs.claiming import calm_threads, failure_noted
from napari_semiseg.runs.folder import RunFolder
from napari_semiseg.runs.lineage import learned_boxes
from napari_semiseg.runs.models import read_card_json, start_folder
from napari_semiseg.runs.snapshot import load_inputs, save_inputs, take_snapshot
from napari_semiseg.runs.supervised_arm import arm_of, check_comparable, create_arm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from napari_semiseg.geometry import ImageSource
    from napari_semiseg.learning.settings import Settings
    from napari_semiseg.learning.training import Training
    from napari_semiseg.runs.events import Event
    from napari_semiseg.runs.record import RunRecord

_LOG = logging.getLogger(__name__)
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
    on_event
        Called with each event that is written, also by the arm; in front of these with
        an event ``arm``, which no file has.

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
    with run.lock(), failure_noted(run), calm_threads(run, threads):
        if run.checkpoint is not None:
            record = _resume(run, project, device, on_event)
        else:
            chosen = _seeded(settings, seed)
            if compare:
                check_comparable(chosen, str(start))
                run.update(compare=True)
            record = _begin(run, project, chosen, device, start, minutes, on_event)
    if record.compare and record.state == "finished" and arm_of(run) is None:
        _train_arm(run, project, record.device or device, on_event)
    return record


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
    minutes: float | None,
    on_event: Callable[[Event], None] | None,
) -> RunRecord:
    from napari_semiseg.learning.model import Model
    from napari_semiseg.learning.training import Training

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
    pace = None
    if minutes is not None:
        n_steps, pace = steps_for(training, minutes)
        training.set_total_steps(n_steps)
        notes.append(f"{minutes:g} minutes are {n_steps} steps on this computer.")
    _note(
        run,
        training,
        str(start),
        inputs=snapshot.hashes,
        minutes=minutes,
        seconds_per_step=pace,
        labels=count_labels(project).as_dict(),
        messages=(*snapshot.messages, *notes, *training.messages),
    )
    return _run(run, project, training, snapshot.hashes, on_event, resumed=False)


def _resume(
    run: RunFolder,
    project: Project,
    device: str,
    on_event: Callable[[Event], None] | None,
) -> RunRecord:
    from napari_semiseg.learning.training import Training

    record = run.record()
    if run.checkpoint is None:
        raise SemisegError(f"The run {run.id} has no checkpoint to resume from.")
    training = Training.resume(
        run.checkpoint,
        load_inputs(run, project),
        device=record.device or "auto" if device == "auto" else device,
    )
    run.update(device=str(training.device))
    return _run(run, project, training, record.inputs, on_event, resumed=True)


def _train_arm(
    run: RunFolder,
    project: Project,
    device: str,
    on_event: Callable[[Event], None] | None,
) -> None:
    """Train the supervised arm of a run; what goes wrong there is the arm's."""
    from napari_semiseg.learning.training import Training

    try:
        arm, settings = create_arm(run)
        if on_event is not None:
            sentence = (
                f"Now {settings.steps:,} steps from the labelled tiles alone, to see "
                f"whether the unlabelled images helped. The run {run.id} is finished; "
                "this part can be stopped."
            )
            on_event({"event": "arm", "run": arm.id, "sentence": sentence})
        with arm.lock(), failure_noted(arm), calm_threads(arm, None):
            training = Training(load_inputs(arm, project), settings, device=device)
            _note(arm, training, "scratch")
            hashes = arm.record().inputs
            _run(arm, project, training, hashes, on_event, resumed=False)
    except SemisegError as error:
        _LOG.warning("The supervised arm could not be trained: %s", error)


def _note(run: RunFolder, training: Training, start: str, **fields: Any) -> None:
    """Write down with what a run begins."""
    run.update(
        settings=training.settings.model_dump(mode="json"),
        seed=training.settings.seed,
        start=start,
        device=str(training.device),
        total_steps=training.total_steps,
        **{"messages": training.messages, **fields},
    )


def _run(
    run: RunFolder,
    project: Project,
    training: Training,
    hashes: dict[str, str],
    on_event: Callable[[Event], None] | None,
    *,
    resumed: bool,
) -> RunRecord:
    from napari_semiseg.runs.finishing import Finisher
    from napari_semiseg.runs.reporting.page import write_page_if_possible
    from napari_semiseg.runs.training_process import TrainingRun

    def source_of(image_id: str) -> ImageSource:
        project.reload()  # The image may have been added since the run began.
        return project.source(project.image(image_id))

    record = TrainingRun(
        run,
        training,
        source_of=source_of,
        finish=Finisher(run, training, hashes),
        resumed=resumed,
        on_event=on_event,
    ).train()
    write_page_if_possible(run)
    return record


def _seeded(settings: Settings | None, seed: int | None) -> Settings:
    if settings is None:
        raise SemisegError(
            "This run was ended before its first checkpoint, so that there is nothing "
            "to resume. Start a new run."
        )
    return settings if seed is None else settings.model_copy(update={"seed": seed})
