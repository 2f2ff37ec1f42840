"""How light becomes a picture: texture, blur, haze, background, camera noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy

if TYPE_CHECKING:
    from numpy.typing import NDArray

FULL_SCALE = 65535
_CAMERA_OFFSET = 100.0  # Counts of a camera in the dark.
_READ_NOISE = 6.0  # Counts, at noise 1.
_GAIN = 4.0  # Counts per photon, at noise 1.


def glow(
    level: NDArray[np.float64], radius: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Light of one nucleus of brightness 1: rounded, mottled, with dark nucleoli.

    Parameters
    ----------
    level
        float64 (Y, X): 0 at the nucleus' centre, 1 on its outline.
    radius
        Pixels.
    rng
        Source of the texture.
    """
    inside = np.clip((1 - level) * radius + 0.5, 0, 1)  # An edge one pixel soft.
    # A thick lens of chromatin: not flat, yet no cone.
    dome = 0.55 + 0.45 * np.sqrt(np.clip(1 - level**2, 0, None))
    mottle = _smooth_noise(level.shape, max(0.8, radius / 8), rng)
    patches = _smooth_noise(level.shape, max(1.0, radius / 3), rng)
    nucleoli = np.clip(patches - 1.1, 0, 0.8) * (level < 0.75)
    texture = 1 + 0.17 * mottle + 0.10 * patches - 0.5 * nucleoli
    light: NDArray[np.float64] = inside * dome * np.clip(texture, 0.3, None)
    return light


def through_microscope(
    light: NDArray[np.float64],
    background: float,
    size: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Blur, haze and uneven background, in units of a typical nucleus' brightness."""
    sharp = scipy.ndimage.gaussian_filter(light, rng.uniform(0.9, 1.4))
    haze = scipy.ndimage.gaussian_filter(light, size / 2)
    slow = _smooth_noise(light.shape, max(light.shape) / 4, rng)
    uneven = np.clip(1 + 0.35 * slow, 0.2, None)
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in light.shape), indexing="ij")
    vignette = 1 - 0.12 * (y**2 + x**2)
    seen: NDArray[np.float64] = vignette * (
        sharp + background * (0.7 * uneven + 2.0 * haze)
    )
    return seen


def expose(
    light: NDArray[np.float64], noise: float, rng: np.random.Generator
) -> NDArray[np.uint16]:
    """What the camera counts: Poisson photons, Gaussian read noise, an offset."""
    if noise > 0:
        gain = _GAIN * noise**2
        counts = gain * rng.poisson(light / gain).astype(np.float64)
        counts += rng.normal(0, _READ_NOISE * noise, light.shape)
    else:
        counts = light
    return np.clip(np.rint(counts + _CAMERA_OFFSET), 0, FULL_SCALE).astype(np.uint16)


def _smooth_noise(
    shape: tuple[int, ...], sigma: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Gaussian noise with structures of ``sigma`` pixels, mean 0, deviation 1."""
    field = scipy.ndimage.gaussian_filter(rng.normal(size=shape), sigma, mode="reflect")
    spread = field.std()
    smooth: NDArray[np.float64] = (field - field.mean()) / (spread if spread > 0 else 1)
    return smooth
