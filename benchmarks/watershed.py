"""Time the watershed by components against scikit-image's and mahotas'.

Draws one probability map of touching nuclei, times every form on it in turn, and prints
the best processor time of each (no form uses threads), and in how many pixels its
objects differ from ours. The times hold for the machine they were taken on; the order
of the forms is what matters.

    python benchmarks/watershed.py --size 2048 --nuclei 3000 --repeats 5
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

import mahotas
import numpy as np
from scipy import ndimage
from skimage.segmentation import watershed

from napari_semiseg.segmentation.watershed import (
    Thresholds,
    instances_from_probability,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

THRESHOLDS = Thresholds(0.5, 0.8)


def nuclei_map(
    rng: np.random.Generator, size: int, n_nuclei: int
) -> NDArray[np.float32]:
    """Probabilities ``(3, size, size)`` of nuclei, two in five beside a neighbour."""
    centres = _centres(rng, size, n_nuclei)
    radii = rng.uniform(10, 13, n_nuclei)
    depth = np.full((size, size), -10.0, np.float32)  # Pixels inside the outline.
    valley = np.full((size, size), -10.0, np.float32)  # That of the second nucleus.
    for centre, radius in zip(centres, radii, strict=True):
        low = np.maximum((centre - radius - 6).astype(int), 0)
        high = np.minimum((centre + radius + 6).astype(int), size)
        if (high <= low).any():
            continue
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        y, x = np.mgrid[box]
        here = (radius - np.hypot(y - centre[0], x - centre[1])).astype(np.float32)
        valley[box] = np.maximum(valley[box], np.minimum(depth[box], here))
        depth[box] = np.maximum(depth[box], here)
    noise = ndimage.gaussian_filter(rng.normal(0, 4, depth.shape), 3)
    foreground = 1 / (1 + np.exp(-2 * (depth + noise)))
    inside = np.minimum(depth - 2, 2 * (depth - valley) - 2)
    interior = foreground / (1 + np.exp(-(inside + noise)))
    planes = [1 - foreground, interior, foreground - interior]
    return np.stack(planes).astype(np.float32)


def _centres(rng: np.random.Generator, size: int, n_nuclei: int) -> NDArray[np.float64]:
    """A loose lattice on which some nuclei are pushed against their neighbours."""
    per_side = int(np.ceil(np.sqrt(n_nuclei)))
    spacing = size / per_side
    lattice = np.stack(np.mgrid[:per_side, :per_side], -1).reshape(-1, 2)[:n_nuclei]
    centres = (lattice + 0.5) * spacing + rng.uniform(-2, 2, (n_nuclei, 2))
    pushed = rng.random(n_nuclei) < 0.2
    centres[pushed, 1] += max(spacing - 20, 0)
    return np.asarray(centres)


def plain(planes: NDArray[np.float32]) -> NDArray[np.int32]:
    """scikit-image's watershed of the whole map with a mask."""
    foreground = 1 - planes[0] > THRESHOLDS.foreground
    seeds, _ = ndimage.label((planes[1] > THRESHOLDS.seed) & foreground)
    return np.asarray(watershed(1 - planes[1], seeds, mask=foreground))


def papers(planes: NDArray[np.float32]) -> NDArray[np.int32]:
    """mahotas' watershed of the whole map, then cut, as the paper's code has it."""
    foreground = 1 - planes[0] > THRESHOLDS.foreground
    seeds, _ = ndimage.label(planes[1] > THRESHOLDS.seed)
    return np.asarray(mahotas.cwatershed(1 - planes[1], seeds) * foreground)


def ours(planes: NDArray[np.float32]) -> NDArray[np.int32]:
    """Component by component."""
    return instances_from_probability(planes, THRESHOLDS)


def best_time(
    segment: Callable[[NDArray[np.float32]], NDArray[np.int32]],
    planes: NDArray[np.float32],
    repeats: int,
) -> tuple[float, NDArray[np.int32]]:
    """Processor seconds of the fastest of several calls, and the objects."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        instances = segment(planes)
        seconds.append(time.process_time() - start)
    return min(seconds), instances


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=2048, help="pixels along a side")
    parser.add_argument("--nuclei", type=int, default=3000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    rng = np.random.default_rng(options.seed)
    planes = nuclei_map(rng, options.size, options.nuclei)
    foreground = 1 - planes[0] > THRESHOLDS.foreground
    seconds, reference = best_time(ours, planes, options.repeats)
    print(
        f"{options.size} x {options.size} pixels, {reference.max()} objects in "
        f"{ndimage.label(foreground)[1]} components\n"
    )
    print(f"{'form':<24}{'ms':>8}{'times':>8}{'differing pixels':>20}")
    print(f"{'components (ours)':<24}{1e3 * seconds:>8.0f}{1:>8.1f}{'-':>20}")
    for name, segment in (("scikit-image", plain), ("mahotas", papers)):
        other, instances = best_time(segment, planes, options.repeats)
        differing = int((instances != reference).sum())
        print(f"{name:<24}{1e3 * other:>8.0f}{other / seconds:>8.1f}{differing:>20,}")


if __name__ == "__main__":
    main()
