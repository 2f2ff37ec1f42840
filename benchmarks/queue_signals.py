"""Do the doubts that rank images for review tell where objects are wrong?

Each seed draws a project of images, labels a few tiles of it by the truth, and trains.
Then every doubt of every tile of every other image is compared with the share of its
objects that are wrong (objects found at an IoU of .5 with none of the truth, and those
of the truth that were not found, by both together with the right ones).

With ``--runs``, models that were trained elsewhere are measured instead.

Weights of the mixture are chosen on the images of even number in each seed; what the
table says is of the others.

    python -m benchmarks.queue_signals DATA --weights mobilenet_v2.pth -o
    benchmarks/results/queue-signals

where DATA holds ``images/*.tif`` and ``masks/*.tif`` of equal names. Resumable: each
finished seed is one JSON file, and a project with its model is used again.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # Before torch loads OpenMP.

import argparse
import itertools
import json
import shutil
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
import torch

from napari_semiseg import api
from napari_semiseg.api.doubting import doubts
from napari_semiseg.api.proposals import Proposals
from napari_semiseg.files import write_json
from napari_semiseg.geometry import Box
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.project import Project
from napari_semiseg.runs.doubts import (
    DEFAULT_WEIGHTS,
    DOUBTS,
    ImageDoubts,
    QueueWeights,
    Scale,
)
from napari_semiseg.runs.models import model_in_use
from napari_semiseg.segmentation.matching import match

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Values = NDArray[np.float64]

CANDIDATES = (0.0, 0.5, 1.0, 2.0)  # Weights that are tried.
TOP = 5  # Images at the head of a queue that somebody looks at.


@dataclass(frozen=True, eq=False)
class Judged:
    """An image with the doubts of its tiles, and what is wrong there.

    ``wrong`` and ``objects`` hold a number a tile and, last, that of the whole image.
    """

    doubts: ImageDoubts
    whole: dict[str, float]
    wrong: NDArray[np.int64]
    objects: NDArray[np.int64]

    @property
    def share(self) -> Values:
        """Share of the objects that are wrong; 0 where there is no object."""
        share: Values = self.wrong / np.maximum(self.objects, 1)
        return share


def main() -> None:
    """Run what is missing, then print the tables."""
    options = _parse()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    for seed in range(len(options.runs) or options.seeds):
        path = options.out / f"{options.method}-{seed}.json"
        if not path.exists():
            write_json(path, measure(options, seed))
            print(f"seed {seed} done", flush=True)
    print(report(options.out))


def measure(options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Train a model, and compare its doubts with the truth."""
    project = _trained(options, seed)
    proposals = Proposals(project, "cpu")
    images = []
    for item in project.images:
        if AnnotationStore(project).tiles(item):
            continue
        found = doubts(proposals, item, options.size, ask_student=True)
        truth = tifffile.imread(options.data / "masks" / item.name).astype(np.int32)
        boxes = [*found.tiles.boxes, Box.whole(item.shape)]
        wrong, objects = _judge(proposals.instances(item), truth, boxes)
        tiles = {name: of.tolist() for name, of in found.tiles.of_tiles.items()}
        whole = {"unsureness": 1 - found.confidence, **found.whole}
        row = {"image": item.name, "tiles": tiles, "whole": whole}
        images.append({**row, "wrong": wrong, "objects": objects})
    record = {"method": options.method, "seed": seed, "steps": options.steps}
    return {**record, "images": images}


def _trained(options: argparse.Namespace, seed: int) -> Project:
    """A project with a few labelled tiles, and a model that learned from them."""
    folder = options.out / f"project-{options.method}-{seed}"
    if (folder / "project.json").is_file() and model_in_use(Project.open(folder)):
        return Project.open(folder)
    shutil.rmtree(folder, ignore_errors=True)
    names = sorted(path.name for path in (options.data / "images").glob("*.tif"))
    rng = np.random.default_rng([seed, 5])
    chosen = sorted(rng.choice(names, options.images, replace=False))
    api.init(folder, [options.data / "images" / name for name in chosen])
    if options.runs:
        run = options.runs[seed].resolve()
        shutil.copytree(run, folder / "runs" / run.name)
        return Project.open(folder)
    labelled = 0
    for name in rng.permutation(chosen):
        truth = tifffile.imread(options.data / "masks" / name).astype(np.int32)
        size = [min(options.size, length) for length in truth.shape]
        pairs = zip(truth.shape, size, strict=True)
        box = Box(tuple(int(rng.integers(n - s + 1)) for n, s in pairs), tuple(size))
        if np.count_nonzero(np.unique(truth[box.slices])) >= options.least_objects:
            mask = options.data / "masks" / name
            api.label(folder, name, mask, tiles=[(*box.origin, *box.size)])
            labelled += 1
        if labelled == options.tiles:
            break
    changes = {"network": {"encoder": "mobilenet_v2", "weights": str(options.weights)}}
    settings = {**changes, "seed": seed}
    api.train(
        folder,
        method=options.method,
        steps=options.steps,
        settings=_settings_file(options.out, settings),
        device="cpu",
        threads=options.threads,
    )
    return Project.open(folder)


def _settings_file(folder: Path, settings: dict[str, Any]) -> Path:
    path = folder / "settings.toml"
    lines = [f"seed = {settings['seed']}", "[network]"]
    lines += [f'{key} = "{value}"' for key, value in settings["network"].items()]
    path.write_text("\n".join(lines) + "\n")
    return path


