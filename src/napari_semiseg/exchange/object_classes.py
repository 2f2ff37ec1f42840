"""The class of each object of a mask, in the files beside it."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

CLASSES_ENTRY = "object_classes"
"""Where the JSON file beside a mask has them: name by id."""

_LABEL, _CLASS = "label", "class"  # Columns of the table of measurements.


def beside_mask(mask: Path) -> dict[int, str] | None:
    """Name of the class of each object of a mask; None where nobody wrote them.

    Looked for in ``STEM.json`` (``object_classes``), then in ``STEM.csv`` (columns
    ``label`` and ``class``).

    Raises
    ------
    SemisegError
        When such a file is damaged.
    """
    for suffix in (".json", ".csv"):
        path = mask.with_suffix(suffix)
        found = _read(path) if path.is_file() else None
        if found is not None:
            return found
    return None


def read_object_classes(path: Path) -> dict[int, str]:
    """Classes from a table (CSV with ``label`` and ``class``) or a mask's JSON file.

    Raises
    ------
    SemisegError
        When the file cannot be read, or says nothing of classes.
    """
    found = _read(path)
    if found is None:
        raise SemisegError(
            f"{path.name} does not say which class an object is of: it needs the "
            f"columns {_LABEL} and {_CLASS}."
        )
    return found


def as_numbers(classes: Mapping[int, str], names: Sequence[str]) -> dict[int, int]:
    """Numbers of the classes, from 1, of their names; a number stands for itself.

    Raises
    ------
    SemisegError
        When there is no such class.
    """
    numbers = {str(number): number for number in range(1, len(names) + 1)}
    known = numbers | {name: number for number, name in enumerate(names, start=1)}
    strange = sorted(set(classes.values()) - known.keys())
    if strange:
        raise SemisegError(
            f"An object is of class {strange[0]!r}, but the classes are "
            f"{', '.join(names)}."
        )
    return {number: known[name] for number, name in classes.items()}


def _read(path: Path) -> dict[int, str] | None:
    try:
        if path.suffix.lower() == ".json":
            content = read_json(path)
            found = content.get(CLASSES_ENTRY) if isinstance(content, dict) else None
            return None if found is None else {int(n): str(c) for n, c in found.items()}
        rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig")))
        if not {_LABEL, _CLASS} <= set(rows.fieldnames or ()):
            return None
        # An empty cell: the class of this object is not known.
        return {int(row[_LABEL]): row[_CLASS].strip() for row in rows if row[_CLASS]}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise SemisegError(f"{path} cannot be read: {error}.") from error
