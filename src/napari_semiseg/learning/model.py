"""A trained network with all that is needed to use it: a folder of two files."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors.torch import load_file

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import make_folder, read_json, write_json
from napari_semiseg.learning.averaged_network import AveragedNetwork, members_of
from napari_semiseg.learning.class_head import probabilities_of
from napari_semiseg.learning.devices import place, precision
from napari_semiseg.learning.network_settings import NetworkSettings
from napari_semiseg.learning.networks import SegmentationNetwork, build_network
from napari_semiseg.learning.weight_files import write_weights

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

SCHEMA_VERSION = 2
WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "model.json"
STUDENT_FILE = "student.safetensors"
_DIGEST = "weights_blake2b"  # Tells a card from that of an older or newer model.


class TrainedTile(BaseModel):
    """A tile that a model has learned from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image_id: str
    origin: tuple[int, ...]
    size: tuple[int, ...]
    image_hash: str = ""


class ModelCard(BaseModel):
    """What a model is and how to use it; the content of ``model.json``.

    Attributes
    ----------
    name, created
        For people; the time in ISO 8601.
    method, preset
        How it was trained.
    network
        Architecture and encoder.
    n_channels, n_classes
        C of its images and K of its probabilities, with the background.
    n_kinds
        N of a head that gives every object one of ``classes``; 0: there is none.
    n_networks
        How many networks of that kind it is made of; their probabilities are averaged.
    task, classes
        ``instances`` (K = 3) or ``semantic`` (K = classes + 1); the user's class names.
    boundary_mode
        Whether the boundary class lies inside the objects.
    thresholds
        Of foreground and of seeds, for the watershed.
    min_size, watershed_form
        Of the watershed: smallest object in pixels, and its form.
    selection
        Of each class, the confidence from which the loss trusted a pixel at the end of
        the training (None: none of them); None where no unlabelled image was in it.
    tuned_on
        What the thresholds were tuned on.
    tile_size, tile_margin
        Of the grid of tiles, in pixels: always the same, so that a preview, a score and
        an exported mask agree. Multiples of 32 and 16.
    pixel_size, pixel_unit
        Of the images it was trained on, per axis; None when unknown or mixed.
    percentiles
        By which its images are normalised to 0..1.
    scores
        By name, with what they were measured on in the name.
    trained_on, ancestors
        The tiles it learned from, and the models before it, the nearest first, each
        with its own.
    weights_source
        Where the encoder's weights came from, in words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA_VERSION
    name: str = ""
    created: str = ""
    method: str = ""
    preset: str = ""
    network: NetworkSettings
    n_channels: Annotated[int, Field(ge=1)]
    n_classes: Annotated[int, Field(ge=2)]
    n_kinds: Annotated[int, Field(ge=0)] = 0
    n_networks: Annotated[int, Field(ge=1, le=8)] = 1
    task: Literal["instances", "semantic"] = "instances"
    classes: tuple[str, ...] = ("object",)
    boundary_mode: Literal["inner", "outer"] = "inner"
    thresholds: tuple[float, float] = (0.5, 0.5)
    min_size: Annotated[int, Field(ge=0)] = 0
    watershed_form: Literal["components", "mahotas"] = "components"
    selection: tuple[float | None, ...] | None = None
    tuned_on: str = "nothing"
    tile_size: Annotated[int, Field(ge=32, multiple_of=32)] = 512
    tile_margin: Annotated[int, Field(ge=0, multiple_of=16)] = 64
    pixel_size: tuple[float, ...] | None = None
    pixel_unit: str = "pixel"
    percentiles: tuple[float, float] = (1.0, 99.8)
    scores: dict[str, float | None] = Field(default_factory=dict)
    trained_on: tuple[TrainedTile, ...] = ()
    ancestors: tuple[dict[str, Any], ...] = ()
    weights_source: str = ""


class Model:
    """A network and its card.

    Parameters
    ----------
    network
        Is put into evaluation mode.
    card
        Its ``network``, ``n_channels``, ``n_classes``, ``n_kinds`` and ``n_networks``
        are taken from the network.
    student
        The network that learned, where that of the model is a running mean of its
        weights or made of several; kept beside the model, to see where they disagree.
    """

    def __init__(
        self,
        network: SegmentationNetwork,
        card: ModelCard,
        student: SegmentationNetwork | None = None,
    ) -> None:
        self.network = network.eval()
        self.student = student
        facts = {
            "network": network.settings,
            "n_channels": network.n_channels,
            "n_classes": network.n_classes,
            "n_kinds": network.n_kinds,
            "n_networks": len(members_of(network)),
        }
        self.card = card.model_copy(update=facts)

    @property
    def device(self) -> torch.device:
        """Where the network lies."""
        return self.network.mean.device

    def to(self, device: torch.device) -> Model:
        """Move the network to a device, in the layout that is fastest there."""
        place(self.network, device)
        return self

    @torch.inference_mode()
    def probabilities(self, images: Tensor) -> Tensor:
        """Class probabilities of a batch.

        Parameters
        ----------
        images
            float32 ``(B, C, *S)``, normalised, on the model's device.

        Returns
        -------
        Tensor
            float32 ``(B, K, *S)``, summing to 1 over K.
        """
        with precision(self.device):
            logits = self.network(images)
        return torch.softmax(logits.float(), dim=1)

    @torch.inference_mode()
    def all_probabilities(self, images: Tensor) -> Tensor:
        """Probabilities of both heads by one pass, float32 ``(B, K + N, *S)``.

        Of the classes, summing to 1 over the first K, then of the objects' classes.
        """
        with precision(self.device):
            return probabilities_of(self.network, images)

    def save(self, folder: Path) -> None:
        """Write ``model.safetensors`` and ``model.json`` into a folder.

        And ``student.safetensors``, where there is a student.

        Raises
        ------
        DiskFullError, ReadOnlyError
            When it cannot be written.
        """
        make_folder(folder)
        if self.student is None:
            (folder / STUDENT_FILE).unlink(missing_ok=True)
        else:
            write_weights(folder / STUDENT_FILE, self.student)
        weights = folder / WEIGHTS_FILE
        write_weights(weights, self.network)
        # The card comes last: it says which weights it belongs to.
        card = self.card.model_dump(mode="json")
        write_json(folder / CARD_FILE, {**card, _DIGEST: _digest(weights)})

    @classmethod
    def load(cls, folder: Path, device: torch.device | None = None) -> Model:
        """Read a model folder; nothing in it is executed.

        Parameters
        ----------
        folder
            Holds ``model.safetensors`` and ``model.json``.
        device
            Where to put it; None: the CPU.

        Raises
        ------
        SemisegError
            When the folder holds no whole model, or one of a newer version.
        """
        card = read_card(folder)
        network = empty_network(card)
        try:
            network.load_state_dict(load_file(folder / WEIGHTS_FILE))
        except Exception as error:
            # safetensors and torch raise several unrelated types on a bad file.
            raise _torn(folder) from error
        return cls(network, card).to(device or torch.device("cpu"))


def empty_network(card: ModelCard) -> SegmentationNetwork:
    """A network that the card's weights fit."""
    without = card.network.model_copy(update={"weights": "none"})
    made = [
        build_network(without, card.n_channels, card.n_classes, n_kinds=card.n_kinds)[0]
        for _ in range(card.n_networks)
    ]
    for network in made:
        network.settings = card.network
    return made[0] if len(made) == 1 else AveragedNetwork(made)


