"""Cells of a benchmark: one arm, one number of tiles, one seed; and their results."""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import make_folder, read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from napari_semiseg.api.benchmarking.arms import Arm


@dataclass(frozen=True)
class Cell:
    """One training of a benchmark; ``n_labelled`` is a number or ``all``."""

    arm: Arm
    n_labelled: str
    seed: int

    @property
    def words(self) -> str:
        """For people."""
        return f"{self.arm.name}, {self.n_labelled} tiles, seed {self.seed}"


@dataclass(frozen=True)
class CellFolder:
    """Where a cell keeps its result, and its checkpoint while it trains."""

    path: Path

    @classmethod
    def of(cls, report: Path, cell: Cell) -> CellFolder:
        """The folder of a cell, which may not be there yet."""
        name = f"{cell.n_labelled}-{cell.seed}"
        return cls(report / "cells" / cell.arm.stem / name)

    @property
    def result_file(self) -> Path:
        """Written when the cell has ended."""
        return self.path / "result.json"

    @property
    def checkpoint(self) -> Path:
        """To go on from."""
        return self.path / "checkpoint.pt"

    @property
    def history(self) -> Path:
        """What the training told until the checkpoint."""
        return self.path / "history.json"

    @property
    def reliability(self) -> Path:
        """Whether the ranking of images is right, measured when they were ranked."""
        return self.path / "reliability.json"

    @property
    def sheet(self) -> Path:
        """Arrays of the method's sheet, of the first seed."""
        return self.path / "sheet.npz"

    @property
    def model(self) -> Path:
        """The model, if it is kept."""
        return self.path / "model"

    def result(self, key: str | None = None) -> dict[str, Any] | None:
        """The result; None when there is none yet, or it is of a failure.

        Raises
        ------
        SemisegError
            When ``key`` is given and the result belongs to another benchmark.
        """
        if not self.result_file.is_file():
            return None
        found: dict[str, Any] = read_json(self.result_file)
        if found.get("failure"):
            return None
        if key is not None and found["key"] != key:
            raise SemisegError(
                f"{self.result_file} is the result of other settings, tiles or images: "
                "give another folder for the report, or remove it."
            )
        return found

    def failure(self) -> str | None:
        """Why the cell failed, if it did."""
        if not self.result_file.is_file():
            return None
        reason: str | None = read_json(self.result_file).get("failure")
        return reason

    def save(self, result: dict[str, Any]) -> None:
        """Keep the result; the checkpoint is not needed any more."""
        write_json(self.result_file, result)
        for path in (self.checkpoint, self.history, self.reliability):
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def claimed(self) -> Iterator[bool]:
        """Whether this process may compute the cell; another one may be at it.

        The lock is the system's own: it is free when the process that held it ends,
        however it ends.
        """
        make_folder(self.path)
        lock = FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()


def cells_of(
    arms: Sequence[Arm], labelled: Sequence[str], seeds: Sequence[int]
) -> list[Cell]:
    """All cells, seed by seed, so that an unfinished benchmark compares all arms."""
    return [Cell(arm, n, seed) for seed in seeds for n in labelled for arm in arms]


def key_of(facts: dict[str, Any]) -> str:
    """A digest of all that a result depends on."""
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
