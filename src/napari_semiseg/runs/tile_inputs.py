"""The labelled tiles of a run, copied into its folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.files import replace_file
from napari_semiseg.learning.training_set import LabelledTile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray


def tile_facts(tile: LabelledTile) -> dict[str, Any]:
    """What ``inputs.json`` says about a tile."""
    return {
        "image_id": tile.image_id,
        "origin": list(tile.origin),
        "size": list(tile.instances.shape),
        "role": tile.role,
        "clean": tile.clean,
        "classes": [[number, kind] for number, kind in tile.classes.items()],
        "class_overrides": tile.class_overrides is not None,
        "accepted": tile.accepted is not None,
    }


def write_tile(folder: Path, name: str, tile: LabelledTile) -> None:
    """Write the arrays of a tile, each into a TIFF file."""
    arrays: dict[str, NDArray[Any]] = {
        "image": tile.image,
        "instances": tile.instances,
        "annotated": tile.annotated.astype(np.uint8),
    }
    if tile.class_overrides is not None:
        arrays["overrides"] = tile.class_overrides
    if tile.accepted is not None:
        arrays["accepted"] = tile.accepted.astype(np.uint8)
    for kind, array in arrays.items():
        _write_tiff(folder / f"{name}-{kind}.tif", array)


def _write_tiff(path: Path, array: NDArray[Any]) -> None:
    import tifffile  # Slow to import.

    def write(temporary: Path) -> None:
        tifffile.imwrite(temporary, array, photometric="minisblack")

    replace_file(path, write)


def read_tile(folder: Path, facts: Mapping[str, Any]) -> LabelledTile:
    """Read a tile again; where its image is, the caller knows."""
    import tifffile

    size = tuple(facts["size"])

    def read(kind: str) -> NDArray[Any]:
        # Reshaped, because TIFF drops axes of length one.
        return tifffile.imread(folder / f"{facts['name']}-{kind}.tif")

    return LabelledTile(
        image=read("image").reshape(-1, *size),
        instances=read("instances").reshape(size),
        annotated=read("annotated").reshape(size).astype(bool),
        classes=dict(facts["classes"]),
        image_id=facts["image_id"],
        origin=tuple(facts["origin"]),
        role=facts["role"],
        clean=facts["clean"],
        class_overrides=(
            read("overrides").reshape(size) if facts.get("class_overrides") else None
        ),
        accepted=(
            read("accepted").reshape(size) > 0 if facts.get("accepted") else None
        ),
    )
