"""Before the first step: what there is to learn, and the network to start from."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_semiseg.errors import SemisegError
from napari_semiseg.learning.devices import place
from napari_semiseg.learning.networks import build_network

if TYPE_CHECKING:
    import torch

    from napari_semiseg.learning.model import Model
    from napari_semiseg.learning.networks import SegmentationNetwork
    from napari_semiseg.learning.settings import Settings
    from napari_semiseg.learning.training_set import TrainingSet

N_CLASSES = 3  # Background, interior, boundary.


@dataclass(frozen=True)
class Built:
    """A network on its device, and where its weights come from.

    ``settings`` are the given ones with the network that was really built,
    ``encoder_known`` tells that its encoder's weights are not random; ``messages`` are
    for the user.
    """

    network: SegmentationNetwork
    settings: Settings
    sentence: str
    messages: tuple[str, ...]
    encoder_known: bool


def check(training_set: TrainingSet, start: Model | None) -> None:
    """Refuse a run that could not learn anything, or not from these images.

    Raises
    ------
    SemisegError
        With what to do about it.
    """
    if not training_set.labelled:
        raise SemisegError(
            "No tile is labelled yet. Outline every object in one tile, mark it as "
            "done, then train."
        )
    if not training_set.training:
        raise SemisegError(
            "All labelled tiles are set aside for validation: nothing is left to learn "
            "from. Mark at least one of them for training."
        )
    if start is not None and start.card.n_channels != training_set.n_channels:
        raise SemisegError(
            f"The model to start from takes {start.card.n_channels} channel(s), but "
            f"the images have {training_set.n_channels}. Start from scratch."
        )


def build(
    settings: Settings, n_channels: int, device: torch.device, start: Model | None
) -> Built:
    """The network of the settings, or a copy of the start model's."""
    messages: list[str] = []
    if start is not None:
        network = copy.deepcopy(start.network).requires_grad_(True)
        wanted, sentence = start.card.network, start.card.weights_source
        known = True
    else:
        wanted = settings.network.resolve(device)
        network, report = build_network(
            wanted, n_channels, N_CLASSES, seed=settings.seed, announce=messages.append
        )
        sentence, known = report.sentence, report.source != "none"
        messages.append(sentence)
    place(network, device)
    changed = settings.model_copy(update={"network": wanted})
    return Built(network, changed, sentence, tuple(messages), known)


def announcements(
    settings: Settings, training_set: TrainingSet, *, unlabelled: bool
) -> list[str]:
    """What the user should know about a run before it starts."""
    said = []
    if not unlabelled and settings.name != "supervised":
        said.append(
            "There is no unlabelled image to learn from: "
            "only the supervised stage runs."
        )
    if not training_set.validation:
        said.append(
            "No tile is set aside for validation, so that the latest weights are kept, "
            "and scores are measured on the training tiles."
        )
    return said
