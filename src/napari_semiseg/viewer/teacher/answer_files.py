"""The files that an answer of a teacher names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.geometry import Box

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_semiseg.runs.events import Event

_LAYERS = ("probability", "label", "confidence", "selected")


def open_answer(event: Event, folder: Path) -> tuple[Box, list[NDArray[Any]]] | None:
    """Where a teacher has looked, and what it saw, memory-mapped.

    None: newer answers have taken its place on the disk. The last array, ``kind``, is
    there only where objects have classes.
    """
    try:
        paths = [folder / event["files"][name] for name in _LAYERS]
        arrays = [np.load(path, mmap_mode="r") for path in paths]
        kind = event["files"].get("kind")
        if kind is not None:
            arrays.append(np.load(folder / kind, mmap_mode="r"))
    except (OSError, ValueError):
        return None
    return Box(tuple(event["origin"]), tuple(event["size"])), arrays
