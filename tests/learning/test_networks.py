from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch
from segmentation_models_pytorch.encoders import get_encoder
from torch import nn

from napari_semiseg.errors import SemisegError
from napari_semiseg.learning.network_settings import Architecture, NetworkSettings
from napari_semiseg.learning.networks import (
    SegmentationNetwork,
    build_network,
    pad_to_stride,
)


def settings(**changes: str) -> NetworkSettings:
    return NetworkSettings(**{"encoder": "mobilenet_v2", "weights": "none", **changes})


def identity(n_channels: int) -> SegmentationNetwork:
    return SegmentationNetwork(nn.Identity(), settings(), n_channels, n_channels)


@pytest.mark.parametrize("architecture", get_args(Architecture))
def test_every_architecture_takes_any_size(architecture: str) -> None:
    network, _ = build_network(settings(architecture=architecture), 2, 3)
    network.eval()
    for size in [(1, 1), (17, 70), (33, 64)]:
        with torch.inference_mode():
            logits = network(torch.rand(1, 2, *size))
        assert logits.shape == (1, 3, *size)
        assert logits.dtype == torch.float32
        assert logits.isfinite().all()


def test_a_long_thin_image() -> None:
    network, _ = build_network(settings(), 1, 3)
    with torch.inference_mode():
        assert network.eval()(torch.rand(1, 1, 17, 300)).shape == (1, 3, 17, 300)


@pytest.mark.parametrize("encoder", ["resnet18", "tu-resnet18", "vgg11"])
@pytest.mark.parametrize("n_channels", [1, 5])
def test_any_encoder_with_any_number_of_channels(encoder: str, n_channels: int) -> None:
    network, _ = build_network(settings(encoder=encoder), n_channels, 3)
    with torch.inference_mode():
        assert network.eval()(torch.rand(1, n_channels, 32, 32)).shape[1] == 3


def test_a_size_that_fits_is_not_padded() -> None:
    image = torch.rand(2, 1, 32, 64)
    assert pad_to_stride(image) is image


def test_padding_mirrors_like_numpy() -> None:
    image = torch.rand(1, 2, 20, 33)
    expected = np.pad(image.numpy(), [(0, 0), (0, 0), (0, 12), (0, 31)], mode="reflect")
    np.testing.assert_array_equal(pad_to_stride(image).numpy(), expected)


def test_padding_repeats_the_last_pixel_where_there_is_too_little_to_mirror() -> None:
    padded = pad_to_stride(torch.arange(3.0).view(1, 1, 1, 3))
    assert padded.shape == (1, 1, 32, 32)
    assert (padded[0, 0, 7, 2:] == 2).all()


def test_padding_reaches_the_third_dimension() -> None:
    assert pad_to_stride(torch.rand(1, 1, 5, 33, 32)).shape == (1, 1, 32, 64, 32)


def test_colour_is_standardised_by_imagenet() -> None:
    colour = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    assert identity(3)(colour).abs().max() < 1e-6
    one_more = identity(3)(
        colour + torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    )
    torch.testing.assert_close(one_more, torch.ones(1, 3, 1, 1))


def test_grey_is_standardised_by_imagenets_grey() -> None:
    mean, std = (0.485 + 0.456 + 0.406) / 3, (0.229 + 0.224 + 0.225) / 3
    image = torch.full((1, 5, 2, 2), mean + std)
    torch.testing.assert_close(identity(5)(image), torch.ones(1, 5, 2, 2))


def test_wrong_number_of_channels_is_refused() -> None:
    with pytest.raises(SemisegError, match=r"3 channel\(s\), but these have 1"):
        identity(3)(torch.rand(1, 1, 32, 32))


def test_building_leaves_the_global_random_state_alone() -> None:
    before = torch.get_rng_state()
    build_network(settings(), 1, 3)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_seed_decides_the_weights() -> None:
    def weights(seed: int) -> torch.Tensor:
        network, _ = build_network(settings(), 1, 3, seed=seed)
        return torch.cat([p.detach().flatten() for p in network.parameters()])

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_unknown_encoder_names_near_ones() -> None:
    with pytest.raises(SemisegError, match="mobilenet_v2"):
        build_network(settings(encoder="mobilnet_v2"), 1, 3)


def test_encoder_that_does_not_fit_the_architecture() -> None:
    with pytest.raises(SemisegError, match="choose another of the two"):
        build_network(settings(encoder="mit_b0", architecture="unetplusplus"), 1, 3)


def test_pspnet_is_the_papers_with_a_stride_of_eight() -> None:
    network, _ = build_network(settings(architecture="pspnet"), 3, 3)
    encoder = network.body.get_submodule("encoder")
    with torch.inference_mode():
        features = encoder(torch.rand(1, 3, 64, 64))
        undilated = get_encoder("mobilenet_v2", weights=None)(torch.rand(1, 3, 64, 64))
    assert features[-1].shape[-1] == 8
    assert undilated[-1].shape[-1] == 2


@pytest.mark.parametrize(
    ("device", "encoder"),
    [("cpu", "mobilenet_v2"), ("mps", "mobilenet_v2"), ("cuda:1", "efficientnet-b5")],
)
def test_the_default_encoder_follows_the_device(device: str, encoder: str) -> None:
    assert NetworkSettings().resolve(torch.device(device)).encoder == encoder
    assert settings().resolve(device).encoder == "mobilenet_v2"
