"""A run folder: where each thing lies, and who may write it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import disk_errors, make_folder, write_bytes, write_json
from napari_semiseg.runs.record import RunRecord, read_record

if TYPE_CHECKING:
    from collections.abc import Iterator

_RESERVE_BYTES = 1 << 18  # Kept so that "the disk is full" can still be written down.


@dataclass(frozen=True)
class RunFolder:
    """One run on disk; ``path`` is ``PROJECT/runs/<timestamp>-<method>``."""

    path: Path

    @classmethod
    def create(
        cls,
        project_folder: Path,
        method: str,
        *,
        stem: str | None = None,
        **fields: Any,
    ) -> RunFolder:
        """Make a new run folder with its record.

        Parameters
        ----------
        project_folder
            The project the run belongs to.
        method
            Name of the method.
        stem
            The end of the folder's name; None: the method.
        **fields
            Further fields of the :class:`RunRecord`.
        """
        now = datetime.now(UTC)
        run = cls(_new_folder(project_folder / "runs", now, stem or method))
        record = RunRecord(
            id=run.id,
            method=method,
            created=now.isoformat(),
            asked=now.timestamp(),
            **fields,
        )
        for name in ("inputs", "control", "previews", "checkpoint", "model", "report"):
            make_folder(run.path / name)
        write_json(run.record_file, record.model_dump(mode="json"))
        return run

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def project_folder(self) -> Path:
        """The project this run belongs to."""
        return self.path.parent.parent

    @property
    def record_file(self) -> Path:
        """``run.json``."""
        return self.path / "run.json"

    @property
    def events(self) -> Path:
        """``events.jsonl``, appended by the training process only."""
        return self.path / "events.jsonl"

    @property
    def log(self) -> Path:
        """What the training process said on its output channels."""
        return self.path / "process.log"

    @property
    def inputs(self) -> Path:
        """Folder of the labelled tiles it was trained on."""
        return self.path / "inputs"

    @property
    def control(self) -> Path:
        """Folder of requests, one file each."""
        return self.path / "control"

    @property
    def previews(self) -> Path:
        """Folder of answered previews."""
        return self.path / "previews"

    @property
    def model(self) -> Path:
        """Folder of the finished model."""
        return self.path / "model"

    @property
    def report(self) -> Path:
        """Folder of metrics, scores and curves."""
        return self.path / "report"

    @property
    def reliability(self) -> Path:
        """How reliable the run found each unlabelled image's pseudo-labels, a table."""
        return self.report / "reliability.csv"

    @property
    def sizes(self) -> Path:
        """What the run knows of the sizes of regions, in its report."""
        return self.report / "sizes.json"

    @property
    def last_checkpoint(self) -> Path:
        """Where the newest checkpoint is written."""
        return self.path / "checkpoint" / "last.safetensors"

    @property
    def previous_checkpoint(self) -> Path:
        """The checkpoint before the newest."""
        return self.path / "checkpoint" / "previous.safetensors"

    @property
    def checkpoint(self) -> Path | None:
        """The newest complete checkpoint, None when there is none."""
        both = (self.last_checkpoint, self.previous_checkpoint)
        return next((path for path in both if path.is_file()), None)

    @property
    def has_model(self) -> bool:
        """Whether the run has a finished model."""
        return (self.model / "model.json").is_file()

    def record(self) -> RunRecord:
        """Read ``run.json``."""
        return read_record(self.record_file)

    def update(self, **fields: Any) -> RunRecord:
        """Change fields of ``run.json``; only for the holder of the run's lock."""
        changed = {**self.record().model_dump(), **fields}
        record = RunRecord.model_validate(changed)
        write_json(self.record_file, record.model_dump(mode="json"))
        return record

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run, so that no second process trains in it.

        Raises
        ------
        SemisegError
            When another process holds it.
        """
        with disk_errors(self.path / "lock"):
            lock = FileLock(self.path / "lock", timeout=0)
            try:
                lock.acquire()
            except Timeout as error:
                raise SemisegError(self._held()) from error
        try:
            yield
        finally:
            lock.release()

    def keep_reserve(self) -> None:
        """Occupy some room, to be freed when the disk is full."""
        write_bytes(self.path / ".reserve", bytes(_RESERVE_BYTES))

    def free_reserve(self) -> None:
        """Give the reserved room back."""
        with contextlib.suppress(OSError):
            (self.path / ".reserve").unlink(missing_ok=True)

    def _held(self) -> str:
        process = self.record().process
        who = f" (process {process.pid} on {process.hostname})" if process else ""
        return (
            f"The run {self.id} is being trained already{who}. "
            "Follow it, or stop it before you start it again."
        )


def list_runs(project_folder: Path) -> list[RunFolder]:
    """The runs of a project, oldest first; folders without a record are left out."""
    found = []
    for path in sorted((project_folder / "runs").glob("*/run.json")):
        run = RunFolder(path.parent)
        with contextlib.suppress(SemisegError):
            found.append((run.record().created, run.id, run))
    return [run for *_, run in sorted(found, key=lambda entry: entry[:2])]


def find_run(project_folder: Path, name: str | None = None) -> RunFolder:
    """The run of this name (or the newest run) of a project.

    Raises
    ------
    SemisegError
        When there is no such run; names those there are.
    """
    if name is not None and (Path(name) / "run.json").is_file():
        return RunFolder(Path(name).resolve())
    runs = list_runs(project_folder)
    if not runs:
        raise SemisegError(f"{project_folder} has no run yet. Start one with train.")
    if name is None:
        return runs[-1]
    for run in runs:
        if run.id == name:
            return run
    known = ", ".join(run.id for run in runs[-5:])
    raise SemisegError(f"There is no run {name} in {project_folder}. Runs: {known}.")


def _new_folder(runs: Path, now: datetime, method: str) -> Path:
    make_folder(runs)
    stem = f"{now.astimezone():%Y-%m-%dT%H-%M-%S}-{method}"
    for number in range(1, 1000):
        path = runs / (stem if number == 1 else f"{stem}-{number}")
        try:
            with disk_errors(path):
                path.mkdir()
        except FileExistsError:
            continue
        return path
    raise SemisegError(f"{runs} holds too many runs of this second. Try again.")
