"""Tables that spreadsheets and pandas read."""

from __future__ import annotations

import csv
import errno
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_semiseg import files
from napari_semiseg.errors import DiskFullError, SemisegError
from napari_semiseg.exchange.tables import write_table

if TYPE_CHECKING:
    from pathlib import Path


def test_columns_become_rows(tmp_path: Path) -> None:
    path = write_table(
        tmp_path / "new" / "a.csv",
        {
            "label": np.array([1, 70000], np.int32),
            "area": np.array([0.1, np.nan], np.float64),
            "name": ["a, b", "µ"],
        },
    )

    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [["label", "area", "name"], ["1", "0.1", "a, b"], ["70000", "", "µ"]]


def test_a_table_without_rows_keeps_its_heading(tmp_path: Path) -> None:
    path = write_table(tmp_path / "a.csv", {"label": [], "area": np.zeros(0)})

    assert path.read_text() == "label,area\n"


def test_columns_of_different_length_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SemisegError, match="differ in length"):
        write_table(tmp_path / "a.csv", {"label": [1, 2], "area": [1]})


def test_full_disk_keeps_the_older_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_table(tmp_path / "a.csv", {"label": [1]})

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", lambda _: None)
    monkeypatch.setattr(files, "_write_all", full)
    with pytest.raises(DiskFullError):
        write_table(path, {"label": [2]})
    assert path.read_text() == "label\n1\n"
