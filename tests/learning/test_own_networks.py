"""The networks no library has, and batch normalisation of one or two tiles."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import nn
from torch.nn import functional

from napari_semiseg.errors import SemisegError
from napari_semiseg.learning.batch_statistics import CautiousBatchNorm2d, make_cautious
from napari_semiseg.learning.deeplabv2 import DILATIONS
from napari_semiseg.learning.network_settings import Architecture, NetworkSettings
from napari_semiseg.learning.networks import build_network


def settings(architecture: str, encoder: str = "resnet18") -> NetworkSettings:
    values = {"architecture": architecture, "encoder": encoder, "weights": "none"}
    return NetworkSettings.model_validate(values)


def test_deeplabv2_sums_dilated_convolutions_at_an_eighth_of_the_size() -> None:
    network, _ = build_network(settings("deeplabv2"), 1, 4)
    body = network.eval().body
    image = torch.rand(1, 1, 64, 96)
    with torch.inference_mode():
        deepest = body.encoder(image)[-1]
        assert deepest.shape == (1, 512, 8, 12)
        coarse = torch.zeros(1, 4, 8, 12)
        for rate, branch in zip((6, 12, 18, 24), body.branches, strict=True):
            weight, bias = branch.weight, branch.bias
            coarse += functional.conv2d(
                deepest, weight, bias, padding=rate, dilation=rate
            )
        enlarged = functional.interpolate(
            coarse, (64, 96), mode="bilinear", align_corners=True
        )
        torch.testing.assert_close(body(image), enlarged)
    assert DILATIONS == (6, 12, 18, 24)


def test_deeplabv2_takes_any_encoder_that_can_be_dilated() -> None:
    for encoder in ("resnet50", "mobilenet_v2"):
        network, _ = build_network(settings("deeplabv2", encoder), 3, 2)
        with torch.inference_mode():
            assert network.eval()(torch.rand(1, 3, 40, 50)).shape == (1, 2, 40, 50)
    with pytest.raises(SemisegError, match="choose another of the two"):
        build_network(settings("deeplabv2", "vgg11"), 3, 2)


def test_enet_has_the_papers_shapes() -> None:
    """Table 1 of the paper: 512 x 512 x 3, output stride 8, about 0.36 M weights."""
    network, report = build_network(settings("enet"), 3, 20)
    body = network.eval().body
    shapes = {}
    for name, part in body.named_children():
        part.register_forward_hook(
            lambda module, given, out, name=name: shapes.update({name: out})
        )
    with torch.inference_mode():
        logits = body(torch.rand(1, 3, 128, 128))
    sizes = {
        name: tuple((out[0] if isinstance(out, tuple) else out).shape[1:])
        for name, out in shapes.items()
    }
    assert sizes["first"] == (16, 64, 64)
    assert sizes["down1"] == sizes["stage1"] == (64, 32, 32)
    assert sizes["down2"] == sizes["stage2"] == sizes["stage3"] == (128, 16, 16)
    assert sizes["up4"] == sizes["stage4"] == (64, 32, 32)
    assert sizes["up5"] == sizes["stage5"] == (16, 64, 64)
    assert logits.shape == (1, 20, 128, 128)
    n_weights = sum(p.numel() for p in body.parameters())
    assert 0.34e6 < n_weights < 0.38e6
    assert "random weights" in report.sentence


def test_enet_puts_values_back_to_where_the_maxima_were() -> None:
    network, _ = build_network(settings("enet"), 1, 2)
    up = network.eval().body.up5
    nn.init.zeros_(up.extension[-2].weight)  # The main branch alone.
    places = torch.randint(0, 4, (1, 16, 2, 2))
    rows, columns = torch.meshgrid(torch.arange(2), torch.arange(2), indexing="ij")
    flat = (2 * rows + places // 2) * 4 + 2 * columns + places % 2
    with torch.inference_mode():
        out = up(torch.rand(1, 64, 2, 2), flat)
    elsewhere = torch.ones(1, 16, 16, dtype=torch.bool)
    elsewhere.scatter_(2, flat.flatten(2), False)
    assert (out.flatten(2)[elsewhere] == 0).all()
    assert (out > 0).any()


def test_enet_learns_one_tile_at_a_time() -> None:
    network, _ = build_network(settings("enet"), 17, 3)
    network.train()
    network(torch.rand(1, 17, 32, 32)).mean().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_enet_has_no_weights_to_begin_with() -> None:
    asked = settings("enet").model_copy(update={"weights": "imagenet"})
    with pytest.raises(SemisegError, match="no weights for enet"):
        build_network(asked, 1, 2)


@pytest.mark.parametrize("architecture", get_args(Architecture))
@pytest.mark.parametrize("n", [1, 2])
def test_every_network_learns_from_one_or_two_small_tiles(
    architecture: str, n: int
) -> None:
    network, _ = build_network(settings(architecture), 1, 3)
    network.train()
    logits = network(torch.rand(n, 1, 32, 32))
    logits.square().mean().backward()
    assert logits.isfinite().all()
    assert all(b.isfinite().all() for b in network.buffers())


def test_few_values_are_normalised_by_the_running_statistics() -> None:
    plain = nn.BatchNorm2d(3)
    plain.running_mean.copy_(torch.tensor([1.0, 2.0, 3.0]))
    plain.running_var.fill_(4.0)
    cautious = make_cautious(nn.Sequential(plain))[0].train()
    assert isinstance(cautious, CautiousBatchNorm2d)
    few = torch.rand(1, 3, 1, 3)
    expected = (few - plain.running_mean.view(1, 3, 1, 1)) / (4 + plain.eps) ** 0.5
    torch.testing.assert_close(cautious(few), expected)
    assert torch.equal(cautious.running_mean, torch.tensor([1.0, 2.0, 3.0]))
    many = torch.rand(2, 3, 1, 2)
    torch.testing.assert_close(cautious(many), plain.train()(many))
    torch.testing.assert_close(cautious.state_dict(), plain.state_dict())
