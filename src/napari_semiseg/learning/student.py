"""The network that learned, kept beside a model that is a running mean of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file

from napari_semiseg.learning.model import STUDENT_FILE, Model, empty_network, read_card

if TYPE_CHECKING:
    from pathlib import Path

_LOG = logging.getLogger(__name__)


def load_student(folder: Path, device: torch.device | None = None) -> Model | None:
    """The student beside a model; None where there is none that can be read.

    Its card is that of the model.

    Raises
    ------
    SemisegError
        When the folder holds no whole model.
    """
    path = folder / STUDENT_FILE
    if not path.is_file():
        return None
    card = read_card(folder)
    network = empty_network(card.model_copy(update={"n_networks": 1}))
    try:
        network.load_state_dict(load_file(path))
    except Exception as error:
        # safetensors and torch raise several unrelated types on a bad file.
        _LOG.warning("The student in %s cannot be read: %s", path, error)
        return None
    return Model(network, card).to(device or torch.device("cpu"))
