"""Runs beside a run: they learn from what it has learned from, and serve it alone."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from napari_semiseg.files import disk_errors
from napari_semiseg.runs.folder import RunFolder

if TYPE_CHECKING:
    from napari_semiseg.runs.record import RunRecord


def create_beside(run: RunFolder, method: str, **fields: Any) -> RunFolder:
    """A new run with the inputs of a finished one.

    Parameters
    ----------
    **fields
        Of its record, and ``stem`` of its folder's name.
    """
    record = run.record()
    new = RunFolder.create(
        run.project_folder,
        method,
        inputs=record.inputs,
        labels=record.labels,
        threads=record.threads,
        **fields,
    )
    with disk_errors(new.inputs):
        shutil.copytree(run.inputs, new.inputs, dirs_exist_ok=True)
    return new


def main_run(run: RunFolder, record: RunRecord) -> RunFolder | None:
    """The run that this one is beside; None: it stands for itself."""
    name = record.arm_of or record.check_of
    return None if name is None else RunFolder(run.path.parent / name)
