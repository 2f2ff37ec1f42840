"""Write the report of a run, whenever it is wanted."""

from __future__ import annotations

from pathlib import Path

from napari_semiseg.errors import SemisegError
from napari_semiseg.project.project import FILE_NAME
from napari_semiseg.runs.folder import RunFolder, find_run
from napari_semiseg.runs.models import model_in_use
from napari_semiseg.runs.reporting.page import write_page


def report(place: str | Path, output: str | Path | None = None) -> Path:
    """Write the report of a run as one HTML file that opens in any browser.

    Parameters
    ----------
    place
        The folder of a run; or a project: the run whose model is in use, else the
        newest one.
    output
        The file; None: ``report/report.html`` in the folder of the run.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    SemisegError
        When there is no such run, or the file cannot be written.
    """
    run = _run_in(Path(place).expanduser().resolve())
    return write_page(run, None if output is None else Path(output).expanduser())


def _run_in(folder: Path) -> RunFolder:
    if (folder / "run.json").is_file():
        return RunFolder(folder)
    if (folder / FILE_NAME).is_file():
        return model_in_use(folder) or find_run(folder)
    raise SemisegError(
        f"{folder} is neither a run nor a project: give the folder of one of them."
    )
