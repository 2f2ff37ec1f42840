"""The report of a run, and opening it in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices

from napari_semiseg.runs.reporting.page import report_file

if TYPE_CHECKING:
    from pathlib import Path

    from napari_semiseg.runs.folder import RunFolder
    from napari_semiseg.viewer.session import Session

WHY_NONE = "This run has no report: it is written when a run ends."


def report_of(run: RunFolder | None) -> Path | None:
    """The report of a run, an HTML file; None: it was not written."""
    if run is None:
        return None
    path = report_file(run)
    return path if path.is_file() else None


def open_report(session: Session, run: RunFolder | None) -> None:
    """Open the report of a run in the browser; what prevents it is said."""
    path = report_of(run)
    if path is None:
        session.say(WHY_NONE, problem=True)
    elif not QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))):
        session.say(
            f"No browser opened the report: open {path} yourself.", problem=True
        )
