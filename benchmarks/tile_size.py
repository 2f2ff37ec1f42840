"""How much the tile size changes what a model sees.

Predicts images on tiles of 256 and of 512 px and prints, for each image and on average,
the change of the probabilities and of S_DSB. Squeeze-and-excite and pooling over the
tile make probabilities depend on it in most networks. Trains nothing.

    python -m benchmarks.tile_size MODEL IMAGE... [--truth FOLDER] [--mosaic 3x3]

With ``--truth`` (label images of the same stem) the change is that of S_DSB against the
truth; without, S_DSB is that of the one prediction against the other. Images of up to
256 px are one tile whatever its size: ``--mosaic`` joins the images, in the order given
and cut to the smallest of them, to larger ones first.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_semiseg.exchange.images import describe, is_image, open_frame
from napari_semiseg.exchange.labels import read_labels
from napari_semiseg.geometry import ArraySource, Box
from napari_semiseg.learning.devices import choose_device, cpu_threads
from napari_semiseg.learning.model import Model
from napari_semiseg.prediction.predictor import Predictor
from napari_semiseg.project.identity import fingerprint
from napari_semiseg.project.sources import normalise
from napari_semiseg.segmentation.metrics import score_image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SMALL, LARGE = 256, 512


@dataclass(frozen=True, eq=False)
class Picture:
    """A normalised image ``(C, Y, X)`` and, where known, its objects ``(Y, X)``."""

    name: str
    pixels: NDArray[np.float32]
    truth: NDArray[np.int32] | None


@dataclass(frozen=True)
class Change:
    """What a larger tile changes in one image."""

    name: str
    largest: float
    mean: float
    s_dsb: float

    def row(self) -> str:
        """The line of the table."""
        numbers = f"{self.largest:>10.4f} {self.mean:>10.5f} {self.s_dsb:>+10.4f}"
        return f"{self.name:<32.32} {numbers}"


def read(path: Path, truth: Path | None) -> Picture:
    """One image with its labels."""
    frame = open_frame(describe(path))
    whole = Box.whole(frame.shape)
    brightness = fingerprint(frame)
    pixels = normalise(frame.read(whole), brightness.low, brightness.high)
    labels = None
    if truth is not None:
        found = sorted(truth.glob(f"{path.stem}.*"))
        if not found:
            raise SystemExit(f"There are no labels of {path.name} in {truth}.")
        labels = read_labels(found[0], frame.shape)
    return Picture(path.stem, pixels, labels)


def mosaics(pictures: Sequence[Picture], rows: int, columns: int) -> list[Picture]:
    """Join pictures to larger ones; those that fill no mosaic are left out."""
    shapes = np.array([picture.pixels.shape[1:] for picture in pictures])
    height, width = shapes.min(axis=0)
    count = rows * columns
    return [
        _joined(pictures[i : i + count], columns, height, width)
        for i in range(0, len(pictures) - count + 1, count)
    ]


def _joined(
    pictures: Sequence[Picture], columns: int, height: int, width: int
) -> Picture:
    cut = [picture.pixels[:, :height, :width] for picture in pictures]
    truth = None
    if all(picture.truth is not None for picture in pictures):
        truth = _grid(_distinct([p.truth[:height, :width] for p in pictures]), columns)
    return Picture(f"{pictures[0].name} ...", _grid(cut, columns), truth)


def _grid(arrays: Sequence[NDArray], columns: int) -> NDArray:
    rows = [arrays[i : i + columns] for i in range(0, len(arrays), columns)]
    return np.concatenate([np.concatenate(row, axis=-1) for row in rows], axis=-2)


def _distinct(labels: Sequence[NDArray[np.int32]]) -> list[NDArray[np.int32]]:
    """Labels whose ids do not repeat from image to image."""
    first, distinct = 0, []
    for one in labels:
        distinct.append(np.where(one > 0, one + first, one))
        first += max(0, int(one.max()))
    return distinct


def change(model: Model, picture: Picture, margin: int) -> Change:
    """Predict a picture on small and on large tiles."""
    probability, instances = {}, {}
    for tile in (SMALL, LARGE):
        grid = {"tile_size": tile, "tile_margin": margin}
        predictor = Predictor(Model(model.network, model.card.model_copy(update=grid)))
        probability[tile] = predictor.probability(ArraySource(picture.pixels))
        instances[tile] = predictor.instances(probability[tile])
    difference = np.abs(probability[LARGE] - probability[SMALL])
    if picture.truth is None:
        s_dsb = score_image(instances[SMALL], instances[LARGE]).s_dsb - 1
    else:
        of_large, of_small = (
            score_image(instances[tile], picture.truth).s_dsb for tile in (LARGE, SMALL)
        )
        s_dsb = of_large - of_small
    return Change(
        picture.name, float(difference.max()), float(difference.mean()), s_dsb
    )


def mean_change(changes: Sequence[Change]) -> Change:
    """The last line of the table: the largest change, and the means of the others."""
    n = len(changes)
    return Change(
        f"{n} image(s): largest, mean, mean",
        max(one.largest for one in changes),
        math.fsum(one.mean for one in changes) / n,
        math.fsum(one.s_dsb for one in changes) / n,
    )


def main() -> None:
    """Read, predict, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path, help="model folder")
    parser.add_argument("images", type=Path, nargs="+", help="images, or one folder")
    parser.add_argument("--truth", type=Path, help="folder of label images")
    parser.add_argument("--mosaic", metavar="ROWSxCOLUMNS", help="for example 3x3")
    parser.add_argument("--margin", type=int, help="px; default: the model's")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()

    torch.set_num_threads(cpu_threads())
    model = Model.load(options.model, choose_device(options.device))
    margin = model.card.tile_margin if options.margin is None else options.margin
    paths = options.images
    if paths[0].is_dir():
        paths = sorted(path for path in paths[0].iterdir() if is_image(path))
    pictures = [read(path, options.truth) for path in paths]
    if options.mosaic:
        rows, columns = map(int, options.mosaic.split("x"))
        pictures = mosaics(pictures, rows, columns)
    if not pictures:
        raise SystemExit("There are too few images for one mosaic.")

    network = model.card.network
    print(
        f"{network.architecture}, {network.encoder}, {SMALL} to {LARGE} px tiles, "
        f"margin {margin} px"
    )
    against = "the truth" if options.truth else f"the {LARGE} px prediction"
    print(f"Change of probabilities (largest, mean), and of S_DSB against {against}:")
    changes = []
    for picture in pictures:
        changes.append(change(model, picture, margin))
        print(changes[-1].row(), flush=True)
    print(mean_change(changes).row())


if __name__ == "__main__":
    main()
