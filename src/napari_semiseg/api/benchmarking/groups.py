"""What must stay together: patients, slides, stacks, and equal images."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_semiseg.api.subjects import file_stem
from napari_semiseg.errors import SemisegError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_semiseg.api.benchmarking.examples import Example


def read_groups(path: Path) -> dict[str, str]:
    """Group of each image, by its stem, from a table of two columns: image, group.

    Raises
    ------
    SemisegError
        When the file cannot be read, or names an image twice.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SemisegError(f"The groups in {path} cannot be read: {error}.") from error
    groups: dict[str, str] = {}
    for row in rows:
        if len(row) < 2 or not row[0] or not row[1]:
            raise SemisegError(
                f"{path.name} needs two columns, image and group; a row holds only "
                f"{','.join(row) or 'nothing'}."
            )
        stem = file_stem(Path(row[0]))
        if groups.setdefault(stem, row[1]) != row[1]:
            raise SemisegError(f"{path.name} puts {row[0]} into two groups.")
    return groups


def grouped(
    examples: Sequence[Example], groups: Mapping[str, str] | None = None
) -> tuple[Example, ...]:
    """The same examples, with one group for all that must stay together.

    Those of one stack, of one group of the table, and with equal pixels; and so on
    through chains of them.

    Raises
    ------
    SemisegError
        When a table is given and lacks an image.
    """
    leader: dict[str, str] = {}

    def lead(name: str) -> str:
        while leader.setdefault(name, name) != name:
            name = leader[name]
        return name

    for example in examples:
        own = f"image {example.group}"
        others = [f"pixels {example.content_hash}"]
        if groups is not None:
            others.append(f"group {_group_of(example, groups)}")
        for other in others:
            leader[lead(other)] = lead(own)
    return tuple(
        replace(example, group=lead(f"image {example.group}")) for example in examples
    )


def _group_of(example: Example, groups: Mapping[str, str]) -> str:
    if example.group not in groups:
        raise SemisegError(
            f"The table of groups lacks the image {example.group}: add a row for it."
        )
    return groups[example.group]
