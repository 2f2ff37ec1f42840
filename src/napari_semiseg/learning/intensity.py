"""Strong intensity augmentation of microscopy images (ACTIS 3.1: t_int).

Own operations, because torchvision's jitter clamps to [0, 1] and knows 1 or 3 channels
only, and because the public code draws one jitter for the whole batch and a blur whose
kernel is one pixel wide. Here every sample draws its own, values are never clipped, and
any number of channels goes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from kornia.filters import gaussian_blur2d

if TYPE_CHECKING:
    from torch import Tensor

    from napari_semiseg.learning.randomness import Randomness
    from napari_semiseg.learning.settings import IntensitySettings

_SMALLEST_SIGMA = 0.1


def augment(x: Tensor, settings: IntensitySettings, random: Randomness) -> Tensor:
    """Jitter, blur and noise, each sample with its own parameters.

    Parameters
    ----------
    x
        float32 ``(B, C, Y, X)``, normalised (most values between 0 and 1), not clipped.

    Returns
    -------
    Tensor
        float32 of the same shape.
    """
    x = _where(x, _jitter(x, settings, random), settings, random)
    if settings.blur > _SMALLEST_SIGMA:
        x = _where(x, _blur(x, settings, random), settings, random)
    if settings.poisson:
        x = _where(x, _add_photon_noise(x, settings, random), settings, random)
    return _where(x, _add_noise(x, settings, random), settings, random)


def _where(
    x: Tensor, changed: Tensor, settings: IntensitySettings, random: Randomness
) -> Tensor:
    """``changed`` for a share ``probability`` of the samples, else ``x``."""
    chosen = random.uniform(0, 1, (len(x), 1, 1, 1)) < settings.probability
    return changed.where(chosen, x)


def _jitter(x: Tensor, settings: IntensitySettings, random: Randomness) -> Tensor:
    """Gamma on the rescaled sample, then gain and offset, then a gain a channel."""
    n, channels = x.shape[:2]
    s = settings.strength
    bound = math.log(settings.gamma)
    gamma = random.uniform(-bound, bound, (n, 1, 1, 1)).exp()
    low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
    span = (high - low).clamp_min(1e-6)
    x = ((x - low) / span).pow(gamma) * span + low
    gain = 1 + 0.8 * random.uniform(-s, s, (n, 1, 1, 1))
    x = x * gain.clamp_min(0.1) + 0.3 * random.uniform(-s, s, (n, 1, 1, 1))
    if channels > 1:
        x = x * (1 + 0.2 * random.uniform(-s, s, (n, channels, 1, 1)))
    return x


def _blur(x: Tensor, settings: IntensitySettings, random: Randomness) -> Tensor:
    """Gaussian blur, sigma drawn uniformly from 0.1 px to ``blur``."""
    sigma = random.uniform(_SMALLEST_SIGMA, settings.blur, (len(x), 1)).expand(-1, 2)
    # Three sigma on either side; the public code's kernel of 1 px blurs nothing.
    kernel = 2 * math.ceil(3 * settings.blur) + 1
    # Reflection needs the image to be wider than half the kernel.
    border = "reflect" if min(x.shape[-2:]) > kernel // 2 else "replicate"
    blurred: Tensor = gaussian_blur2d(x, (kernel, kernel), sigma, border_type=border)
    return blurred


def _add_noise(x: Tensor, settings: IntensitySettings, random: Randomness) -> Tensor:
    """Additive normal noise; its deviation is drawn from 0.15 to 1 times ``noise``."""
    deviation = random.uniform(0.15, 1, (len(x), 1, 1, 1)) * settings.noise
    return x + deviation * settings.strength * random.normal(tuple(x.shape))


def _add_photon_noise(
    x: Tensor, settings: IntensitySettings, random: Randomness
) -> Tensor:
    """Poisson noise of a camera that counts photons: the brighter, the noisier.

    A brightness of 1 is N photons, of which the deviation is 1 / sqrt(N); it is drawn
    from 0.15 to 1 times ``poisson``. Ground below 0 emits nothing, and stays.
    """
    deviation = random.uniform(0.15, 1, (len(x), 1, 1, 1)) * settings.poisson
    photons = (settings.strength * deviation).clamp_min(1e-3).pow(-2)
    bright = x.clamp_min(0).float()
    counted = torch.poisson(bright * photons, generator=random.fields) / photons
    return x + counted - bright
