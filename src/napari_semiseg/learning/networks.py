"""Networks from segmentation-models-pytorch, made safe for microscopy images."""

from __future__ import annotations

import difflib
from contextlib import contextmanager
from typing import TYPE_CHECKING

import segmentation_models_pytorch as smp
import timm
import torch
from segmentation_models_pytorch.encoders import encoders as smp_encoders
from torch import Tensor, nn
from torch.nn import functional

from napari_semiseg.errors import SemisegError
from napari_semiseg.learning.batch_statistics import make_cautious
from napari_semiseg.learning.deeplabv2 import DeepLabV2
from napari_semiseg.learning.encoder_weights import WeightsReport, load_encoder_weights
from napari_semiseg.learning.enet import ENet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_semiseg.learning.network_settings import NetworkSettings

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
STRIDE = 32  # FPN, Unet++ and DeepLabV3+ refuse sizes that this does not divide.


class SegmentationNetwork(nn.Module):
    """A network that takes normalised images of any size and returns logits.

    Parameters
    ----------
    body
        Takes ``(B, C, *S)`` with S divisible by 32, returns ``(B, K, *S)``.
    settings
        What ``body`` was built from; the encoder is not ``auto``.
    n_channels, n_classes
        C and K.
    n_kinds
        N: the user's classes of objects, which a second head tells apart. The body then
        has K + N outputs, the heads being one convolution of the same features; 0:
        there is no such head.

    Notes
    -----
    Images arrive scaled to about 0..1; they are standardised by the mean and standard
    deviation of ImageNet (of its grey value unless C = 3), which the encoders expect.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        body: nn.Module,
        settings: NetworkSettings,
        n_channels: int,
        n_classes: int,
        n_kinds: int = 0,
    ) -> None:
        super().__init__()
        self.body = body
        self.settings = settings
        self.n_channels = n_channels
        self.n_classes = n_classes
        self.n_kinds = n_kinds
        mean, std = _standardisation(n_channels)
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, image: Tensor) -> Tensor:
        """Logits of a batch.

        Parameters
        ----------
        image
            float ``(B, C, *S)``, normalised to about 0..1, any size S.

        Returns
        -------
        Tensor
            float32 ``(B, K, *S)``.

        Raises
        ------
        SemisegError
            When the images have another number of channels than the network.
        """
        logits = self._all(image)
        return logits[:, : self.n_classes] if self.n_kinds else logits

    def both(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of both heads by one pass, float32 ``(B, K, *S)``, ``(B, N, *S)``."""
        logits = self._all(image)
        n = self.n_classes if self.n_kinds else logits.shape[1]
        return logits[:, :n], logits[:, n:]

    def _all(self, image: Tensor) -> Tensor:
        if image.shape[1] != self.n_channels:
            raise SemisegError(
                f"The network takes images of {self.n_channels} channel(s), "
                f"but these have {image.shape[1]}."
            )
        per_channel = (1, -1) + (1,) * (image.ndim - 2)
        standard = (image - self.mean.view(per_channel)) / self.std.view(per_channel)
        logits: Tensor = self.body(pad_to_stride(standard))
        for axis, size in enumerate(image.shape[2:], start=2):
            logits = logits.narrow(axis, 0, size)
        return logits.float()


