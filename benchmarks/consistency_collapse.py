"""Does a network that has learned collapse to one class, and does it stay there?

The reproduction of learning consistency under transformations reports it for two-step
training under noise and under rotation: the consistency loss becomes 0, the supervised
one 14.5, "even when the learning rate is increased". Here a small network learns two
drawn images under noise or rotation, and then, at a learning rate far too high, both
losses on all images: once in the published form, with clipped probabilities, once in
the stable one. Counted are the runs that end with one class everywhere.

    python -m benchmarks.consistency_collapse
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from napari_semiseg.learning import transformations
from napari_semiseg.learning.divergence import (
    clipped_kl,
    clipped_kl_to_labels,
    symmetric_kl,
)
from napari_semiseg.learning.losses import cross_entropy, masked_mean
from napari_semiseg.learning.randomness import Randomness
from napari_semiseg.learning.transformation_settings import TransformationSettings
from napari_semiseg.samples.synthetic import synthetic_nuclei
from napari_semiseg.segmentation.classes import IGNORE

N_LABELLED, N_IMAGES, SIZE = 2, 10, 32
CPU = torch.device("cpu")
SWITCHES = dict.fromkeys(("shift", "rotation", "flip", "elastic", "noise"), False)


@dataclass(frozen=True)
class End:
    """How a run ended: accuracy on the other images, and both losses."""

    accuracy: float
    supervised: float
    consistency: float
    collapsed: bool


def main() -> None:
    """Count the collapses and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--rates", type=float, nargs="+", default=[0.001, 1.0, 2.0])
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(
        "| transformation | learning rate | form | collapsed | accuracy | L_S | L_C |"
    )
    print("|---|---|---|---|---|---|---|")
    for kind in ("noise", "rotation"):
        for rate in options.rates:
            for form in ("clipped", "stable"):
                ends = [run(kind, form, rate, seed) for seed in range(options.seeds)]
                print(_row(kind, form, rate, ends), flush=True)


def run(kind: str, form: str, rate: float, seed: int) -> End:
    """Supervised steps, then consistency at the given rate."""
    image, truth = _images()
    torch.manual_seed(seed)
    random = Randomness(seed, CPU)
    network = _network()
    both: tuple[Tensor, Tensor] = (torch.zeros(()), torch.zeros(()))
    for n, seen, step_size, weight in (
        (60, N_LABELLED, 1e-2, 0.0),
        (100, N_IMAGES, rate, 1.0),
    ):
        optimizer = torch.optim.Adam(network.parameters(), step_size)
        for _ in range(n):
            both = losses(network, image[:seen], truth, kind, form, random)
            optimizer.zero_grad()
            (both[0] + weight * both[1]).backward()
            optimizer.step()
    with torch.no_grad():  # In training mode, as the losses see it.
        found = network(image).argmax(1)
    accuracy = (found == truth)[N_LABELLED:].float().mean().item()
    collapsed = len(found.unique()) == 1
    return End(accuracy, both[0].item(), both[1].item(), collapsed)


def losses(
    network: nn.Module,
    image: Tensor,
    truth: Tensor,
    kind: str,
    form: str,
    random: Randomness,
) -> tuple[Tensor, Tensor]:
    """L_S and L_C of all images and their transformed views, as one batch."""
    n = len(image)
    switches = TransformationSettings(**{**SWITCHES, kind: True, "largest_angle": 45})
    where = transformations.draw(n, (SIZE, SIZE), switches, random).positions()
    view = transformations.warp(image, where, border="reflection")
    if kind == "noise":
        view = view + 0.5 * random.normal(tuple(view.shape))
    first, second = network(torch.cat([image, view])).split(n)
    plane = truth[:N_LABELLED, None].float() + 1
    moved = transformations.warp(plane, where[:N_LABELLED], "nearest")[:, 0].long() - 1
    target = torch.cat([truth[:N_LABELLED], moved.where(moved >= 0, IGNORE)])
    known = torch.cat([first[:N_LABELLED], second[:N_LABELLED]])
    p = transformations.warp_probability(first.softmax(1), where)
    q = second.softmax(1)
    inside = transformations.warp_mask(
        torch.ones(p[:, 0].shape, dtype=torch.bool), where
    )
    if form == "clipped":
        supervised = clipped_kl_to_labels(known, target)
        error = (clipped_kl(p, q) + clipped_kl(q, p)) / 2
    else:
        supervised = cross_entropy(known, target)
        error = symmetric_kl(p, q)
    return masked_mean(supervised, target != IGNORE), masked_mean(error, inside)


def _images() -> tuple[Tensor, Tensor]:
    """Drawn nuclei float32 ``(N, 1, S, S)``, and whether a pixel is of one."""
    rng = np.random.default_rng(0)
    drawn = [synthetic_nuclei(rng, (SIZE, SIZE), 8, size=12.0) for _ in range(N_IMAGES)]
    image = np.stack([raw / np.percentile(raw, 99.8) for raw, _ in drawn])
    truth = np.stack([ids > 0 for _, ids in drawn])
    return (
        torch.from_numpy(image.astype(np.float32))[:, None],
        torch.from_numpy(truth).long(),
    )


def _network() -> nn.Module:
    layers: list[nn.Module] = []
    for channels in (1, 16):
        layers += [nn.Conv2d(channels, 16, 3, padding=1), nn.BatchNorm2d(16)]
        layers.append(nn.LeakyReLU(0.1))
    return nn.Sequential(*layers, nn.Conv2d(16, 2, 1))


def _row(kind: str, form: str, rate: float, ends: list[End]) -> str:
    n_collapsed = sum(end.collapsed for end in ends)
    means = (
        np.mean([getattr(end, name) for end in ends])
        for name in ("accuracy", "supervised", "consistency")
    )
    words = " | ".join(f"{mean:.3f}" for mean in means)
    return f"| {kind} | {rate:g} | {form} | {n_collapsed} of {len(ends)} | {words} |"


if __name__ == "__main__":
    main()
