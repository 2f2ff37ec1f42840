"""What every stage of a method works with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from napari_semiseg.learning.class_head import outputs_of
from napari_semiseg.learning.devices import place_images, precision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from napari_semiseg.learning.networks import SegmentationNetwork
    from napari_semiseg.learning.origin import Origin
    from napari_semiseg.learning.randomness import Randomness
    from napari_semiseg.learning.sampling import LabelledSampler, UnlabelledSampler
    from napari_semiseg.learning.training_set import Task, TrainingSet

_SMALLEST_BATCH_SCALE = 0.25


@dataclass(eq=False)
class Equipment:
    """Network, data and random numbers of a run.

    Attributes
    ----------
    network
        The one that learns, the same object in all stages.
    labelled, unlabelled, random, device
        Where batches come from, and where they go.
    origin
        Makes further networks from the weights the run began with.
    training_set
        What all of this was made from.
    batch_scale
        Halved when the GPU's memory does not suffice.
    previous
        The best network of the stage before, frozen and in evaluation mode, where the
        plan says that this stage is taught by it; else None.
    handed_on
        What a stage leaves for later ones, by name: weights, numbers, strings. It
        stands in every checkpoint, so a stage takes out what nobody needs any more. A
        preparation changes it at its end alone, because it may begin anew.
    remembered
        What a later stage may find in memory and would else compute again, the same; it
        is in no checkpoint.
    of_classes
        Weight of each class of a semantic task, the background first; empty: alike.
    """

    network: SegmentationNetwork
    labelled: LabelledSampler
    unlabelled: UnlabelledSampler
    random: Randomness
    device: torch.device
    origin: Origin
    training_set: TrainingSet
    batch_scale: float = 1.0
    previous: nn.Module | None = None
    handed_on: dict[str, Any] = field(default_factory=dict)
    remembered: dict[str, Any] = field(default_factory=dict)
    of_classes: Sequence[float] = ()

    @property
    def n_classes(self) -> int:
        """Classes of the predictions, with the background."""
        return self.network.n_classes

    @property
    def task(self) -> Task:
        """What the network learns: objects, or classes of pixels."""
        return self.labelled.rules.task

    def class_weights(self, of_instances: Sequence[float]) -> Tensor:
        """Weight of each class in a loss, float32 ``(K,)`` on the device.

        ``of_instances`` are those of background, interior and boundary; the classes of
        a semantic task weigh as the settings say of all stages, or alike.
        """
        alike = self.of_classes or [1.0] * self.n_classes
        weights = of_instances if self.task == "instances" else alike
        return torch.tensor(tuple(weights), device=self.device)

    def batch(self, wanted: int, smallest: int = 2) -> int:
        """How many tiles to take where ``wanted`` are set; never below ``smallest``.

        Batch normalisation cannot learn from a batch of one.
        """
        return max(min(wanted, smallest), int(wanted * self.batch_scale))

    def halve_batch(self) -> str | None:
        """Take smaller batches; returns the sentence to show, None at the minimum."""
        scale = self.batch_scale / 2
        if scale < _SMALLEST_BATCH_SCALE:
            return None
        self.batch_scale = scale
        self.network.zero_grad(set_to_none=True)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        return (
            "The GPU's memory did not suffice: going on with batches "
            f"{1 / scale:g} times smaller than set."
        )

    @property
    def n_kinds(self) -> int:
        """Classes of objects that a head of its own tells apart; 0: no such head."""
        return self.network.n_kinds

    def outputs(self, network: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
        """`logits`, and those of the objects' classes, by one pass.

        float32 ``(B, K, *S)`` and ``(B, N, *S)``, with N = `n_kinds`.
        """
        with precision(self.device):
            parts, kinds = outputs_of(network, place_images(x, self.device))
        return parts.float(), kinds.float()

    def logits(self, network: nn.Module, x: Tensor) -> Tensor:
        """float32 ``(B, K, *S)`` of a network in the mode it is in."""
        with precision(self.device):
            out: Tensor = network(place_images(x, self.device))
        return out.float()
