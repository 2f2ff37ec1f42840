"""Do six suggested tiles teach more than six random ones?

Each seed draws a project of 48 images from those that are not tested. One arm labels
the six tiles that `suggest_tiles` chooses in it, the other six drawn at random, each in
an image of its own; tiles without an object count as labelled too. Both train the same
network by the supervised recipe for equally many steps, and are tested on the same
images.

    python -m benchmarks.suggested_tiles DATA --weights mobilenet_v2.pth -o
    benchmarks/results/suggested

where DATA holds ``images/*.tif`` and ``masks/*.tif`` of equal names. Resumable: each
finished arm of a seed is one JSON file.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # Before torch loads OpenMP.

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.sets import read_pair
from benchmarks.statistics import read_results, scores_of
from napari_semiseg.api.benchmarking.examples import Example
from napari_semiseg.api.benchmarking.judging import score_test, tune
from napari_semiseg.api.benchmarking.statistics import MeanScore, paired_interval
from napari_semiseg.files import write_json
from napari_semiseg.geometry import ArraySource, Box
from napari_semiseg.learning.methods import make_settings, merge
from napari_semiseg.learning.training import Training
from napari_semiseg.learning.training_set import LabelledTile, TrainingSet
from napari_semiseg.project.project import Project
from napari_semiseg.project.suggesting import suggest_tiles
from napari_semiseg.segmentation.classes import mark_cut_edges

ARMS = ("suggested", "random")
Place = tuple[str, Box]


def main() -> None:
    """Run what is missing, then print the table."""
    options = _parse()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for arm in ARMS:
            path = options.out / f"{arm}-{seed}.json"
            if not path.exists():
                result = run_arm(arm, seed, options)
                write_json(path, result)
                scores = [one["s_dsb"] for one in result["images"].values()]
                print(
                    f"seed {seed} {arm}: objects {result['objects']}, "
                    f"S_DSB {np.mean(scores):.3f}",
                    flush=True,
                )
    print(table(options.out))


def run_arm(arm: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Label the tiles of one arm, train, and score the test images."""
    test, pool = _split(options)
    drawn = np.random.default_rng(seed).choice(len(pool), options.images, replace=False)
    names = [pool[i] for i in sorted(drawn)]
    choose = suggested if arm == "suggested" else at_random
    places = choose(options, names, seed)
    tiles = tuple(labelled(options.data, name, box) for name, box in places)
    changes = {
        "steps": options.steps,
        "seed": seed,
        "network": {"encoder": options.encoder, "weights": str(options.weights)},
    }
    settings = make_settings("supervised", "default", merge(changes, options.changes))
    images = TrainingSet(tiles, ())
    training = Training(images, settings, device="cpu")
    for _ in training:
        pass
    model = training.model()
    tune(model, images, settings)
    return {
        "arm": arm,
        "seed": seed,
        "objects": [len(np.unique(t.instances[t.instances > 0])) for t in tiles],
        "tiles": [[name, *box.origin, *box.size] for name, box in places],
        "thresholds": list(model.card.thresholds),
        "images": score_test(model, [tested(options.data, name) for name in test]),
    }


def tested(folder: Path, name: str) -> Example:
    """A test image with its truth."""
    pair = read_pair(folder, name)
    return Example(name, ArraySource(pair.image), pair.instances, "", name)


def suggested(options: argparse.Namespace, names: list[str], seed: int) -> list[Place]:
    """The tiles that the program suggests in a project of these images."""
    with tempfile.TemporaryDirectory() as folder:
        project = Project.create(folder)
        project.add_images([options.data / "images" / name for name in names])
        chosen = suggest_tiles(project, options.tiles, options.size, seed=seed)
        return [(one.item.name, one.box) for one in chosen]


def at_random(options: argparse.Namespace, names: list[str], seed: int) -> list[Place]:
    """Any place of any image is as likely as another; one tile an image."""
    rng = np.random.default_rng([seed, 1])
    places = []
    for i in rng.choice(len(names), options.tiles, replace=False):
        shape = read_pair(options.data, names[i]).instances.shape
        origin = tuple(int(rng.integers(length - options.size + 1)) for length in shape)
        places.append((names[i], Box(origin, (options.size, options.size))))
    return places


def labelled(folder: Path, name: str, box: Box) -> LabelledTile:
    """A tile with the truth as its label."""
    pair = read_pair(folder, name)
    instances = pair.instances[box.slices]
    known = mark_cut_edges(
        instances, np.ones(box.size, bool), box, pair.instances.shape
    )
    return LabelledTile(
        pair.image[(slice(None), *box.slices)],
        instances,
        known,
        image_id=name,
        origin=box.origin,
        source=ArraySource(pair.image),
    )


def table(folder: Path) -> str:
    """Markdown: what each arm labelled and reached, seed by seed and on average."""
    results = read_results(folder)
    seeds = sorted(set(results["suggested"]) & set(results["random"]))
    scores = {arm: scores_of(results[arm], seeds, "s_dsb") for arm in ARMS}
    lines = [
        "| seed | S_DSB suggested | S_DSB random | objects suggested | objects random "
        "| tiles without object, suggested | random |",
        "|---|---|---|---|---|---|---|",
    ]
    counts = {arm: [results[arm][seed]["objects"] for seed in seeds] for arm in ARMS}
    for row, seed in enumerate(seeds):
        means = [f"{scores[arm][row].mean():.3f}" for arm in ARMS]
        objects = [f"{sum(counts[arm][row])}" for arm in ARMS]
        empty = [f"{counts[arm][row].count(0)}" for arm in ARMS]
        lines.append("| " + " | ".join([str(seed), *means, *objects, *empty]) + " |")
    means = [f"{scores[arm].mean():.3f}" for arm in ARMS]
    objects = [f"{np.sum(counts[arm]) / len(seeds):.1f}" for arm in ARMS]
    empty = [f"{np.sum(np.array(counts[arm]) == 0)} in all" for arm in ARMS]
    lines.append("| " + " | ".join(["mean", *means, *objects, *empty]) + " |")
    ours, theirs = MeanScore(scores["suggested"]), MeanScore(scores["random"])
    found = paired_interval(ours, theirs, scores["random"].shape[1])
    lines.append(
        f"\nsuggested - random, S_DSB: {found.mean:+.3f} "
        f"({found.low:+.3f} to {found.high:+.3f})"
    )
    return "\n".join(lines)


def _split(options: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Names of the test images, the same for every seed, and of the others."""
    names = sorted(path.name for path in (options.data / "images").glob("*.tif"))
    order = np.random.default_rng(2018).permutation(len(names))
    shuffled = [names[i] for i in order]
    return shuffled[: options.test_images], shuffled[options.test_images :]


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="folder with images/ and masks/")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--weights", default="auto")
    parser.add_argument("--encoder", default="mobilenet_v2")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--tiles", type=int, default=6)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--images", type=int, default=48)
    parser.add_argument("--test-images", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--changes", type=json.loads, default={})
    return parser.parse_args()


if __name__ == "__main__":
    main()
