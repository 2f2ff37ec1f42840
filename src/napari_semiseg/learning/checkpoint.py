"""Nested state in one safetensors file, read without executing anything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import replace_file

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

_TENSOR, _PAIRS = "__tensor__", "__pairs__"


def save_state(path: Path, state: Any) -> None:
    """Write nested dicts, lists, numbers, strings, None and tensors atomically.

    One file, hence one rename: weights and counters cannot be torn apart.
    """
    tensors: dict[str, Tensor] = {}
    tree = json.dumps(_flatten(state, tensors), allow_nan=False)
    replace_file(
        path, lambda temporary: save_file(tensors, temporary, metadata={"state": tree})
    )


def load_state(path: Path) -> Any:
    """Read what :func:`save_state` wrote, tensors on the CPU.

    Raises
    ------
    SemisegError
        When the file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tree = json.loads(file.metadata()["state"])
            names = list(file.keys())
            tensors = {name: file.get_tensor(name) for name in names}
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise SemisegError(
            f"The checkpoint {path} is missing or damaged, so that the run cannot be "
            "resumed. Start a new run; the last model stays usable."
        ) from error
    return _rebuild(tree, tensors)


def _flatten(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, torch.Tensor):
        name = str(len(tensors)).zfill(6)
        # safetensors refuses shared and channels-last memory.
        tensors[name] = value.detach().to("cpu", copy=True).contiguous()
        return {_TENSOR: name}
    if isinstance(value, dict):
        # As pairs, because JSON makes strings of an optimiser's integer keys.
        return {_PAIRS: [[k, _flatten(v, tensors)] for k, v in value.items()]}
    if isinstance(value, (list, tuple)):
        return [_flatten(v, tensors) for v in value]
    return value


def _rebuild(tree: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(tree, list):
        return [_rebuild(v, tensors) for v in tree]
    if isinstance(tree, dict) and _TENSOR in tree:
        return tensors[tree[_TENSOR]]
    if isinstance(tree, dict):
        return {k: _rebuild(v, tensors) for k, v in tree[_PAIRS]}
    return tree
