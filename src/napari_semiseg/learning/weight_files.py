"""Weights of a network as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safetensors.torch import save_file

from napari_semiseg.files import replace_file

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn


def write_weights(path: Path, network: nn.Module) -> None:
    """Write the weights of a network as safetensors, wholly or not at all."""
    # safetensors refuses shared and channels-last tensors.
    tensors = {
        name: tensor.detach().to("cpu", copy=True).contiguous()
        for name, tensor in network.state_dict().items()
    }
    replace_file(path, lambda temporary: save_file(tensors, temporary))
