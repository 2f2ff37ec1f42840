"""Before the first step: what there is to learn, and the network to start from."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.errors import SemisegError
from napari_semiseg.learning.averaged_network import members_of
from napari_semiseg.learning.class_head import MOST_KINDS, with_head
from napari_semiseg.learning.devices import place
from napari_semiseg.learning.equipment import Equipment
from napari_semiseg.learning.networks import build_network
from napari_semiseg.learning.origin import Origin
from napari_semiseg.learning.randomness import Randomness
from napari_semiseg.learning.said import LabelRules
from napari_semiseg.learning.sampling import LabelledSampler, UnlabelledSampler
from napari_semiseg.segmentation.classes import IGNORE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import NDArray

    from napari_semiseg.learning.model import Model
    from napari_semiseg.learning.networks import SegmentationNetwork
    from napari_semiseg.learning.settings import Settings
    from napari_semiseg.learning.training_set import LabelledTile, TrainingSet


@dataclass(frozen=True)
class Built:
    """A network on its device, and where its weights come from.

    ``settings`` are the given ones with the network that was really built,
    ``encoder_known`` tells that its encoder's weights are not random; ``messages`` are
    for the user. ``partners`` are the further networks of a model to start from that
    has several.
    """

    network: SegmentationNetwork
    settings: Settings
    sentence: str
    messages: tuple[str, ...]
    encoder_known: bool
    partners: tuple[SegmentationNetwork, ...] = ()


def check(
    training_set: TrainingSet, start: Model | None, class_weights: Sequence[float] = ()
) -> None:
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
    if not any(_known(tile).any() for tile in training_set.training):
        raise SemisegError(
            "In the labelled tiles every pixel is marked to be ignored: nothing is "
            "left to learn from. Label objects or background in one of them."
        )
    if training_set.n_kinds > MOST_KINDS:
        raise SemisegError(
            f"Objects can have {MOST_KINDS} classes at the most, but this project has "
            f"{training_set.n_kinds}: make a project of fewer classes."
        )
    for tile in training_set.labelled:
        _check_classes(tile, training_set)
    _check_weights(training_set, class_weights)
    if start is not None:
        _check_start(start, training_set)


def _known(tile: LabelledTile) -> NDArray[np.bool_]:
    told = tile.class_overrides
    return tile.annotated if told is None else tile.annotated | (told != IGNORE)


def _check_classes(tile: LabelledTile, training_set: TrainingSet) -> None:
    """Refuse a tile that holds a class nobody has named."""
    if training_set.task == "semantic":
        kinds = tile.known_classes()
        largest = int(kinds[kinds != IGNORE].max(initial=0))
    elif not training_set.n_kinds:
        return  # Where there is one class nobody asks for another.
    else:
        present = set(np.unique(tile.instances).tolist())
        largest = max((c for n, c in tile.classes.items() if n in present), default=0)
    if largest > len(training_set.classes):
        names = ", ".join(training_set.classes)
        raise SemisegError(
            f"A labelled tile of {tile.image_id or 'an image'} holds class {largest}, "
            f"but there are only {len(training_set.classes)} ({names}): label it with "
            "these."
        )


def _check_weights(training_set: TrainingSet, weights: Sequence[float]) -> None:
    """Refuse weights of classes that are not one for each."""
    if training_set.task != "semantic" or len(weights) in (0, training_set.n_classes):
        return
    names = ", ".join(("background", *training_set.classes))
    raise SemisegError(
        f"There are {len(weights)} class weights, but {training_set.n_classes} classes "
        f"({names}): give one for each, or none."
    )


def _check_start(start: Model, training_set: TrainingSet) -> None:
    card = start.card
    if card.n_channels != training_set.n_channels:
        raise SemisegError(
            f"The model to start from takes {card.n_channels} channel(s), but "
            f"the images have {training_set.n_channels}. Start from scratch."
        )
    if card.task != training_set.task:
        raise SemisegError(
            f"The model to start from is of task {card.task}, but this one is of task "
            f"{training_set.task}. Start from scratch."
        )
    if card.task == "semantic" and card.classes != training_set.classes:
        raise SemisegError(
            f"The model to start from knows the classes {', '.join(card.classes)}, but "
            f"these are {', '.join(training_set.classes)}. Start from scratch."
        )
    if card.n_kinds and training_set.n_kinds and card.classes != training_set.classes:
        raise SemisegError(
            f"The model to start from tells {', '.join(card.classes)} apart, but the "
            f"objects here are {', '.join(training_set.classes)}. Start from scratch."
        )


def build(
    settings: Settings,
    training_set: TrainingSet,
    device: torch.device,
    start: Model | None,
) -> Built:
    """The network of the settings, or a copy of the start model's."""
    messages: list[str] = []
    partners: list[SegmentationNetwork] = []
    if start is not None:
        network, *partners = (
            with_head(member, training_set.n_kinds, settings.seed)
            for member in members_of(copy.deepcopy(start.network).requires_grad_(True))
        )
        wanted, sentence = start.card.network, start.card.weights_source
        known = True
    else:
        wanted = settings.network.resolve(device)
        network, report = build_network(
            wanted,
            training_set.n_channels,
            training_set.n_classes,
            n_kinds=training_set.n_kinds,
            seed=settings.seed,
            announce=messages.append,
        )
        sentence, known = report.sentence, report.source != "none"
        messages.append(sentence)
    place(network, device)
    changed = settings.model_copy(update={"network": wanted})
    return Built(network, changed, sentence, tuple(messages), known, tuple(partners))


