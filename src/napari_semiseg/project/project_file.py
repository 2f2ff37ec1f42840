"""The file ``project.json``: read, kept in memory, changed by one writer at a time."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from napari_semiseg.files import write_json
from napari_semiseg.project.locks import PROJECT_FILE, project_lock
from napari_semiseg.project.migrations import (
    PROJECT_MIGRATIONS,
    PROJECT_VERSION,
    read_record,
)
from napari_semiseg.project.records import ProjectFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class KeptFile:
    """What ``project.json`` of a folder says; the one place that writes it.

    Attributes
    ----------
    file
        As it was when it was last read or written here.
    """

    def __init__(self, folder: Path, file: ProjectFile) -> None:
        self._folder = folder
        self.file = file

    def reload(self) -> ProjectFile:
        """Read the file again, which another program may have changed."""
        self.file = read_project(self._folder)
        return self.file

    @contextlib.contextmanager
    def change(self) -> Iterator[dict[str, Any]]:
        """Read again, and write the fields put into the mapping, if any.

        Nobody else writes meanwhile. After an error nothing is written.

        Raises
        ------
        SemisegError
            When another program keeps the file, or it cannot be read or written.
        """
        with project_lock(self._folder):
            self.reload()
            fields: dict[str, Any] = {}
            yield fields
            if fields:
                self.write(self.file.model_copy(update=fields))

    def write(self, file: ProjectFile) -> None:
        """Write all of the file, whatever it says now."""
        write_json(self._folder / PROJECT_FILE, file.model_dump(mode="json"))
        self.file = file


def read_project(folder: Path) -> ProjectFile:
    """What ``project.json`` of a folder says.

    Raises
    ------
    SemisegError
        When it is missing, damaged, or made by a newer version.
    """
    path = folder / PROJECT_FILE
    return read_record(path, ProjectFile, PROJECT_VERSION, PROJECT_MIGRATIONS)
