"""Which network a method trains: a frozen value, free of torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Architecture = Literal[
    "unet",
    "unetplusplus",
    "fpn",
    "deeplabv3",
    "deeplabv3plus",
    "pspnet",
    "linknet",
    "manet",
    "deeplabv2",
    "enet",
]

GPU_ENCODER = "efficientnet-b5"  # The encoder of the ACTIS paper.
CPU_ENCODER = "mobilenet_v2"  # About a tenth of the arithmetic of the former.


class NetworkSettings(BaseModel):
    """Architecture, encoder and the weights the encoder starts from.

    Attributes
    ----------
    architecture
        Decoder, by its name in segmentation-models-pytorch. ``pspnet`` is the paper's
        form: all encoder stages, dilated to stride 8. ``deeplabv2`` and ``enet`` are
        our own; ``enet`` is a whole network without an encoder to choose.
    encoder
        Encoder name of segmentation-models-pytorch (``tu-`` + name for any of timm), or
        ``auto``: the paper's EfficientNet-B5 on CUDA, MobileNetV2 elsewhere.
    weights
        ``imagenet`` (downloaded once), ``none`` (random), the path of a ``.pth`` or
        ``.safetensors`` file, or ``auto``: ``imagenet`` where it can be had, else
        random.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: Architecture = Field(
        "unet",
        description="Decoder, of segmentation-models-pytorch; deeplabv2; or enet, a "
        "small network for which encoder and weights mean nothing",
    )
    encoder: Annotated[str, Field(min_length=1)] = Field(
        "auto",
        description="Encoder of segmentation-models-pytorch; auto: efficientnet-b5 on "
        "a GPU, mobilenet_v2 elsewhere",
    )
    weights: Annotated[str, Field(min_length=1)] = Field(
        "auto",
        description="What the encoder starts from: imagenet, none, a file, or auto: "
        "imagenet where it can be had",
    )

    def resolve(self, device: object) -> NetworkSettings:
        """Replace the encoder ``auto`` by the default of a device.

        Parameters
        ----------
        device
            A ``torch.device`` or its name, such as ``"cpu"`` or ``"cuda:1"``.
        """
        if self.encoder != "auto":
            return self
        on_gpu = str(device).startswith("cuda")
        return self.model_copy(
            update={"encoder": GPU_ENCODER if on_gpu else CPU_ENCODER}
        )
