"""How much labelling a score costs: a simulated biologist corrects and trains again.

Each seed draws a project of images and tiles to begin with, which the biologist labels
completely. After each training comes a round: the next tiles, random ones or those
that the program wants looked at, are shown with the objects of the model in use; those
that are wrong are corrected, the others left; then the model is trained again, from the
encoder weights, with equally many steps in every arm and round. Each model is tested on
images that no project has. What counts is how many objects were touched, and the
minutes that this takes by the costs of `simulated_biologist.Costs`.

    python -m benchmarks.simulated_user DATA --weights mobilenet_v2.pth -o
    benchmarks/results/simulated-user --figure docs/images/simulated_user.png

where DATA holds ``images/*.tif`` and ``masks/*.tif`` of equal names. Images, by name in
turn, are for projects and for tests; images of the same names in ``--leave-out``, such
as those that the order of the queue was tuned on, are for neither. Resumable: each
finished round of an arm and seed is one JSON file.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # Before torch loads OpenMP.

import argparse
import itertools
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch

from benchmarks.simulated_figure import draw
from benchmarks.simulated_project import Plan, begin, go_on
from benchmarks.simulated_scores import read_rounds
from benchmarks.simulated_tables import tables
from napari_semiseg.files import write_json

ARMS = ("supervised,random", "actis,random", "actis,queue", "supervised,queue")


@dataclass(frozen=True)
class Arm:
    """A method, and who chooses the next tile."""

    method: str
    queue: bool

    @property
    def name(self) -> str:
        """Of its files."""
        return f"{self.method}_{'queue' if self.queue else 'random'}"


def main() -> None:
    """Run what is missing, then print the tables and draw the figure."""
    options = _parse()
    torch.set_num_threads(options.threads)
    arms = [_arm(text) for text in options.arms]
    if not options.only_report:
        run(options, arms)
    found = read_rounds(options.out, [arm.name for arm in arms])
    print(tables(found, options.target))
    if options.figure is not None:
        draw(found, options.target, options.figure)


def run(options: argparse.Namespace, arms: list[Arm]) -> None:
    """All rounds that are missing: the first ones of all seeds and arms at first."""
    options.out.mkdir(parents=True, exist_ok=True)
    plan = make_plan(options)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    for seed, method in itertools.product(seeds, dict.fromkeys(a.method for a in arms)):
        path = options.out / f"{method}-{seed}-0.json"
        if not path.exists():
            _keep(path, begin(plan, seed, method), arm=method, seed=seed, round=0)
    for number in range(1, options.rounds + 1):
        for seed, arm in itertools.product(seeds, arms):
            path = options.out / f"{arm.name}-{seed}-{number}.json"
            if not path.exists():
                before = f"{arm.name}-{seed}-{number - 1}"
                if number == 1:  # Both arms of a method begin with the same model.
                    before = f"{arm.method}-{seed}-0"
                result = go_on(
                    plan, seed, arm.method, number, before, path.stem, arm.queue
                )
                _keep(path, result, arm=arm.name, seed=seed, round=number)
                if number > 1:
                    shutil.rmtree(plan.work / before)


def make_plan(options: argparse.Namespace) -> Plan:
    """Images on their sides, and how they are worked on."""
    left_out = set()
    if options.leave_out is not None:
        left_out = {path.name for path in (options.leave_out / "images").iterdir()}
    names = [
        path.name
        for path in sorted((options.data / "images").glob("*.tif"))
        if path.name not in left_out and _longest_side(path) <= options.largest
    ]
    test = np.random.default_rng(2018).permutation(names[1::2])[: options.test_images]
    return Plan(
        options.data,
        options.out / "projects",
        tuple(names[::2]),
        tuple(sorted(test.tolist())),
        options.images,
        options.start_tiles,
        options.tiles_per_round,
        options.size,
        options.least_objects,
        {
            "steps": options.steps,
            "encoder": options.encoder,
            "weights": str(options.weights),
            "threads": options.threads,
            "settings": options.changes,
        },
    )


def _keep(path: Path, result: dict[str, Any], **about: Any) -> None:
    """Write a finished round down, and tell of it."""
    write_json(path, {**about, **result})
    rows = result["images"].values()
    print(
        f"{path.stem}: work {result['work']}, "
        f"AP {np.mean([row['ap'] for row in rows]):.3f}, "
        f"F1 {np.mean([row['f1'] for row in rows]):.3f}, "
        f"{result['seconds_training']:.0f} s training, "
        f"{result.get('seconds_choosing', 0):.0f} s choosing, "
        f"{result['seconds_testing']:.0f} s testing",
        flush=True,
    )


def _longest_side(path: Path) -> int:
    with tifffile.TiffFile(path) as file:
        return max(file.pages[0].shape)


def _arm(text: str) -> Arm:
    method, _, choice = text.partition(",")
    if choice not in ("random", "queue"):
        raise SystemExit(f"An arm is METHOD,random or METHOD,queue, not {text}.")
    return Arm(method, choice == "queue")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="folder with images/ and masks/")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--arms", nargs="+", default=ARMS)
    parser.add_argument("--leave-out", type=Path, help="folder with images/")
    parser.add_argument("--largest", type=int, default=400, help="side of an image, px")
    parser.add_argument("--weights", default="auto")
    parser.add_argument("--encoder", default="mobilenet_v2")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--start-tiles", type=int, default=1)
    parser.add_argument("--tiles-per-round", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only-report", action="store_true")
    parser.add_argument("--size", type=int, default=128, help="side of a tile, px")
    parser.add_argument("--least-objects", type=int, default=3)
    parser.add_argument("--images", type=int, default=30)
    parser.add_argument("--test-images", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--target", type=float, default=0.7, help="precision x recall")
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--changes", type=json.loads, default={"tile_size": 64})
    return parser.parse_args()


if __name__ == "__main__":
    main()
