"""Examples of bright squares, in memory."""

from __future__ import annotations

import numpy as np

from napari_semiseg.api.benchmarking.examples import Example
from napari_semiseg.geometry import ArraySource


def squares(seed: int, shape: tuple[int, int] = (64, 64)) -> tuple:
    """Image float32 (1, Y, X), and ids int32 (Y, X)."""
    rng = np.random.default_rng(seed)
    truth = np.zeros(shape, np.int32)
    number = 0
    for y in range(3, shape[0] - 13, 19):
        for x in range(3, shape[1] - 13, 19):
            number += 1
            side = int(rng.integers(9, 13))
            truth[y : y + side, x : x + side] = number
    image = (truth > 0) * 0.8 + rng.normal(0.1, 0.05, shape)
    return image[None].astype(np.float32), truth


def example(seed: int, group: str | None = None, **changes: object) -> Example:
    image, truth = squares(seed)
    values = {
        "name": f"image{seed}",
        "source": ArraySource(image),
        "truth": truth,
        "content_hash": f"hash{seed}",
        "group": group or f"image{seed}",
    }
    return Example(**{**values, **changes})
