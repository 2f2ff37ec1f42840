"""Test-time augmentation of self-training: probabilities of views and sizes, summed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional

from napari_semiseg.learning import symmetries
from napari_semiseg.learning.class_head import probabilities_of
from napari_semiseg.learning.devices import precision
from napari_semiseg.learning.teacher import evaluating

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch
    from torch import Tensor, nn

# As it is and mirrored (ST++); then the flips, half turn included; then all of D4.
_VIEWS = (0, 4, 2, 6, 1, 3, 5, 7)


def summed_probability(
    network: nn.Module, x: Tensor, n_views: int, scales: Sequence[float]
) -> Tensor:
    """Class probability over flips, turns and sizes.

    Probabilities are summed, not logits, and divided by their number.

    Parameters
    ----------
    x
        float32 ``(B, C, Y, X)``.
    n_views
        1, 2, 4 or 8; 2 is the image and its mirror image.
    scales
        Sizes of the image, 1 as it is.

    Returns
    -------
    Tensor
        float32 ``(B, K + N, Y, X)``, see `probabilities_of`.
    """
    found = []
    with evaluating(network):
        for scale in scales:
            resized = _resized(x, scale)
            for view in _VIEWS[:n_views]:
                seen = symmetries.apply(resized, view).contiguous()
                probability = symmetries.undo(probabilities_of(network, seen), view)
                found.append(_back(probability, x))
    total = found[0]
    for probability in found[1:]:
        total = total + probability
    return total / len(found)


def summing_forward(
    network: nn.Module, device: torch.device, n_views: int, scales: Sequence[float]
) -> Callable[[Tensor], Tensor]:
    """The same as what tiled prediction calls."""

    def forward(x: Tensor) -> Tensor:
        with precision(device):
            return summed_probability(network, x, n_views, scales)

    return forward


def _resized(x: Tensor, scale: float) -> Tensor:
    if scale == 1:
        return x
    size = [max(1, round(length * scale)) for length in x.shape[-2:]]
    return functional.interpolate(x, size=size, mode="bilinear", align_corners=True)


def _back(probability: Tensor, x: Tensor) -> Tensor:
    size = x.shape[-2:]
    if probability.shape[-2:] == size:
        return probability
    return functional.interpolate(
        probability, size=size, mode="bilinear", align_corners=True
    )
