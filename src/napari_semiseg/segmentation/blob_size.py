"""How wide the objects of an image are, judged from its pixels alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import scipy

from napari_semiseg.segmentation.texture import shrink

if TYPE_CHECKING:
    from numpy.typing import NDArray

_OCTAVES = np.arange(0.5, 7.51, 0.5)  # Scales of 1.4 to 181 pixels.
_HIGH = 0.5  # Of the highest peak.
_EVEN = 1e-4  # Of normalised brightness.
_FINE = 4.0  # Coarser scales are sought in a reduced image, where they are cheap.
_LARGEST_PART = 4  # A scale wider than a quarter of the image is not seen in it.
# A disc of radius r answers most strongly at the scale r / sqrt(2).
_DIAMETERS = 2 * math.sqrt(2)


def blob_diameter(pixels: NDArray[np.float32]) -> float | None:
    """Diameter of what an image mostly consists of, bright or dark.

    The scale at which the Laplacian of Gaussians, normalised by scale (Lindeberg 1998,
    "Feature detection with automatic scale selection"), has the largest energy, taken
    for that of a disc; among several peaks the finest high one, since shading and
    clusters are coarser than objects. Of 60 images of nuclei, 55 came within a factor
    of 1.5 of the median diameter (typically a fifth too wide). Of a fine texture it is
    the grain.

    Parameters
    ----------
    pixels
        float32 ``(Y, X)``, normalised.

    Returns
    -------
    float or None
        In pixels; None where the image is even, or too small to tell.
    """
    scales = [2.0**k for k in _OCTAVES if 2.0**k <= min(pixels.shape) / _LARGEST_PART]
    if len(scales) < 3:
        return None
    # A filter that is cut off sees an even ground unless that is 0.
    level = pixels - pixels.mean()
    energy = np.array([_energy(level, scale) for scale in scales])
    best = _finest_peak(energy)
    if energy[best] <= _EVEN:
        return None
    return float(_DIAMETERS * scales[best] * 2 ** (_summit(energy, best) / 2))


def _energy(pixels: NDArray[np.float32], scale: float) -> float:
    step = max(1, int(scale // _FINE))
    reduced = shrink(shrink(pixels, step, -1), step, -2)
    inside = scale / step
    answer = inside**2 * scipy.ndimage.gaussian_laplace(reduced, inside, mode="reflect")
    return float(np.sqrt((answer**2).mean()))


def _finest_peak(energy: NDArray[np.float64]) -> int:
    inner = energy[1:-1]
    peaks = (inner >= energy[:-2]) & (inner > energy[2:])
    high = np.flatnonzero(peaks & (inner >= _HIGH * energy.max()))
    return int(high[0]) + 1 if high.size else int(energy.argmax())


def _summit(energy: NDArray[np.float64], best: int) -> float:
    """Where the parabola through three scales is highest, in steps from the middle."""
    if not 0 < best < len(energy) - 1:
        return 0.0
    before, here, after = energy[best - 1 : best + 2]
    bend = before - 2 * here + after
    return float(np.clip((before - after) / (2 * bend), -0.5, 0.5)) if bend else 0.0
