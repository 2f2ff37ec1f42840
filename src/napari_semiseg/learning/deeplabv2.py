"""DeepLabV2: dilated convolutions side by side on a dense encoder, summed up.

Source: Chen et al. 2017 (arXiv 1606.00915), as ST++ (arXiv 2106.05095) uses it. The
encoder's last two stages are dilated, so that its map is an eighth of the image
(*output stride* 8); four 3 x 3 convolutions of dilation 6, 12, 18 and 24 each give
logits, and their sum is enlarged to the image's size (ASPP-L). Neither normalisation
nor a hidden layer follows the encoder. segmentation-models-pytorch has only the later
DeepLabs, which concatenate such branches and normalise each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segmentation_models_pytorch.encoders import get_encoder
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

DILATIONS = (6, 12, 18, 24)
OUTPUT_STRIDE = 8


class DeepLabV2(nn.Module):
    """Logits ``(B, K, Y, X)`` of images ``(B, C, Y, X)``; sides divisible by 32.

    Parameters
    ----------
    encoder
        Name of an encoder of segmentation-models-pytorch that can be dilated; its
        weights are random.
    n_channels, n_classes
        C and K.

    Raises
    ------
    ValueError, KeyError
        When the encoder is unknown or cannot be dilated.
    """

    def __init__(self, encoder: str, n_channels: int, n_classes: int) -> None:
        super().__init__()
        self.encoder = get_encoder(
            encoder,
            in_channels=n_channels,
            depth=5,
            weights=None,
            output_stride=OUTPUT_STRIDE,
        )
        width = self.encoder.out_channels[-1]
        self.branches = nn.ModuleList(
            nn.Conv2d(width, n_classes, 3, padding=rate, dilation=rate)
            for rate in DILATIONS
        )
        for branch in self.branches.children():
            assert isinstance(branch, nn.Conv2d)
            nn.init.normal_(branch.weight, std=0.01)
            assert branch.bias is not None
            nn.init.zeros_(branch.bias)

    def forward(self, image: Tensor) -> Tensor:
        """Sum of the branches, enlarged bilinearly."""
        deepest = self.encoder(image)[-1]
        coarse = sum(branch(deepest) for branch in self.branches)
        logits: Tensor = functional.interpolate(
            coarse, image.shape[2:], mode="bilinear", align_corners=True
        )
        return logits
