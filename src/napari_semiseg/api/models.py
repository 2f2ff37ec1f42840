"""The models of a project: which there are, how good, and which is in use."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from napari_semiseg.api.opening import as_project
from napari_semiseg.runs.chosen_model import choose_model, chosen_model
from napari_semiseg.runs.folder import find_run, list_runs
from napari_semiseg.runs.measured import measured
from napari_semiseg.runs.models import model_in_use

if TYPE_CHECKING:
    from pathlib import Path

    from napari_semiseg.project.project import Project
    from napari_semiseg.runs.folder import RunFolder


@dataclass(frozen=True)
class ModelOverview:
    """A finished model.

    Attributes
    ----------
    run, method, ended
        Where it comes from; ``ended`` in ISO 8601, UTC.
    in_use, by_hand
        Whether the project uses it, and because a person said so.
    score, measured_on, validated
        Precision x recall at an IoU of 0.5, or mean IoU of classes, in [0, 1]; on what,
        and whether no model before it has learned from that. None: not measured.
    arm_of
        The run it is the supervised arm of, else None.
    verdict
        Why it came into use, or not.
    """

    run: str
    method: str
    ended: str | None
    in_use: bool
    by_hand: bool
    score: float | None
    measured_on: str | None
    validated: bool | None
    arm_of: str | None
    verdict: str | None

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


def models(project: str | Path | Project) -> tuple[ModelOverview, ...]:
    """The models of a project, the oldest first."""
    opened = as_project(project)
    used, chosen = model_in_use(opened), chosen_model(opened.folder)
    return tuple(
        _overview(run, used, None if chosen is None else chosen.run)
        for run in list_runs(opened.folder)
        if run.has_model
    )


def use_model(project: str | Path | Project, run: str | None) -> RunFolder | None:
    """Use the model of a run until a later training finds one at least as good.

    Parameters
    ----------
    run
        Its name; None: trainings alone decide which is in use.

    Returns
    -------
    RunFolder or None
        The run whose model is in use now.

    Raises
    ------
    SemisegError
        When there is no such run, or it has no model.
    """
    opened = as_project(project)
    found = None if run is None else find_run(opened.folder, run)
    choose_model(opened.folder, found)
    return model_in_use(opened)


def _overview(
    run: RunFolder, used: RunFolder | None, chosen: str | None
) -> ModelOverview:
    record = run.record()
    known = measured(record)
    return ModelOverview(
        run.id,
        record.method,
        record.ended,
        run == used,
        run == used and run.id == chosen,
        known.score,
        known.on,
        known.validated,
        record.arm_of,
        record.verdict,
    )
