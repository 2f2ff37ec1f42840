"""Draw what a run saw of an image: labels, pseudo-labels, mask of the loss, objects.

    python -m benchmarks.figures PROJECT IMAGE -o docs/images/loop.png

PROJECT is a project folder with a finished run, IMAGE one of its images.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
import torch
from matplotlib import pyplot as plt
from skimage.segmentation import find_boundaries

from napari_semiseg.geometry import Box
from napari_semiseg.learning.model import Model
from napari_semiseg.learning.training import Training
from napari_semiseg.prediction.predictor import Predictor
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.project import Project
from napari_semiseg.runs.folder import find_run
from napari_semiseg.runs.snapshot import load_inputs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

# Transparent background; interior and boundary as in the viewer's class colours.
_CLASS_COLOURS = np.array(
    [(0, 0, 0, 0), (0.2, 0.6, 1.0, 0.65), (1.0, 0.75, 0.1, 0.9)], np.float32
)


def main() -> None:
    """Write the figure."""
    options = _parse()
    project = Project.open(options.project)
    item = project.image(options.image)
    source = project.source(item)
    box = Box.whole(source.shape)
    grey = source.read(box).mean(0)
    run = find_run(options.project)
    if run.checkpoint is None:
        raise SystemExit("The run has no checkpoint.")
    training = Training.resume(run.checkpoint, load_inputs(run, project), device="cpu")
    seen = training.preview(source, box)
    objects = Predictor(Model.load(run.model)).predict(source).instances

    figure, axes = plt.subplots(1, 4, figsize=(16, 4.4), layout="constrained")
    for axis, title in zip(
        axes,
        ("labelled tile", "pseudo-labels", "left out of the loss (red)", "instances"),
        strict=True,
    ):
        axis.imshow(grey, cmap="gray", vmin=0, vmax=1)
        axis.set_title(title)
        axis.set_axis_off()
    _draw_tiles(axes[0], AnnotationStore(project), item)
    axes[1].imshow(_CLASS_COLOURS[seen.label])
    trusted = np.zeros((*seen.selected.shape, 4), np.float32)
    trusted[~seen.selected] = (0.9, 0.1, 0.1, 0.75)
    axes[2].imshow(trusted)
    _outline(axes[3], objects, (0.1, 1.0, 0.4, 1.0))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out, dpi=80)


def _draw_tiles(axis: Axes, store: AnnotationStore, item: object) -> None:
    for tile in store.tiles(item):
        (y, x), (height, width) = tile.box.origin, tile.box.size
        frame = plt.Rectangle(
            (x, y), width, height, fill=False, edgecolor="cyan", linewidth=2
        )
        axis.add_patch(frame)
        drawn = np.zeros(tuple(map(int, axis.images[0].get_array().shape[:2])), int)
        drawn[tile.box.slices] = store.load(item, tile.box).instances
        _outline(axis, drawn, (1.0, 0.3, 0.9, 1.0))


def _outline(
    axis: Axes, objects: NDArray[np.integer], colour: tuple[float, ...]
) -> None:
    picture = np.zeros((*objects.shape, 4), np.float32)
    picture[find_boundaries(np.maximum(objects, 0), mode="inner")] = colour
    axis.imshow(picture)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("project", type=Path)
    parser.add_argument("image")
    parser.add_argument("-o", "--out", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