def build_network(
    settings: NetworkSettings,
    n_channels: int,
    n_classes: int,
    *,
    n_kinds: int = 0,
    seed: int = 0,
    announce: Callable[[str], None] | None = None,
) -> tuple[SegmentationNetwork, WeightsReport]:
    """Make a network with the encoder weights the settings ask for.

    Parameters
    ----------
    settings
        Architecture, encoder and weights; the encoder ``auto`` means that of a CPU, so
        call ``settings.resolve(device)`` first.
    n_channels, n_classes
        Channels of the images, and classes with the background.
    n_kinds
        Classes of objects that a second head tells apart; see `SegmentationNetwork`.
    seed
        Of the random weights; the global random state is left as it was.
    announce
        Called with a sentence before anything is downloaded.

    Returns
    -------
    tuple of SegmentationNetwork and WeightsReport
        The network on the CPU, and where its encoder's weights come from.

    Raises
    ------
    SemisegError
        When the encoder is unknown or does not fit the architecture, or when the
        weights that were asked for cannot be had.
    """
    settings = settings.resolve("cpu")
    _check_encoder(settings.encoder)
    with _own_random_state(seed):
        body = make_cautious(_build_body(settings, n_channels, n_classes + n_kinds))
    encoder = encoder_of(body)
    report = (
        _without_encoder(settings)
        if encoder is None
        else load_encoder_weights(encoder, settings, announce)
    )
    network = SegmentationNetwork(body, settings, n_channels, n_classes, n_kinds)
    return network, report


def encoder_of(body: nn.Module) -> nn.Module | None:
    """The part of a network's body that pretrained weights are for, if any."""
    return dict(body.named_children()).get("encoder")


def pad_to_stride(image: Tensor, stride: int = STRIDE) -> Tensor:
    """Pad the end of every spatial axis of ``(B, C, *S)`` to a multiple of ``stride``.

    Mirrors the image; repeats its last pixel where it is too small to be mirrored.
    """
    n_axes = image.ndim - 2
    for axis in range(n_axes):
        size = image.shape[2 + axis]
        if missing := -size % stride:
            # One axis at a time: a thin image is mirrored along its long side only.
            padding = [0] * (2 * n_axes)
            padding[2 * (n_axes - 1 - axis) + 1] = missing
            mode = "reflect" if missing < size else "replicate"
            image = functional.pad(image, padding, mode=mode)
    return image


def _build_body(
    settings: NetworkSettings, n_channels: int, n_outputs: int
) -> nn.Module:
    if settings.architecture == "enet":
        return ENet(n_channels, n_outputs)
    options: dict[str, object] = {}
    if settings.architecture == "pspnet":
        # smp's own default stops at the third stage, undilated: not the paper's.
        options = {"encoder_depth": 5, "upsampling": 8, "output_stride": 8}
    try:
        if settings.architecture == "deeplabv2":
            return DeepLabV2(settings.encoder, n_channels, n_outputs)
        body: nn.Module = smp.create_model(
            settings.architecture,
            encoder_name=settings.encoder,
            encoder_weights=None,
            in_channels=n_channels,
            classes=n_outputs,
            **options,
        )
    except (ValueError, KeyError, NotImplementedError, RuntimeError) as error:
        raise SemisegError(
            f"The encoder {settings.encoder} cannot be used with the architecture "
            f"{settings.architecture}: choose another of the two."
        ) from error
    return body


def _without_encoder(settings: NetworkSettings) -> WeightsReport:
    """What is said of a network for which there are no weights to begin with."""
    name = settings.architecture
    if settings.weights not in ("auto", "none"):
        raise SemisegError(
            f"There are no weights for {name} to begin with: set weights to auto, or "
            "choose another architecture."
        )
    sentence = f"The network {name} starts from random weights: there are no others."
    return WeightsReport("none", 0, (), (), sentence)


def _check_encoder(name: str) -> None:
    if name.startswith("tu-") and timm.is_model(name.removeprefix("tu-")):
        return
    if name in smp_encoders:
        return
    known = [*smp_encoders, *(f"tu-{model}" for model in timm.list_models())]
    near = difflib.get_close_matches(name, known, n=3)
    choices = ", ".join(near or ["mobilenet_v2", "resnet18", "efficientnet-b5"])
    raise SemisegError(f"There is no encoder named {name}. Try one of: {choices}.")


def _standardisation(n_channels: int) -> tuple[Tensor, Tensor]:
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    if n_channels == 3:
        return mean, std
    return mean.mean().repeat(n_channels), std.mean().repeat(n_channels)


@contextmanager
def _own_random_state(seed: int) -> Iterator[None]:
    """Seed torch's CPU generator for a while; its users elsewhere notice nothing."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
