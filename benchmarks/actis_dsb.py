"""Does ACTIS beat its supervised baseline at equal steps, and at equal minutes?

One labelled set a seed (10 tiles of 128 x 128), all other images unlabelled, at least
100 test images held out. Arms, all started from the same encoder weights:

supervised     the supervised recipe for all steps
consistency-0  the consistency stage with its unlabelled loss at 0
actis          preset default
longer         the supervised recipe for as many steps as fit into ACTIS's minutes
actis-fresh    every unlabelled tile labelled anew by all eight views; run only when
               asked for: it shows what the bank of pseudo-labels saves

Resumable: each finished arm of a seed is one JSON file. Repeat with

    python benchmarks/actis_dsb.py DATA --weights mobilenet_v2.pth -o
    benchmarks/results/dsb

where DATA holds ``images/*.tif`` and ``masks/*.tif`` of equal names.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # Before torch loads OpenMP.

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from benchmarks.sets import Pair, Split, draw_split
from benchmarks.statistics import summary_table
from napari_semiseg.files import write_json
from napari_semiseg.geometry import ArraySource
from napari_semiseg.learning.methods import make_settings, merge
from napari_semiseg.learning.model import Model
from napari_semiseg.learning.training import Training
from napari_semiseg.learning.tuning import altered_probabilities
from napari_semiseg.learning.validation import probability_forward, tile_probabilities
from napari_semiseg.prediction.predict import predict_probability
from napari_semiseg.segmentation.metrics import score_image
from napari_semiseg.segmentation.thresholds import LabelledTruth, search_thresholds
from napari_semiseg.segmentation.watershed import instances_from_probability

if TYPE_CHECKING:
    from napari_semiseg.learning.settings import Settings
    from napari_semiseg.learning.training_set import LabelledTile

ARMS = ("actis", "supervised", "consistency-0", "longer")
FURTHER_ARMS = ("actis-fresh",)


def main() -> None:
    """Run what is missing, then print the table."""
    options = _parse()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for arm in options.arms:
            path = options.out / f"{arm}-{seed}.json"
            if not path.exists():
                write_json(path, run_arm(arm, seed, options))
            elif options.rescore:
                write_json(path, rescore(path, arm, seed, options))
    print(summary_table(options.out))


def run_arm(arm: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Train one arm on one seed's tiles and score it on the test images."""
    split = _split(seed, options)
    settings = arm_settings(arm, seed, options)
    training = Training(split.training_set, settings, device=options.device)
    cost = {"steps": 0, "forwards": 0, "samples": 0, "seconds": 0.0}
    for report in training:
        cost["steps"] = report.step
        cost["forwards"] += report.forwards
        cost["samples"] += report.samples
        cost["seconds"] += report.seconds
    model = training.model()
    model.save(options.out / "models" / f"{arm}-{seed}")
    scores = evaluate(model, settings, split.training_set.training, split.test)
    return {"arm": arm, "seed": seed, "cost": cost, **scores}


def rescore(
    path: Path, arm: str, seed: int, options: argparse.Namespace
) -> dict[str, Any]:
    """Tune and test the saved model of a finished arm again."""
    before = json.loads(path.read_text())
    split = _split(seed, options)
    model = Model.load(options.out / "models" / f"{arm}-{seed}")
    settings = arm_settings(arm, seed, options)
    scores = evaluate(model, settings, split.training_set.training, split.test)
    return {**before, **scores}


def _split(seed: int, options: argparse.Namespace) -> Split:
    return draw_split(
        options.data,
        seed,
        n_tiles=options.tiles,
        n_test=options.test_images,
        development=options.development,
    )


def arm_settings(arm: str, seed: int, options: argparse.Namespace) -> Settings:
    """Settings of one arm: the same steps, network and seed for all but ``longer``."""
    changes: dict[str, Any] = {
        "steps": options.steps,
        "seed": seed,
        "network": {"encoder": options.encoder, "weights": str(options.weights)},
    }
    if arm == "longer":
        changes["steps"] = round(options.steps * _minutes_ratio(options))
    if arm == "consistency-0":
        changes["consistency"] = {"unlabelled_weight": 0.0}
    if arm == "actis-fresh":
        changes["consistency"] = {"fresh": 8, "bank": 8, "teacher_views": 8}
    changes = merge(changes, options.changes)
    method = "supervised" if arm in ("supervised", "longer") else "actis"
    return make_settings(method, "default", changes)


def evaluate(
    model: Model, settings: Settings, tiles: tuple[LabelledTile, ...], test: list[Pair]
) -> dict[str, Any]:
    """Thresholds from the training tiles, scores of every test image."""
    probabilities = tile_probabilities(model.network, tiles, model.device)
    altered = altered_probabilities(model.network, tiles, model.device)
    truths = [LabelledTruth(tile.instances, tile.annotated) for tile in tiles]
    found = search_thresholds(
        [*probabilities, *(one for view in altered for one in view)],
        truths * (1 + len(altered)),
        form=settings.watershed,
        min_size=settings.minimum_size,
        rule=settings.threshold_rule,
    )
    forward = probability_forward(model.network, model.device)
    started = time.perf_counter()
    rows = {}
    for pair in test:
        probability = predict_probability(
            forward, ArraySource(pair.image), device=model.device
        )
        instances = instances_from_probability(
            probability, found.thresholds, min_size=settings.minimum_size
        )
        scores = score_image(instances, pair.instances)
        rows[pair.name] = {
            "ap": scores.ap_actis,
            "f1": scores.f1,
            "s_dsb": scores.s_dsb,
        }
    return {
        "thresholds": [found.thresholds.foreground, found.thresholds.seed],
        "seconds_testing": time.perf_counter() - started,
        "images": rows,
    }


def _minutes_ratio(options: argparse.Namespace) -> float:
    """Minutes of ACTIS over those of the supervised arm, calibrated once."""
    path = options.out / "calibration.json"
    if not path.exists():
        split = draw_split(options.data, 0, n_tiles=options.tiles, n_test=1)
        seconds = {}
        for arm in ("actis", "supervised"):
            training = Training(
                split.training_set, arm_settings(arm, 0, options), device=options.device
            )
            costs = training.seconds_per_step()
            seconds[arm] = sum(p.n_steps * costs[p.name] for p in training.plan)
        ratio = seconds["actis"] / seconds["supervised"]
        write_json(path, {**seconds, "ratio": ratio})
    return float(json.loads(path.read_text())["ratio"])


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with images/ and masks/")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--weights", default="auto")
    parser.add_argument("--encoder", default="mobilenet_v2")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--tiles", type=int, default=10)
    parser.add_argument("--test-images", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument(
        "--development", action="store_true", help="try settings on other test images"
    )
    parser.add_argument(
        "--rescore", action="store_true", help="test the saved models again"
    )
    parser.add_argument("--changes", type=json.loads, default={}, metavar="JSON")
    parser.add_argument(
        "--arms", nargs="+", choices=(*ARMS, *FURTHER_ARMS), default=list(ARMS)
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
