"""The thresholds a person chose for a model, kept in the project's settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_semiseg.errors import SemisegError
from napari_semiseg.runs.models import read_card_json

if TYPE_CHECKING:
    from napari_semiseg.project.project import Project
    from napari_semiseg.runs.folder import RunFolder
    from napari_semiseg.segmentation.watershed import Thresholds

_SETTING = "thresholds"
_Share = Annotated[float, Field(ge=0, le=1)]


class ChosenThresholds(BaseModel):
    """How objects are cut out of a model's probabilities.

    Attributes
    ----------
    foreground, seed
        As `segmentation.watershed.Thresholds` has them, in [0, 1].
    min_size
        Smaller objects are removed, pixels.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    foreground: _Share
    seed: _Share
    min_size: Annotated[int, Field(ge=0)] = 0


def chosen_thresholds(project: Project, run: RunFolder) -> ChosenThresholds | None:
    """What was chosen for the model of a run; None: its own thresholds hold.

    The project is taken as it was read last, see `Project.reload`.
    """
    by_run = project.settings.get(_SETTING)
    if not isinstance(by_run, dict) or run.id not in by_run:
        return None
    try:
        return ChosenThresholds.model_validate(by_run[run.id])
    except ValidationError:
        return None  # Written by hand, or by another version.


def thresholds_in_force(project: Project, run: RunFolder) -> ChosenThresholds:
    """What was chosen for the model of a run, else what its training found best.

    Raises
    ------
    SemisegError
        When the run has no model, or a damaged one.
    """
    chosen = chosen_thresholds(project, run)
    if chosen is not None:
        return chosen
    if not run.has_model:
        raise SemisegError(f"The run {run.id} has no model yet: let it finish first.")
    card = read_card_json(run.model)
    foreground, seed = card["thresholds"]
    return ChosenThresholds(
        foreground=foreground, seed=seed, min_size=card.get("min_size", 0)
    )


def choose_thresholds(
    project: Project,
    run: RunFolder,
    thresholds: Thresholds | None,
    min_size: int = 0,
) -> None:
    """Choose how the objects of a run's model are cut out from now on.

    Parameters
    ----------
    thresholds
        None: back to those the training found best.
    min_size
        Smaller objects are removed, pixels.
    """
    known = project.reload().settings.get(_SETTING)
    by_run = dict(known) if isinstance(known, dict) else {}
    by_run.pop(run.id, None)
    if thresholds is not None:
        chosen = ChosenThresholds(
            foreground=thresholds.foreground, seed=thresholds.seed, min_size=min_size
        )
        by_run[run.id] = chosen.model_dump(mode="json")
    project.update_settings(**{_SETTING: by_run})
