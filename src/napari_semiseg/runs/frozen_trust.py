"""What a person said of pseudo-labels when a run began; later strokes change nothing.

Kept as blocks: of most images nothing is said, of the others a few blocks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.project.corrections import CorrectionStore
from napari_semiseg.project.tile_files import (
    box_of,
    read_layers,
    tile_name,
    write_layers,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem


@dataclass(frozen=True, eq=False)
class FrozenTrust:
    """Trust of one image: blocks uint8 ``(*box.size)``, values of `Trust`."""

    blocks: Mapping[Box, NDArray[np.uint8]] = field(default_factory=dict)

    def read(self, box: Box) -> NDArray[np.uint8]:
        """uint8 ``(*box.size)``, unset outside the blocks."""
        found = np.zeros(box.size, np.uint8)
        for block, trust in self.blocks.items():
            shared = block.intersection(box)
            if not shared.empty:
                here = shared.relative_to(box).slices
                found[here] = trust[shared.relative_to(block).slices]
        return found


def freeze_trust(project: Project, item: ImageItem) -> FrozenTrust | None:
    """What is said of an image now; None: nothing."""
    parts = CorrectionStore(project).blocks(item)
    blocks = {box: part.trust.copy() for box, part in parts if part.trust.any()}
    return FrozenTrust(blocks) if blocks else None


def save_trust(trust: FrozenTrust, folder: Path) -> None:
    """Write the blocks into a folder of their own, which exists."""
    for box, block in trust.blocks.items():
        write_layers(folder / tile_name("trust", box), [block])


def load_trust(folder: Path) -> FrozenTrust | None:
    """What :func:`save_trust` wrote; None: nothing.

    Raises
    ------
    SemisegError
        When a file is damaged.
    """
    paths = {box_of(path): path for path in sorted(folder.glob("trust_*.tif"))}
    blocks = {
        box: read_layers(path, box.size)[0].astype(np.uint8)
        for box, path in paths.items()
        if box is not None
    }
    return FrozenTrust(blocks) if blocks else None