def equip(built: Built, training_set: TrainingSet, device: torch.device) -> Equipment:
    """What all stages of a run work with."""
    network, settings = built.network, built.settings
    random = Randomness(settings.seed, device)
    size = settings.tile_size
    rules = LabelRules(
        training_set.task,
        settings.boundary,
        training_set.n_kinds,
        settings.accepted_weight,
    )
    return Equipment(
        network,
        LabelledSampler(training_set.training, size, device, rules),
        UnlabelledSampler(training_set.unlabelled, size, device, rules),
        random,
        device,
        Origin(
            network,
            settings.seed,
            device,
            encoder_known=built.encoder_known,
            partners=built.partners,
        ),
        training_set,
        of_classes=settings.class_weights,
    )


def announcements(
    settings: Settings, training_set: TrainingSet, *, unlabelled: bool
) -> list[str]:
    """What the user should know about a run before it starts."""
    said = []
    if not unlabelled and settings.unlabelled_images:
        said.append(
            "There is no unlabelled image to learn from: "
            "only the supervised stage runs."
        )
    if not training_set.validation:
        said.append(
            "No tile is set aside for validation, so that the latest weights are kept, "
            "and scores are measured on the training tiles."
        )
    said.extend(
        settings.remarks([image.source.shape for image in training_set.unlabelled])
    )
    return [*said, *_about_classes(training_set)]


def _about_classes(training_set: TrainingSet) -> list[str]:
    """Which classes cannot be learned, because nothing labelled is of them."""
    tiles = training_set.training
    if training_set.n_kinds:
        return _about_kinds(training_set, tiles)
    if training_set.task != "semantic":
        return []
    seen = set(np.concatenate([np.unique(tile.known_classes()) for tile in tiles]))
    names = ("background", *training_set.classes)
    missing = [name for number, name in enumerate(names) if number not in seen]
    if not missing:
        return []
    return [
        f"No labelled pixel is of class {' or '.join(missing)}: the model cannot learn "
        "what nobody has shown."
    ]


def _about_kinds(training_set: TrainingSet, tiles: Sequence[LabelledTile]) -> list[str]:
    seen = set(np.concatenate([np.unique(tile.object_classes()) for tile in tiles]))
    names = enumerate(training_set.classes, start=1)
    missing = [name for number, name in names if number not in seen]
    if not missing:
        return []
    return [
        f"No labelled object is of class {' or '.join(missing)}: the model cannot "
        "learn what nobody has shown."
    ]
