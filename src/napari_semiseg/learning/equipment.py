"""What every stage of a method works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_semiseg.learning.devices import place_images, precision

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from napari_semiseg.learning.randomness import Randomness
    from napari_semiseg.learning.sampling import LabelledSampler, UnlabelledSampler


@dataclass(eq=False)
class Equipment:
    """Network, data and random numbers of a run.

    ``batch_scale`` is halved when the GPU's memory does not suffice.
    """

    network: nn.Module
    labelled: LabelledSampler
    unlabelled: UnlabelledSampler
    random: Randomness
    device: torch.device
    batch_scale: float = 1.0

    def batch(self, wanted: int, smallest: int = 2) -> int:
        """How many tiles to take where ``wanted`` are set; never below ``smallest``.

        Batch normalisation cannot learn from a batch of one.
        """
        return max(min(wanted, smallest), int(wanted * self.batch_scale))

    def logits(self, network: nn.Module, x: Tensor) -> Tensor:
        """float32 ``(B, K, *S)`` of a network in the mode it is in."""
        with precision(self.device):
            out: Tensor = network(place_images(x, self.device))
        return out.float()
