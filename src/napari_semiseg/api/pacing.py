"""What a training would cost on this computer, measured without learning anything."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from napari_semiseg.api.opening import as_project
from napari_semiseg.runs.launch import mean_seconds
from napari_semiseg.runs.models import start_folder
from napari_semiseg.runs.snapshot import take_snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from napari_semiseg.learning.settings import Settings
    from napari_semiseg.project.project import Project


@dataclass(frozen=True)
class Pace:
    """What a step of each stage costs, and what that comes to.

    ``total_steps`` fit into the minutes that were asked about; None: not asked.
    """

    seconds_per_step: dict[str, float]
    steps_per_minute: float
    total_steps: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


def measure_pace(
    project: str | Path | Project,
    settings: Settings,
    *,
    device: str = "auto",
    start: str | Path = "scratch",
    minutes: float | None = None,
) -> Pace:
    """Measure some steps of a training on a project's images.

    Parameters
    ----------
    settings
        Of the training. The encoder's weights are not downloaded for this.
    device, start
        As for `runs.launch.train`.
    minutes
        Also tell how many steps fit into so many minutes.

    Raises
    ------
    SemisegError
        When there is nothing to learn from, or no such model or device.
    """
    from napari_semiseg.learning.model import Model
    from napari_semiseg.learning.training import Training

    opened = as_project(project)
    begun_from = start_folder(start, opened.folder)
    network = settings.network.model_copy(update={"weights": "none"})
    training = Training(
        take_snapshot(opened).training_set,
        settings.model_copy(update={"network": network}),
        device=device,
        start=None if begun_from is None else Model.load(begun_from),
    )
    seconds = training.seconds_per_step()
    per_minute = 60 / mean_seconds(training, seconds)
    total = None if minutes is None else max(1, round(minutes * per_minute))
    return Pace(seconds, per_minute, total)
