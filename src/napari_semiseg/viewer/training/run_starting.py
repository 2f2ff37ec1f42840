"""What comes before a run: strokes on the disk, the choice remembered, a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_semiseg.errors import SemisegError
from napari_semiseg.runs.models import model_in_use, read_card_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_semiseg.learning.settings import Settings
    from napari_semiseg.project.project import Project
    from napari_semiseg.runs.supervisor import RunningProcess
    from napari_semiseg.viewer.autosave import Autosave
    from napari_semiseg.viewer.training.training_choice import TrainingChoice

_SECONDS = 5.0  # For saving strokes, while the window waits.


def save_strokes(autosave: Autosave) -> None:
    """Write everything that was painted: a run copies the labels at its start.

    Raises
    ------
    SemisegError
        When the disk refuses it or takes too long.
    """
    if not autosave.flush(_SECONDS):
        raise SemisegError(
            "The last strokes are not on the disk yet. See above why, or wait a "
            "moment, then press Train again."
        )


def start_run(
    project: Project,
    settings: Settings,
    choice: TrainingChoice,
    start: Callable[..., RunningProcess],
) -> RunningProcess:
    """Start a run in a process of its own, and remember the choice in the project.

    Parameters
    ----------
    start
        As `runs.supervisor.start`.
    """
    project.update_settings(**choice.entry())
    beginning = "scratch" if choice.compare else choice.start
    if beginning == "last" and not _can_go_on(project):
        beginning = "scratch"
    arguments = ["--start", beginning, "--device", choice.device]
    if choice.minutes is not None:
        arguments += ["--minutes", f"{choice.minutes:g}"]
    if choice.compare:
        arguments.append("--compare")
    if choice.cross_validate:
        arguments.append("--cross-validate")
    return start(project.folder, arguments, settings=settings)


def _can_go_on(project: Project) -> bool:
    """Whether there is a model in use, and it knows the project's classes."""
    run = model_in_use(project)
    if run is None or project.task == "instances":
        return run is not None
    return tuple(read_card_json(run.model)["classes"]) == project.classes
