"""The devices torch can compute on, and how to use each of them well."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import psutil
import torch

from napari_semiseg.errors import SemisegError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from torch import Tensor, nn


@dataclass(frozen=True)
class DeviceDescription:
    """A device and its memory in bytes; ``words`` is for the user."""

    name: str
    kind: Literal["cpu", "cuda", "mps"]
    free_bytes: int
    total_bytes: int
    words: str


def list_devices() -> list[DeviceDescription]:
    """Every device that can be chosen, the fastest kind first, the CPU last."""
    devices = [_describe_cuda(i) for i in range(torch.cuda.device_count())]
    memory = psutil.virtual_memory()
    if torch.backends.mps.is_available():
        # Apple's GPU shares the memory of the CPU.
        devices.append(
            _described("mps", "mps", memory.available, memory.total, "Apple GPU")
        )
    processor = f"CPU, {_n_cores()} core(s)"
    devices.append(_described("cpu", "cpu", memory.available, memory.total, processor))
    return devices


def choose_device(name: str = "auto") -> torch.device:
    """The device of a name.

    Parameters
    ----------
    name
        ``cpu``, ``cuda``, ``cuda:N``, ``mps``, or ``auto``: CUDA if there is any (the
        one with most free memory), Apple's GPU if it passes `mps_self_test`, else the
        CPU.

    Raises
    ------
    SemisegError
        When the device is unknown or absent.
    """
    if name == "auto":
        return _best_device()
    known = {device.name: device for device in list_devices()}
    if name == "cuda" and "cuda:0" in known:
        return torch.device("cuda:0")
    if name not in known:
        raise SemisegError(
            f"There is no device {name} here: choose auto or one of {', '.join(known)}."
        )
    return torch.device(name)


def mps_self_test(device: torch.device | None = None) -> bool:
    """Whether one training step on Apple's GPU agrees with the same step on the CPU.

    Parameters
    ----------
    device
        What to test; None: ``mps``.
    """
    try:
        tested = _one_step(device or torch.device("mps"))
    except (RuntimeError, NotImplementedError, AssertionError, TypeError):
        return False
    return bool(torch.allclose(tested, _one_step(torch.device("cpu")), atol=1e-3))


def cpu_threads() -> int:
    """Threads to compute with: all cores but one, which is left to the viewer."""
    return max(1, _n_cores() - 1)


def precision(device: torch.device) -> AbstractContextManager[object]:
    """Mixed precision where it is faster: bfloat16 or float16 on CUDA, none elsewhere.

    float16 needs a gradient scaler in training, see `needs_gradient_scaler`.
    """
    if device.type != "cuda":
        return contextlib.nullcontext()
    return torch.autocast("cuda", dtype=_half_type(device))


def needs_gradient_scaler(device: torch.device) -> bool:
    """Whether training in `precision` would lose small gradients without a scaler."""
    return device.type == "cuda" and _half_type(device) == torch.float16


def place(network: nn.Module, device: torch.device) -> None:
    """Move a network to a device in place; channels-last on CUDA."""
    network.to(device)
    if device.type == "cuda":
        network.to(memory_format=torch.channels_last)


def place_images(images: Tensor, device: torch.device) -> Tensor:
    """Copy a batch ``(B, C, *S)`` to a device, in the layout `place` chooses there."""
    images = images.to(device, non_blocking=True)
    if device.type == "cuda" and images.ndim == 4:
        images = images.contiguous(memory_format=torch.channels_last)
    return images


def _half_type(device: torch.device) -> torch.dtype:
    major, _ = torch.cuda.get_device_capability(device)
    # Before Ampere (8.0) bfloat16 is emulated, and slow.
    return torch.bfloat16 if major >= 8 else torch.float16


def _best_device() -> torch.device:
    if n_gpus := torch.cuda.device_count():
        free = [_describe_cuda(i).free_bytes for i in range(n_gpus)]
        return torch.device("cuda", free.index(max(free)))
    if torch.backends.mps.is_available() and mps_self_test():
        return torch.device("mps")
    return torch.device("cpu")


def _describe_cuda(index: int) -> DeviceDescription:
    free, total = torch.cuda.mem_get_info(index)
    model = torch.cuda.get_device_name(index)
    return _described(f"cuda:{index}", "cuda", free, total, model)


def _described(
    name: str, kind: Literal["cpu", "cuda", "mps"], free: int, total: int, model: str
) -> DeviceDescription:
    words = f"{name}: {model}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free"
    return DeviceDescription(name, kind, free, total, words)


def _n_cores() -> int:
    """Cores that this process may use, which a cluster's queue may have restricted."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _one_step(device: torch.device) -> Tensor:
    """Weights after one step of a small network with the layers that matter."""
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(2, 4, 16, 16, generator=generator).to(device)
    weight = (torch.rand(4, 4, 3, 3, generator=generator) - 0.5).to(device)
    weight.requires_grad_()
    features = torch.nn.functional.conv2d(image, weight, padding=1)
    features = torch.nn.functional.batch_norm(features, None, None, training=True)
    larger = torch.nn.functional.interpolate(features.relu(), scale_factor=2.0)
    target = torch.arange(32, device=device).remainder(4).expand(2, 32, 32)
    loss = torch.nn.functional.cross_entropy(larger, target)
    (gradient,) = torch.autograd.grad(loss, weight)
    return (weight.detach() - 0.1 * gradient).cpu()
