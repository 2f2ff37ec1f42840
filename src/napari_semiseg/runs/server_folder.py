"""The folder of a server: where each thing lies, and which are leftovers."""

from __future__ import annotations

import contextlib
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import read_json
from napari_semiseg.runs.liveness import TrainingProcess, is_alive

if TYPE_CHECKING:
    from pathlib import Path

_PREFIX = ".server-"
_NAMELESS = 60.0  # Seconds after which a folder without a process is a leftover.


@dataclass(frozen=True)
class ServerFolder:
    """Where a server and its watcher meet: ``PROJECT/predictions/.server-NAME``."""

    path: Path

    @classmethod
    def of(cls, project_folder: Path, session: str) -> ServerFolder:
        """The folder of a session of this name."""
        return cls(project_folder / "predictions" / f"{_PREFIX}{session}")

    @property
    def control(self) -> Path:
        """Folder of requests, one file each."""
        return self.path / "control"

    @property
    def previews(self) -> Path:
        """Folder of answered previews."""
        return self.path / "previews"

    @property
    def events(self) -> Path:
        """``events.jsonl``, appended by the server only."""
        return self.path / "events.jsonl"

    @property
    def log(self) -> Path:
        """What the server said on its output channels."""
        return self.path / "process.log"

    @property
    def process_file(self) -> Path:
        """``process.json``: who serves."""
        return self.path / "process.json"

    @property
    def process(self) -> TrainingProcess | None:
        """Who serves; None while unknown."""
        try:
            return TrainingProcess.model_validate(read_json(self.process_file))
        except (OSError, SemisegError, ValidationError):
            return None


def remove_dead_servers(project_folder: Path) -> None:
    """Remove the folders of servers of this computer whose process is gone."""
    for path in (project_folder / "predictions").glob(f"{_PREFIX}*"):
        if _is_dead(ServerFolder(path)):
            # On Windows a watcher may still map files; then it stays for later.
            shutil.rmtree(path, ignore_errors=True)


def _is_dead(folder: ServerFolder) -> bool:
    process = folder.process
    if process is not None:
        return is_alive(process) is False
    with contextlib.suppress(OSError):
        return time.time() - folder.path.stat().st_mtime > _NAMELESS
    return False
