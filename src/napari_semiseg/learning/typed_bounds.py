"""Bounds of sizes as people type them: ``nucleus 10-25, cytoplasm 20-40`` percent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from napari_semiseg.errors import SemisegError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_semiseg.learning.training_set import TrainingSet

_NUMBER = r"(\d+(?:\.\d+)?)\s*%?"
_PART = re.compile(
    rf"(?P<name>.*?)[\s:=]*(?:\bbetween\s+)?\b{_NUMBER}"
    rf"\s*(?:-|\u2013|to|and)\s*{_NUMBER}"
)


def region_names(training_set: TrainingSet) -> tuple[str, ...]:
    """The regions that have sizes: the user's classes, or objects of any class."""
    return training_set.classes if training_set.task == "semantic" else ("object",)


def as_text(value: Any) -> Any:
    """A table ``{nucleus = [10, 25]}`` as text; all else as it is.

    Raises
    ------
    ValueError
        When it holds anything but pairs.
    """
    if not isinstance(value, dict):
        return value
    parts = []
    for name, pair in value.items():
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise ValueError(f"give two percentages for {name}, such as [10, 25]")
        parts.append(f"{name} {pair[0]:g}-{pair[1]:g}")
    return ", ".join(parts)


def checked(text: str) -> str:
    """The same text.

    Raises
    ------
    ValueError
        When it names no bounds; says how to write them.
    """
    parse(text)
    return text


def parse(text: str) -> dict[str, tuple[float, float]]:
    """Shares from 0 to 1 by the name of a class; by "" where none is named.

    Raises
    ------
    ValueError
        When a part is no class with two percentages.
    """
    found: dict[str, tuple[float, float]] = {}
    for part in text.split(","):
        match = _PART.fullmatch(part.strip())
        if match is None:
            raise ValueError(
                f"{part.strip()!r} are no bounds: write a class and two percentages, "
                "such as nucleus 10-25"
            )
        low, high = float(match[2]) / 100, float(match[3]) / 100
        name = match["name"].strip()
        if not 0 <= low <= high <= 1:
            raise ValueError(
                f"the bounds {part.strip()!r} must rise, from 0 to 100 percent"
            )
        if name in found:
            raise ValueError(f"{name or 'a class'} has two pairs of bounds")
        found[name] = (low, high)
    return found


def typed(text: str, names: Sequence[str]) -> list[tuple[float, float] | None]:
    """Bounds of each region, None where nothing was typed.

    Raises
    ------
    SemisegError
        When a name is no class of the project.
    """
    try:
        found = parse(text)
    except ValueError as error:
        raise SemisegError(f"Setting bounds: {error}.") from error
    if "" in found and len(names) == 1:
        found[names[0]] = found.pop("")
    for name in found:
        if name not in names:
            raise SemisegError(
                f"Setting bounds: {name or 'a part without a name'} is no class here. "
                f"Name one of {', '.join(names)}, such as {names[0]} 10-25."
            )
    return [found.get(name) for name in names]
