"""What does a training step cost beside its bare passes?

Bare passes: the same networks, shapes, precision and number of forwards on preloaded
tensors, with the plain cross-entropy, its gradient and the optimiser's step; no drawing
of tiles, no augmentation, no targets, no filter, no report. Both are timed in turn, and
the median of the ratios of neighbours is printed. The aim is at most 1.15 for
supervised and actis, 1.25 for the others.

    python -m benchmarks.step_cost --encoder mobilenet_v2 --threads 1
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # Before torch loads OpenMP.

import argparse
import statistics
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from napari_semiseg.geometry import ArraySource
from napari_semiseg.learning.co_training import CoTrainingStage
from napari_semiseg.learning.consistency import ConsistencyStage
from napari_semiseg.learning.curriculum import CurriculumStage
from napari_semiseg.learning.devices import place_images, precision
from napari_semiseg.learning.fixmatch import FixMatchStage
from napari_semiseg.learning.methods import make_settings
from napari_semiseg.learning.teacher import evaluating
from napari_semiseg.learning.training import Training
from napari_semiseg.learning.training_set import (
    LabelledTile,
    TrainingSet,
    UnlabelledImage,
)
from napari_semiseg.samples.synthetic import sample_set

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

SIZE = 128
CASES: list[tuple[str, dict[str, Any]]] = [
    ("supervised", {}),
    ("actis", {"supervised_fraction": 0.0}),
    (
        "fixmatch-st",
        {
            "first": "fixmatch",
            "self_training": "none",
            "fixmatch": {"warm_up": 0.0, "ramp": 0.0},
        },
    ),
    ("consistency", {}),
    ("co-training", {"co_training": {"warm_up": 0.0}}),
    ("curriculum", {"curriculum": {"ramp": 0.0, "largest_error": 100.0}}),
]


def main() -> None:
    """Time a step of each method and print a table."""
    options = _parse()
    torch.set_num_threads(options.threads)
    print("| method | step, s | bare passes, s | ratio (median, quartiles) |")
    print("|---|---|---|---|")
    for method, changes in CASES:
        ours, bare, ratios = measure(method, changes, options)
        low, middle, high = np.percentile(ratios, (25, 50, 75))
        print(
            f"| {method} | {statistics.median(ours):.3f} | "
            f"{statistics.median(bare):.3f} | {middle:.2f} ({low:.2f} to {high:.2f}) |"
        )


def measure(
    method: str, changes: dict[str, Any], options: argparse.Namespace
) -> tuple[list[float], list[float], list[float]]:
    """Seconds of steps and of bare passes, in turn, and the ratios of neighbours."""
    few = {
        "steps": 10_000,
        "validate_every": 0,
        "network": {"encoder": options.encoder, "weights": "none"},
    }
    settings = make_settings(method, "default", {**few, **changes})
    training = Training(_training_set(), settings, device=options.device)
    # What a stage prepares before its first step is no step.
    steps = (report for report in training if report.losses)
    next(steps)
    bare = bare_passes(training)
    for _ in range(2):
        next(steps)
        bare()
    ours, theirs = [], []
    for _ in range(options.repeats):
        ours.append(_seconds(lambda: next(steps), training.device))
        theirs.append(_seconds(bare, training.device))
    return ours, theirs, [a / b for a, b in zip(ours, theirs, strict=True)]


def bare_passes(training: Training) -> Callable[[], None]:
    """The passes of the stage under way, on preloaded tensors."""
    stage, device = training.stage, training.device
    learners, teachers, n_taught = networks_of(training)
    n_learned = stage.cost[1] // len(learners) - n_taught
    image = place_images(torch.rand(n_learned, 1, SIZE, SIZE), device)
    target = torch.randint(0, 3, (n_learned, SIZE, SIZE), device=device)
    taught = place_images(torch.rand(max(1, n_taught), 1, SIZE, SIZE), device)

    def passes() -> None:
        for teacher in teachers:
            with evaluating(teacher), precision(device):
                teacher(taught)
        for network, optimizer in zip(learners, stage.optimizers, strict=True):
            network.train()
            optimizer.zero_grad(set_to_none=True)
            with precision(device):
                logits = network(image)
            functional.cross_entropy(logits.float(), target).backward()
            optimizer.step()

    return passes


def networks_of(training: Training) -> tuple[list[nn.Module], list[nn.Module], int]:
    """Those that learn, those that label, and how many samples each of these labels."""
    stage = training.stage
    if isinstance(stage, ConsistencyStage):
        n_taught = stage.settings.fresh * stage.settings.teacher_views
        return [training.network], [stage.teacher.network], n_taught
    if isinstance(stage, FixMatchStage):
        return [training.network], [training.network], stage.labelled_at_once
    if isinstance(stage, CoTrainingStage):
        beside = 1 + stage.settings.n_shifts
        n_taught = stage.settings.unlabelled_batch * beside
        return list(stage.networks), list(stage.networks), n_taught
    if isinstance(stage, CurriculumStage):
        regressor = stage.unlabelled.bounds.regressor
        return [training.network], [regressor.features], stage.settings.unlabelled_batch
    return [training.network], [], 0


def _training_set() -> TrainingSet:
    tiles, images = [], []
    for index, (raw, instances) in enumerate(sample_set(0, 10)):
        high = float(np.percentile(raw, 99.8))
        image = (raw / high).astype(np.float32)[None]
        images.append(UnlabelledImage(ArraySource(image), str(index)))
        cut = (slice(0, SIZE), slice(0, SIZE))
        known = np.ones((SIZE, SIZE), bool)
        tiles.append(LabelledTile(image[(slice(None), *cut)], instances[cut], known))
    return TrainingSet(tuple(tiles), tuple(images))


def _seconds(act: Callable[[], object], device: torch.device) -> float:
    started = time.perf_counter()
    act()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", default="mobilenet_v2")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=15)
    return parser.parse_args()


if __name__ == "__main__":
    main()
