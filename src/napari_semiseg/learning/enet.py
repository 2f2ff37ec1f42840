"""ENet: a small network of bottlenecks, 0.36 million weights.

Source: Paszke et al. 2016 (arXiv 1606.02147), Table 1 and Figure 2; the segmentation
network of the curriculum paper. No library at hand has it. As there: convolutions
without bias, max-pooling whose places the decoder puts values back to, spatial dropout
of 0.01 in the first stage and 0.1 in all later ones, PReLU in the encoder and ReLU in
the decoder (as in the authors' code; the paper does not say). It has no pretrained
weights: it begins at random.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

Kind = Literal["regular", "dilated 2", "dilated 4", "dilated 8", "dilated 16", "5 + 5"]

_CONTEXT: tuple[Kind, ...] = (
    "regular",
    "dilated 2",
    "5 + 5",
    "dilated 4",
    "regular",
    "dilated 8",
    "5 + 5",
    "dilated 16",
)
"""Bottlenecks 2.1 to 2.8, and 3.1 to 3.8."""


class ENet(nn.Module):
    """Logits ``(B, K, Y, X)`` of images ``(B, C, Y, X)``; sides divisible by 8.

    Parameters
    ----------
    n_channels, n_classes
        C and K.
    """

    def __init__(self, n_channels: int, n_classes: int) -> None:
        super().__init__()
        self.first = _First(n_channels)
        self.down1 = _Down(self.first.n_out, 64, 0.01)
        self.stage1 = nn.Sequential(*(_Bottleneck(64, "regular", 0.01) for _ in "1234"))
        self.down2 = _Down(64, 128, 0.1)
        self.stage2 = nn.Sequential(*(_Bottleneck(128, kind, 0.1) for kind in _CONTEXT))
        self.stage3 = nn.Sequential(*(_Bottleneck(128, kind, 0.1) for kind in _CONTEXT))
        self.up4 = _Up(128, 64)
        self.stage4 = nn.Sequential(
            *(_Bottleneck(64, "regular", 0.1, nn.ReLU) for _ in "12")
        )
        self.up5 = _Up(64, self.first.n_out)
        self.stage5 = _Bottleneck(self.first.n_out, "regular", 0.1, nn.ReLU)
        self.last = nn.ConvTranspose2d(self.first.n_out, n_classes, 2, stride=2)

    def forward(self, image: Tensor) -> Tensor:
        """Down to an eighth of the size and up again."""
        x, places1 = self.down1(self.first(image))
        x, places2 = self.down2(self.stage1(x))
        x = self.stage3(self.stage2(x))
        x = self.stage4(self.up4(x, places2))
        x = self.stage5(self.up5(x, places1))
        logits: Tensor = self.last(x)
        return logits


class _First(nn.Module):
    """Initial block: a strided convolution beside the pooled image."""

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        n_filters = 16 - n_channels if n_channels < 16 else 16
        self.n_out = n_filters + n_channels
        self.convolution = nn.Conv2d(n_channels, n_filters, 3, 2, 1, bias=False)
        self.after = nn.Sequential(nn.BatchNorm2d(self.n_out), nn.PReLU())

    def forward(self, image: Tensor) -> Tensor:
        pooled = functional.max_pool2d(image, 2)
        both: Tensor = self.after(torch.cat([self.convolution(image), pooled], 1))
        return both


class _Bottleneck(nn.Module):
    """Narrow, convolve, widen, drop out, and add to what came in."""

    def __init__(
        self, width: int, kind: Kind, dropout: float, act: type[nn.Module] = nn.PReLU
    ) -> None:
        super().__init__()
        narrow = width // 4
        self.extension = nn.Sequential(
            *_convolved(nn.Conv2d(width, narrow, 1, bias=False), act),
            *_middle(narrow, kind, act),
            nn.Conv2d(narrow, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.Dropout2d(dropout),
        )
        self.act = act()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.act(x + self.extension(x))
        return out


class _Down(nn.Module):
    """Halves the size; also returns the places of the maxima."""

    def __init__(self, n_in: int, n_out: int, dropout: float) -> None:
        super().__init__()
        narrow = n_in // 4
        self.n_added = n_out - n_in
        self.extension = nn.Sequential(
            *_convolved(nn.Conv2d(n_in, narrow, 2, 2, bias=False), nn.PReLU),
            *_middle(narrow, "regular", nn.PReLU),
            nn.Conv2d(narrow, n_out, 1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.Dropout2d(dropout),
        )
        self.act = nn.PReLU()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        pooled, places = functional.max_pool2d(x, 2, return_indices=True)
        # New channels of the main branch hold nothing.
        main = functional.pad(pooled, (0, 0, 0, 0, 0, self.n_added))
        return self.act(main + self.extension(x)), places


class _Up(nn.Module):
    """Doubles the size; values go back to where the encoder's maxima were."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        narrow = n_in // 4
        self.main = nn.Sequential(
            nn.Conv2d(n_in, n_out, 1, bias=False), nn.BatchNorm2d(n_out)
        )
        double = nn.ConvTranspose2d(narrow, narrow, 3, 2, 1, 1, bias=False)
        self.extension = nn.Sequential(
            *_convolved(nn.Conv2d(n_in, narrow, 1, bias=False), nn.ReLU),
            *_convolved(double, nn.ReLU),
            nn.Conv2d(narrow, n_out, 1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.Dropout2d(0.1),
        )

    def forward(self, x: Tensor, places: Tensor) -> Tensor:
        main = functional.max_unpool2d(self.main(x), places, [2, 2])
        return functional.relu(main + self.extension(x))


def _middle(width: int, kind: Kind, act: type[nn.Module]) -> list[nn.Module]:
    """The convolution of a bottleneck: plain, dilated, or 5 x 1 after 1 x 5."""
    if kind == "5 + 5":
        return [
            nn.Conv2d(width, width, (5, 1), padding=(2, 0), bias=False),
            *_convolved(
                nn.Conv2d(width, width, (1, 5), padding=(0, 2), bias=False), act
            ),
        ]
    rate = 1 if kind == "regular" else int(kind.split()[1])
    return _convolved(
        nn.Conv2d(width, width, 3, padding=rate, dilation=rate, bias=False), act
    )


def _convolved(
    convolution: nn.Conv2d | nn.ConvTranspose2d, act: type[nn.Module]
) -> list[nn.Module]:
    return [convolution, nn.BatchNorm2d(convolution.out_channels), act()]
