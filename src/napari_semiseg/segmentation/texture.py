"""What a piece of an image looks like, in a few numbers that are cheap to find.

Pyramids of block means instead of smoothing filters: a tile of 128 x 128 takes about a
millisecond. No feature takes objects to be bright, or the ground to be dark.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEVELS = 4  # Of the pyramid: steps of 1, 2, 4 and 8 pixels.
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_BINS = 32
_PEAK = 0.99
_FILLED_LEVEL = 2  # Steps of 4 pixels: not the grain of the camera.
_EDGE = 0.1  # A step of a tenth of the image's range is an edge.
_SMALLEST = 1e-4  # Of normalised brightness; below it, there is nothing to see.
_WIDEST = 256  # Wider tiles are looked at in a reduced form.
_MOST_CHANNELS = 4
# The 99 % quantile of gradients of white noise is 4.29 of its spreads; a tenth more,
# lest what remains by chance counts as content.
_NOISE_PEAK = 4.7
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Texture:
    """The look of one tile.

    Attributes
    ----------
    features
        float64 ``(F,)``, of equal length for images with equal channels: brightness
        first, then structure (``n_brightness`` says how many are brightness).
    contrast
        How strong the strongest edges are beyond the noise, in units of the image's
        own range of brightness: near 0 where there is nothing.
    filled
        Share of the tile that edges of objects take, 0 to 1.
    """

    features: NDArray[np.float64]
    n_brightness: int
    contrast: float
    filled: float


def texture(pixels: NDArray[np.float32]) -> Texture:
    """Describe a tile.

    Parameters
    ----------
    pixels
        Normalised, float32 ``(C, Y, X)``.
    """
    reduced = pixels[:_MOST_CHANNELS]
    for axis in (-2, -1):
        step = -(-reduced.shape[axis] // _WIDEST)
        reduced = shrink(reduced, step, axis)
    brightness = np.concatenate([_brightness(channel) for channel in reduced])
    each = [_edges(channel) for channel in reduced]
    structure = np.max([edges.features for edges in each], axis=0)
    return Texture(
        np.concatenate([brightness, structure]),
        brightness.size,
        max(edges.contrast for edges in each),
        max(edges.filled for edges in each),
    )


def standardise(textures: list[Texture]) -> NDArray[np.float64]:
    """Features of equal weight, brightness and structure as a whole too.

    Returns
    -------
    float64 ``(len(textures), F)``
        Each feature with mean 0 and spread 1 before weighting; outliers cut at 3.
    """
    features = np.array([one.features for one in textures])
    return standardise_features(features, textures[0].n_brightness)


def standardise_features(
    features: NDArray[np.float64], n_brightness: int
) -> NDArray[np.float64]:
    """The same of features ``(n, F)``, of which the first are brightness."""
    spread = features.std(axis=0)
    centred = features - features.mean(axis=0)
    scaled: NDArray[np.float64] = np.clip(
        centred / np.where(spread > _ROUNDING, spread, 1), -3, 3
    )
    scaled[:, :n_brightness] /= np.sqrt(n_brightness)
    scaled[:, n_brightness:] /= np.sqrt(scaled.shape[1] - n_brightness)
    return scaled


def shrink(pixels: NDArray[np.float32], step: int, axis: int) -> NDArray[np.float32]:
    """Means of ``step`` neighbours along an axis; what fills no step is left out."""
    if step <= 1 or pixels.shape[axis] < step:
        return pixels
    whole = pixels.shape[axis] // step
    moved = np.moveaxis(pixels, axis, -1)[..., : whole * step]
    blocks = moved.reshape(*moved.shape[:-1], whole, step)
    means: NDArray[np.float32] = blocks.mean(axis=-1)
    return np.moveaxis(means, -1, axis)


def _brightness(channel: NDArray[np.float32]) -> NDArray[np.float64]:
    """Quantiles, spread and entropy of the brightness."""
    clipped = np.clip(channel, -0.5, 1.5)
    counts = np.histogram(clipped, bins=_BINS, range=(-0.5, 1.5))[0]
    share = counts[counts > 0] / channel.size
    entropy = -float((share * np.log(share)).sum())
    levels = np.quantile(clipped, _QUANTILES)
    return np.array([*levels, clipped.std(), entropy], np.float64)


@dataclass(frozen=True, eq=False)
class _Edges:
    """What the gradients of one channel say; see `Texture`."""

    features: NDArray[np.float64]
    contrast: float
    filled: float


def _edges(channel: NDArray[np.float32]) -> _Edges:
    """Edges at several scales, and how strong the strongest are beyond the noise."""
    noise = _noise(channel)
    level, found, strengths, filled = channel, [], [], 0.0
    for k in range(_LEVELS):
        slopes = _slopes(level)
        strongest = float(np.quantile(slopes, _PEAK)) if slopes.size else 0.0
        energy = float(np.sqrt((slopes**2).mean())) if slopes.size else 0.0
        found += [np.log(energy + _SMALLEST), energy / (strongest + _SMALLEST)]
        # The mean of 4^k pixels has 2^-k of their noise.
        expected = _NOISE_PEAK * noise / 2**k
        strengths.append(float(np.sqrt(max(0.0, strongest**2 - expected**2))))
        if k == _FILLED_LEVEL and slopes.size:
            filled = float((slopes > np.hypot(_EDGE, expected)).mean())
        level = shrink(shrink(level, 2, -1), 2, -2)
    # Coarse edges are objects; fine ones alone may be noise that is not white.
    return _Edges(np.array(found, np.float64), max(strengths[1:]), filled)


def _slopes(level: NDArray[np.float32]) -> NDArray[np.float32]:
    """Size of the gradient, without the last row and column."""
    down = level[1:, :-1] - level[:-1, :-1]
    along = level[:-1, 1:] - level[:-1, :-1]
    size: NDArray[np.float32] = np.hypot(down, along)
    return size


def _noise(channel: NDArray[np.float32]) -> float:
    """Spread of white noise, from differences that plain slopes do not enter."""
    crossed = channel[1:, 1:] - channel[1:, :-1] - channel[:-1, 1:] + channel[:-1, :-1]
    if crossed.size == 0:
        return 0.0
    return float(np.median(np.abs(crossed))) / 0.6745 / 2
