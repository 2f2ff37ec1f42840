"""Which model a project uses, and which models there are; needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import read_json
from napari_semiseg.runs.chosen_model import chosen_model
from napari_semiseg.runs.folder import RunFolder, list_runs

if TYPE_CHECKING:

    class HasFolder(Protocol):
        """Anything that lies in a folder: a project."""

        @property
        def folder(self) -> Path:
            """The folder."""
            ...


def model_in_use(
    project: HasFolder | Path, *, without: RunFolder | None = None
) -> RunFolder | None:
    """The run whose model the project uses: the newest accepted one with a model.

    It is read from the runs, so that nobody has to write it down a second time. One
    that a person chose counts as accepted when it was chosen.

    Parameters
    ----------
    project
        The project, or its folder.
    without
        A run that does not count: one that is about to replace its own model.
    """
    folder = project if isinstance(project, Path) else project.folder
    accepted = [
        (record.ended or record.created, run)
        for run in list_runs(folder)
        if run != without and run.has_model and (record := run.record()).accepted
    ]
    chosen = chosen_model(folder)
    by_hand = None if chosen is None else RunFolder(folder / "runs" / chosen.run)
    if chosen is not None and by_hand is not None and by_hand != without:
        accepted.append((chosen.chosen, by_hand))
    return (
        max(accepted, key=lambda entry: (entry[0], entry[1].id))[1]
        if accepted
        else None
    )


def start_folder(start: str | Path, project_folder: Path) -> Path | None:
    """The model folder that a run starts from; None: from the encoder weights.

    Parameters
    ----------
    start
        ``scratch``, ``last`` (the model in use), the folder of a model or run, or the
        name of a run of this project.
    project_folder
        The project, for ``last`` and for names.

    Raises
    ------
    SemisegError
        When there is no such model.
    """
    if str(start) == "scratch":
        return None
    if str(start) == "last":
        return _last_model(project_folder)
    places = [Path(start), project_folder / "runs" / str(start)]
    candidates = [folder for place in places for folder in (place, place / "model")]
    for folder in candidates:
        if (folder / "model.json").is_file():
            return folder
    raise SemisegError(
        f"There is no model in {start}. Give a model folder, the name of a run, "
        "last, or scratch."
    )


def read_card_json(folder: Path) -> dict[str, Any]:
    """The ``model.json`` of a model folder, as it stands there."""
    content = read_json(folder / "model.json")
    if not isinstance(content, dict):
        raise SemisegError(f"{folder / 'model.json'} is damaged.")
    return content


def _last_model(project_folder: Path) -> Path:
    run = model_in_use(project_folder)
    if run is None:
        raise SemisegError(
            "This project has no model to go on from yet. Train from scratch first."
        )
    return run.model
