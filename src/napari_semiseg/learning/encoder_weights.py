"""Weights an encoder starts from: a local file, the library's download, or none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file
from torch import Tensor

from napari_semiseg.errors import SemisegError
from napari_semiseg.learning.weights_download import (
    WeightsUnavailableError,
    imagenet_file,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import nn

    from napari_semiseg.learning.network_settings import NetworkSettings

_WRAPPERS = ("module.", "body.", "encoder.", "model.")
_CONTAINERS = ("state_dict", "model_state_dict", "model")


@dataclass(frozen=True)
class WeightsReport:
    """Where the weights of an encoder come from.

    Attributes
    ----------
    source
        ``imagenet``, ``none``, or the path of the file.
    loaded
        Number of the encoder's tensors that were found.
    missing
        The encoder's tensors that were not found or differ in shape: random.
    unexpected
        Tensors of the file that the encoder has no place for, such as a classifier's.
    sentence
        All this in words for the user.
    """

    source: str
    loaded: int
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    sentence: str


def load_encoder_weights(
    encoder: nn.Module,
    settings: NetworkSettings,
    announce: Callable[[str], None] | None = None,
) -> WeightsReport:
    """Fill an encoder in place with the weights its settings ask for.

    Parameters
    ----------
    encoder
        Of segmentation-models-pytorch, with any number of input channels.
    settings
        ``weights`` names the source, ``encoder`` the encoder.
    announce
        Called with a sentence before anything is downloaded.

    Raises
    ------
    SemisegError
        When a file is missing, damaged or of another encoder.
    WeightsUnavailableError
        When ``imagenet`` was asked for and cannot be had; ``auto`` goes on at random.
    """
    if settings.weights == "none":
        return _random_report(settings.encoder, "None were asked for.")
    if settings.weights not in ("auto", "imagenet"):
        path = Path(settings.weights)
        return load_weights_file(encoder, path, settings.encoder, str(path))
    try:
        path = imagenet_file(settings.encoder, announce=announce)
    except WeightsUnavailableError as error:
        if settings.weights == "imagenet":
            raise
        return _random_report(settings.encoder, str(error))
    return load_weights_file(encoder, path, settings.encoder, "imagenet")


def load_weights_file(
    encoder: nn.Module, path: Path, encoder_name: str, source: str
) -> WeightsReport:
    """Fill an encoder from a ``.pth`` or ``.safetensors`` file; report the difference.

    A first convolution of three channels is adapted to the encoder's channels, see
    `adapt_first_convolution`. Nothing in the file is executed.

    Raises
    ------
    SemisegError
        When the file cannot be read, or fits less than half of the encoder's tensors.
    """
    found = _bare_names(_read_tensors(path))
    own = encoder.state_dict()
    names = {_canonical(name): name for name in own}
    fitting: dict[str, Tensor] = {}
    unexpected: list[str] = []
    for name, tensor in found.items():
        target = name if name in own else names.get(_canonical(name))
        if target is None:
            unexpected.append(name)
        elif (fitted := _fit(tensor, own[target])) is not None:
            fitting[target] = fitted
    # A counter that BatchNorm only uses without momentum: older files lack it.
    missing = sorted(
        name
        for name in own.keys() - fitting
        if not name.endswith("num_batches_tracked")
    )
    if len(missing) * 2 > len(own):
        raise SemisegError(
            f"{path.name} does not hold weights of the encoder {encoder_name}: only "
            f"{len(fitting)} of its {len(own)} tensors fit. Choose its own encoder."
        )
    torch.nn.Module.load_state_dict(encoder, fitting, strict=False)
    words = _words(encoder_name, source, path, len(fitting), missing)
    return WeightsReport(
        source, len(fitting), tuple(missing), tuple(sorted(unexpected)), words
    )


def adapt_first_convolution(weight: Tensor, n_channels: int) -> Tensor:
    """Turn the first convolution of a colour network into one for ``n_channels``.

    Parameters
    ----------
    weight
        ``(O, 3, *kernel)``.
    n_channels
        1 sums the three; more repeat them in turn, scaled by 3/C, so that equal
        channels give the same answer (the rule of segmentation-models-pytorch).

    Returns
    -------
    Tensor
        ``(O, n_channels, *kernel)``.
    """
    n_source = weight.shape[1]
    if n_channels == n_source:
        return weight
    if n_channels == 1:
        return weight.sum(dim=1, keepdim=True)
    order = torch.arange(n_channels) % n_source
    return weight[:, order] * (n_source / n_channels)


def _read_tensors(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise SemisegError(f"There is no file of weights at {path}.")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # torch and safetensors raise half a dozen unrelated types on a bad file.
        raise SemisegError(
            f"{path.name} is not a file of network weights, or it is damaged. "
            "A .safetensors file, or a .pth file that holds tensors only, is needed."
        ) from error
    for container in _CONTAINERS:
        if isinstance(content, dict) and isinstance(content.get(container), dict):
            content = content[container]
    if not isinstance(content, dict):
        raise SemisegError(f"{path.name} holds no named tensors.")
    return {name: value for name, value in content.items() if isinstance(value, Tensor)}


def _bare_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Drop prefixes that all names share, as whole networks and wrappers add them."""
    bare = dict(tensors)
    for prefix in _WRAPPERS:
        if any(name.startswith(prefix) for name in bare):
            with_prefix = {n: t for n, t in bare.items() if n.startswith(prefix)}
            # A whole network: only its encoder counts here.
            bare = {name.removeprefix(prefix): t for name, t in with_prefix.items()}
    return bare


def _canonical(name: str) -> str:
    """A name that is equal for timm's whole networks and its feature extractors."""
    return name.removeprefix("model.").replace(".", "_")


def _fit(tensor: Tensor, own: Tensor) -> Tensor | None:
    if tensor.shape == own.shape:
        return tensor
    is_first = tensor.ndim == 4 and tensor.shape[1] == 3
    if (
        is_first
        and tensor.shape[0] == own.shape[0]
        and tensor.shape[2:] == own.shape[2:]
    ):
        return adapt_first_convolution(tensor, own.shape[1])
    return None


def _words(
    encoder: str, source: str, path: Path, n_loaded: int, missing: list[str]
) -> str:
    origin = "ImageNet" if source == "imagenet" else path.name
    if not missing:
        return f"The encoder {encoder} starts from weights of {origin}."
    return (
        f"The encoder {encoder} starts from weights of {origin}, but {len(missing)} of "
        f"its {n_loaded + len(missing)} tensors were missing there and are random."
    )


def _random_report(encoder: str, reason: str) -> WeightsReport:
    sentence = f"The encoder {encoder} starts from random weights. {reason}"
    return WeightsReport("none", 0, (), (), sentence)