def read_card(folder: Path) -> ModelCard:
    """Read and check the card of a model folder.

    Raises
    ------
    SemisegError
        When the folder holds no whole model, or one of a newer version.
    """
    if not (folder / CARD_FILE).is_file() or not (folder / WEIGHTS_FILE).is_file():
        raise SemisegError(
            f"There is no model in {folder}: choose a folder that holds "
            f"{CARD_FILE} and {WEIGHTS_FILE}."
        )
    content = read_json(folder / CARD_FILE)
    if not isinstance(content, dict):
        raise _torn(folder)
    version = content.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise SemisegError(
            f"The model in {folder} was written by a newer version of napari-semiseg: "
            "update napari-semiseg to use it."
        )
    digest = content.pop(_DIGEST, None)
    if digest != _digest(folder / WEIGHTS_FILE):
        raise _torn(folder)
    try:
        return ModelCard.model_validate(content)
    except ValidationError as error:
        raise SemisegError(
            f"{folder / CARD_FILE} does not describe a model: "
            f"{error.errors()[0]['msg']} (at {error.errors()[0]['loc']})."
        ) from error


def _torn(folder: Path) -> SemisegError:
    return SemisegError(
        f"The model in {folder} is damaged or was copied incompletely: "
        "copy the whole folder again, or train it anew."
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(
            file, lambda: hashlib.blake2b(digest_size=16)
        ).hexdigest()
