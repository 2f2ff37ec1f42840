"""Tables as CSV that spreadsheets, R and pandas read."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import make_folder, write_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike


def write_table(path: Path | str, columns: Mapping[str, ArrayLike]) -> Path:
    """Write columns of equal length as CSV (UTF-8, comma, decimal point), atomically.

    Parameters
    ----------
    path
        File to make or replace; its folder is made.
    columns
        Name to one-dimensional values; not-a-number becomes an empty cell.

    Raises
    ------
    SemisegError
        When the columns differ in length.
    DiskFullError, ReadOnlyError
        When it cannot be written; an older file is untouched.
    """
    path = Path(path)
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    lengths = {name: array.shape for name, array in arrays.items()}
    if any(len(s) != 1 for s in lengths.values()) or len(set(lengths.values())) > 1:
        raise SemisegError(
            f"The columns of {path.name} differ in length: "
            + ", ".join(f"{name} {shape}" for name, shape in lengths.items())
        )
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(arrays)
    cells = [[_cell(value) for value in array.tolist()] for array in arrays.values()]
    writer.writerows(zip(*cells, strict=True))
    make_folder(path.parent)
    write_bytes(path, text.getvalue().encode())
    return path


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.10g}"
    return "" if value is None else str(value)
