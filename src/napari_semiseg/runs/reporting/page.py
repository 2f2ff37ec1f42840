"""The report of a run: one file of HTML that needs nothing else."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from napari_semiseg.files import make_folder, write_bytes
from napari_semiseg.runs.beside import main_run
from napari_semiseg.runs.reporting.checks import cross_validation_section
from napari_semiseg.runs.reporting.facts import read_facts
from napari_semiseg.runs.reporting.markup import page, tag
from napari_semiseg.runs.reporting.provenance import (
    citation_section,
    origin_section,
    settings_section,
)
from napari_semiseg.runs.reporting.results import (
    comparison_section,
    curves_section,
    data_section,
    examples_section,
    rounds_section,
    scores_section,
    verdict_section,
)
from napari_semiseg.runs.reporting.sizes import sizes_section

if TYPE_CHECKING:
    from pathlib import Path

    from napari_semiseg.runs.folder import RunFolder

_LOG = logging.getLogger(__name__)
_SECTIONS = (
    verdict_section,
    settings_section,
    data_section,
    curves_section,
    examples_section,
    scores_section,
    cross_validation_section,
    sizes_section,
    comparison_section,
    rounds_section,
    origin_section,
    citation_section,
)


def report_file(run: RunFolder) -> Path:
    """Where the report of a run is written by itself."""
    return run.report / "report.html"


def write_page(run: RunFolder, path: Path | None = None) -> Path:
    """Write the report of a run as it stands now.

    Parameters
    ----------
    path
        The file; None: `report_file`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    SemisegError
        When the run has no readable record, or the file cannot be written.
    """
    facts = read_facts(run)
    title = f"{facts.record.method} on {facts.project}"
    head = [tag("h1", title), tag("p", f"Run {facts.record.id}", class_="quiet")]
    text = page(title, [*head, *(section(facts) for section in _SECTIONS)])
    target = report_file(run) if path is None else path
    make_folder(target.parent)
    write_bytes(target, text.encode())
    return target


def write_page_if_possible(run: RunFolder) -> None:
    """Write the report of a run that has ended; no failure of this is the run's.

    The report of the run that it is beside, as its supervised arm, is written anew,
    too. A cross-validation has no other report than that.
    """
    try:
        record = run.record()
        if record.check_of is None:
            write_page(run)
        first = main_run(run, record)
        if first is not None:
            write_page(first)
    except Exception as error:
        # Whatever is wrong with a picture or a disk: the model is there.
        _LOG.warning("The report of %s could not be written: %s", run.id, error)