def _judge(
    found: NDArray[np.int32], truth: NDArray[np.int32], boxes: Sequence[Box]
) -> tuple[list[int], list[int]]:
    """Of each box its wrong objects and all, by where their centres lie."""
    pairs = match(found, truth).pairs
    right = {ours for ours, _ in pairs}
    known = {true for _, true in pairs}
    centres = [
        (centre, number not in right) for number, centre in _centres(found).items()
    ]
    centres += [(c, True) for n, c in _centres(truth).items() if n not in known]
    wrong, objects = [], []
    for box in boxes:
        inside = [bad for centre, bad in centres if _holds(box, centre)]
        wrong.append(sum(inside))
        objects.append(len(inside))
    return wrong, objects


def _centres(labels: NDArray[np.int32]) -> dict[int, Values]:
    numbers = np.unique(labels)
    where = {int(n): np.argwhere(labels == n).mean(axis=0) for n in numbers if n > 0}
    return where


def _holds(box: Box, centre: Values) -> bool:
    bounds = zip(box.origin, centre, box.end, strict=True)
    return all(start <= place < end for start, place, end in bounds)


def read(folder: Path) -> list[list[Judged]]:
    """The images of each seed."""
    return [
        [_judged(row) for row in json.loads(path.read_text())["images"]]
        for path in sorted(folder.glob("*-*.json"))
    ]


def _judged(row: dict[str, Any]) -> Judged:
    tiles = {name: np.array(of) for name, of in row["tiles"].items()}
    n = len(row["wrong"]) - 1
    boxes = [Box((i,), (1,)) for i in range(n)]  # Where they lie is of no interest.
    known = ImageDoubts(row["image"], boxes, tiles)
    return Judged(known, row["whole"], np.array(row["wrong"]), np.array(row["objects"]))


def report(folder: Path) -> str:
    """Markdown: each doubt and the mixtures, on the images nothing was chosen on."""
    seeds = read(folder)
    even, odd = [s[::2] for s in seeds], [s[1::2] for s in seeds]
    best = choose(even)
    names = [name for name in DOUBTS if name in odd[0][0].doubts.of_tiles]
    alone = {name: _only(name) for name in names}
    chosen = {"chosen here": best, "default": DEFAULT_WEIGHTS}
    lines = [
        "| ranked by | rho, tiles | rho, images | wrong, first tiles | objects wrong, "
        "first tiles |",
        "|---|---|---|---|---|",
    ]
    for name, weights in {**alone, **chosen}.items():
        lines.append(_row(name, [_numbers(images, weights) for images in odd]))
    at_random = [_chance(images) for images in odd]
    lines.append(_row("chance", at_random))
    words = ", ".join(f"{k} {v:g}" for k, v in asdict(best).items() if k in names)
    return "\n".join([*lines, "", f"Chosen on the other half: {words}."])


def choose(seeds: Sequence[Sequence[Judged]]) -> QueueWeights:
    """The weights with the highest mean rho over tiles and images together."""
    names = list(seeds[0][0].doubts.of_tiles)
    best, highest = DEFAULT_WEIGHTS, -np.inf
    for weights in itertools.product(CANDIDATES, repeat=len(names)):
        if max(weights) != 1.0:  # Multiples of one another are the same.
            continue
        tried = replace(_nothing(), **dict(zip(names, weights, strict=True)))
        found = np.mean([_numbers(images, tried)[:2] for images in seeds])
        if found > highest:
            best, highest = tried, float(found)
    return best


def _nothing() -> QueueWeights:
    return QueueWeights(**{one.name: 0.0 for one in fields(QueueWeights)})


def _only(name: str) -> QueueWeights:
    return replace(_nothing(), **{name: 1.0})


def _numbers(images: Sequence[Judged], weights: QueueWeights) -> list[float]:
    """Rho over tiles, over images, and what is wrong in the first tiles."""
    scale = Scale(one.doubts for one in images)
    scores = [scale.scores(one.doubts, weights) for one in images]
    shares = [one.share for one in images]
    tiles = spearman(np.concatenate(scores), np.concatenate([s[:-1] for s in shares]))
    places = [int(score.argmax()) for score in scores]
    highest = np.array([score.max() for score in scores])
    rho = spearman(highest, np.array([share[-1] for share in shares]))
    first = np.argsort(-highest, kind="stable")[:TOP]
    wrong = [shares[i][places[i]] for i in first]
    counts = [images[i].wrong[places[i]] for i in first]
    return [tiles, rho, float(np.mean(wrong)), float(np.mean(counts))]


def _chance(images: Sequence[Judged]) -> list[float]:
    """Any tile of any image."""
    wrong = [one.share[:-1].mean() for one in images]
    counts = [one.wrong[:-1].mean() for one in images]
    return [0.0, 0.0, float(np.mean(wrong)), float(np.mean(counts))]


def _row(name: str, seeds: Sequence[Sequence[float]]) -> str:
    columns = zip(*seeds, strict=True)
    formats = ("+.2f", "+.2f", ".2f", ".1f")
    cells = [
        f"{np.mean(column):{form}} ({min(column):{form}} to {max(column):{form}})"
        for column, form in zip(columns, formats, strict=True)
    ]
    return f"| {name} | {' | '.join(cells)} |"


def spearman(one: Values, other: Values) -> float:
    """Rank correlation with ties; 0 where one of them is constant."""
    ranks = [_ranks(values) for values in (one, other)]
    if any(np.ptp(rank) == 0 for rank in ranks):
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])


def _ranks(values: Values) -> Values:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    middle: Values = (ends - (counts - 1) / 2)[place]
    return middle


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="folder with images/ and masks/")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--weights", default="auto")
    parser.add_argument("--method", default="actis")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--tiles", type=int, default=3)
    parser.add_argument("--least-objects", type=int, default=4)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--runs",
        type=Path,
        nargs="*",
        default=[],
        help="runs whose models are measured instead, trained on other images",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
