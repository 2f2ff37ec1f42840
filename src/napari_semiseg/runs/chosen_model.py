"""The model that a person chose by hand: ``runs/chosen.json`` of a project."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import disk_errors, read_json, write_json
from napari_semiseg.runs.folder import RunFolder

if TYPE_CHECKING:
    from pathlib import Path


class ChosenModel(BaseModel):
    """Which run's model was chosen, and when (ISO 8601 in UTC)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: int = 1
    run: Annotated[str, Field(pattern=r"^[^/\\]+$")]
    chosen: str


def chosen_model(project_folder: Path) -> ChosenModel | None:
    """What was chosen by hand; None: nothing, or a run without a model."""
    with contextlib.suppress(OSError, SemisegError, ValidationError):
        found = ChosenModel.model_validate(read_json(_file(project_folder)))
        return found if _run(project_folder, found).has_model else None
    return None


def choose_model(project_folder: Path, run: RunFolder | None) -> None:
    """Use the model of a run until a later training finds one at least as good.

    Parameters
    ----------
    run
        None: forget what was chosen; trainings alone decide.

    Raises
    ------
    SemisegError
        When the run has no model, or belongs to another project.
    """
    path = _file(project_folder)
    if run is None:
        with disk_errors(path):
            path.unlink(missing_ok=True)
        return
    if run != RunFolder(project_folder / "runs" / run.id):
        raise SemisegError(
            f"The run {run.id} belongs to another project: choose a run of this one."
        )
    if not run.has_model:
        raise SemisegError(f"The run {run.id} has no model yet: let it finish first.")
    now = datetime.now(UTC).isoformat()
    write_json(path, ChosenModel(run=run.id, chosen=now).model_dump(mode="json"))


def _file(project_folder: Path) -> Path:
    return project_folder / "runs" / "chosen.json"


def _run(project_folder: Path, chosen: ChosenModel) -> RunFolder:
    return RunFolder(project_folder / "runs" / chosen.run)
