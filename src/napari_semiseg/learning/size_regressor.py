"""The regressor: what share of an image each region covers, from the image alone.

Source: Kervadec et al. 2019, Eq. 2: a network of its own, made before the segmentation
and from the labelled images alone, by the squared error of the size.

`TrainedRegressor` is the paper's: the mean of an encoder's deepest features, and a
linear layer, which gives pixels of an image of 256 x 256 (of a tile of any other size
as many as if it had that one). The public code pools its 8 x 8 map by
``AvgPool2d(7)``, which does not see the last row and column; here the mean is over all
of it.

`CountingRegressor` is ours, for a handful of tiles. The encoder stays as it is; what is
fitted is linear, by least squares (:mod:`learning.size_fitting`). The mean of a linear
map of local features is the linear map of their mean. So the weights can be learned
from the sizes in small windows, a thousand of them a tile in place of one; and what is
below 0 or above 1 in a window can be cut off before the mean is taken, which makes it
a count of soft foreground. With five tiles of nuclei the error was half of that of a
regression on means alone (docs/methods.md).
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from napari_semiseg.learning.network_settings import NetworkSettings
from napari_semiseg.learning.networks import build_network, encoder_of, pad_to_stride

if TYPE_CHECKING:
    from typing import Self

    from torch import Tensor

    from napari_semiseg.learning.curriculum_settings import RegressorSettings
    from napari_semiseg.learning.networks import SegmentationNetwork

PIXELS = 256 * 256
"""Of the paper's images: the unit of its regressor and of its learning rate."""
WINDOW = 4
"""Side of the windows in which the counting regressor measures sizes, pixels."""

_COARSEST = 16  # Features of fewer places tell nothing of windows of four pixels.
_PROBE = 64


class Standardised(nn.Module):
    """An encoder that takes images as the segmentation network does."""

    mean: Tensor
    std: Tensor

    def __init__(self, encoder: nn.Module, network: SegmentationNetwork) -> None:
        super().__init__()
        self.encoder = encoder
        self.register_buffer("mean", network.mean.detach().clone())
        self.register_buffer("std", network.std.detach().clone())

    def forward(self, image: Tensor) -> list[Tensor]:
        """Features of all scales ``(B, C', h, w)`` of ``(B, C, *S)``, finest first."""
        shape = (1, -1) + (1,) * (image.ndim - 2)
        standard = (image - self.mean.view(shape)) / self.std.view(shape)
        features = self.encoder(pad_to_stride(standard))
        # The first is the image itself; some encoders have none on some scale.
        return [f for f in features[1:] if f.shape[1]]


class CountingRegressor(nn.Module):
    """Linear in the features of a frozen encoder, window by window.

    ``weight`` float32 ``(D, R)`` and ``bias`` ``(R,)`` are 0 before they are fitted.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, features: Standardised, n_channels: int, n_regions: int) -> None:
        super().__init__()
        self.features = features.eval().requires_grad_(False)
        device = features.mean.device
        probe = torch.zeros(1, n_channels, _PROBE, _PROBE, device=device)
        width = self.windows(probe).shape[2]
        self.register_buffer("weight", torch.zeros(width, n_regions, device=device))
        self.register_buffer("bias", torch.zeros(n_regions, device=device))

    def forward(self, image: Tensor) -> Tensor:
        """Shares ``(B, R)`` of images ``(B, C, *S)``."""
        return count(self.windows(image), self.weight, self.bias)

    @torch.no_grad()
    def windows(self, image: Tensor) -> Tensor:
        """Features of each window, float32 ``(B, N, D)``."""
        height, width = image.shape[2] // WINDOW, image.shape[3] // WINDOW
        shown = []
        for feature in self.features(image):
            if feature.shape[2] * _COARSEST < image.shape[2]:
                continue
            if feature.shape[2] > height:
                at = functional.adaptive_avg_pool2d(feature.float(), (height, width))
            else:
                at = functional.interpolate(
                    feature.float(), (height, width), mode="bilinear"
                )
            shown.append(at)
        return torch.cat(shown, 1).flatten(2).movedim(1, 2)

    def train(self, mode: bool = True) -> Self:
        """Nothing: it is in evaluation mode always."""
        return super().train(False)


def count(windows: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Mean over the windows ``(B, N, D)`` of what is linear in them, cut to 0 and 1."""
    return (windows @ weight + bias).clamp(0, 1).mean(1)


class TrainedRegressor(nn.Module):
    """An encoder and a linear layer, trained as a whole."""

    def __init__(self, features: Standardised, n_channels: int, n_regions: int) -> None:
        super().__init__()
        self.features = features
        device = features.mean.device
        was_training = features.training
        with torch.no_grad():
            probe = torch.zeros(1, n_channels, _PROBE, _PROBE, device=device)
            width = features.eval()(probe)[-1].shape[1]
        features.train(was_training)
        self.linear = nn.Linear(width, n_regions).to(device)

    def forward(self, image: Tensor) -> Tensor:
        """Shares ``(B, R)`` of images ``(B, C, *S)``; not bounded."""
        deepest = self.features(image)[-1]
        pixels: Tensor = self.linear(deepest.flatten(2).mean(2))
        return pixels.float() / PIXELS


Regressor = CountingRegressor | TrainedRegressor


def make_regressor(
    network: SegmentationNetwork, settings: RegressorSettings, n_regions: int, seed: int
) -> Regressor:
    """A regressor for the images that a segmentation network takes, not fitted yet.

    With the encoder ``same`` of the settings a copy of the network's own, which must
    not have learned from the tiles; a network without an encoder counts as one of the
    usual kind.

    Raises
    ------
    SemisegError
        When there is no such encoder or no such weights.
    """
    encoder = Standardised(_encoder(network, settings, seed), network)
    kind = CountingRegressor if settings.kind == "counting" else TrainedRegressor
    return kind(encoder, network.n_channels, n_regions)


def _encoder(
    network: SegmentationNetwork, settings: RegressorSettings, seed: int
) -> nn.Module:
    own = encoder_of(network.body)
    if settings.encoder == "same" and own is not None:
        return copy.deepcopy(own)
    wanted = NetworkSettings(weights=settings.weights)
    if settings.encoder != "same":
        wanted = wanted.model_copy(update={"encoder": settings.encoder})
    made, _ = build_network(
        wanted.resolve("cpu"), network.n_channels, network.n_classes, seed=seed
    )
    encoder = encoder_of(made.body)
    if encoder is None:
        raise AssertionError("a U-Net has an encoder")
    return encoder.to(network.mean.device)
