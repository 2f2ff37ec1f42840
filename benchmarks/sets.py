"""Folders of images with ground truth: ``images/*.tif`` and ``masks/*.tif``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import tifffile

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PERCENTILES = (1.0, 99.8)


@dataclass(frozen=True)
class Pair:
    """An image, normalised float32 ``(1, Y, X)``, and its ids int32 ``(Y, X)``."""

    name: str
    image: NDArray[np.float32]
    instances: NDArray[np.int32]


def read_pair(folder: Path, name: str) -> Pair:
    """One image of ``folder/images`` with its mask in ``folder/masks``."""
    raw = tifffile.imread(folder / "images" / name).astype(np.float32)
    low, high = np.percentile(raw, PERCENTILES)
    image = ((raw - low) / max(high - low, 1e-6)).astype(np.float32)
    mask = tifffile.imread(folder / "masks" / name).astype(np.int32)
    return Pair(name, image[None], mask)
