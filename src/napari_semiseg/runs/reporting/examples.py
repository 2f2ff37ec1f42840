"""Example sheets: what a finished model makes of some tiles, kept as small pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import make_folder, read_json, write_bytes, write_json
from napari_semiseg.geometry import Box
from napari_semiseg.runs.reporting.panels import (
    input_picture,
    label_picture,
    mask_picture,
    outlined,
    png,
)
from napari_semiseg.segmentation.classes import IGNORE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_semiseg.geometry import ImageSource
    from napari_semiseg.learning.model import Model
    from napari_semiseg.learning.training_set import LabelledTile, TrainingSet
    from napari_semiseg.runs.folder import RunFolder

_SIDE = 256  # Largest side of an example, pixels.
_UNLABELLED = 2  # Examples of images without labels.
_FILE = "examples.json"


@dataclass(frozen=True)
class Example:
    """A region to show: where, what it is, and the labels where there are some.

    ``truth`` is int32 of the box's size, or None; ``score`` in [0, 1] or None.
    """

    source: ImageSource
    box: Box
    image_id: str
    kind: str
    truth: NDArray[Any] | None = None
    score: float | None = None


@dataclass(frozen=True)
class Sheet:
    """An example as it was kept: a title, and its pictures as PNG with their words."""

    title: str
    panels: tuple[tuple[str, bytes], ...]


def choose_examples(
    training_set: TrainingSet,
    tiles: Sequence[LabelledTile],
    scores: Sequence[float],
    seed: int,
) -> list[Example]:
    """The worst, the middle and the best of the scored tiles, and unlabelled ground.

    Parameters
    ----------
    tiles, scores
        What was scored, and how well.
    seed
        Draws the unlabelled regions, away from validation tiles where possible.
    """
    order = np.argsort(scores, kind="stable")
    chosen = dict.fromkeys([order[0], order[len(order) // 2], order[-1]])
    task = training_set.task
    examples = [_of_tile(tiles[n], task, float(scores[n])) for n in chosen]
    if tiles[0].role == "validation" and training_set.training:
        examples.append(_of_tile(training_set.training[0], task))
    rng = np.random.default_rng(seed)
    images = training_set.unlabelled
    drawn = rng.permutation(len(images))[:_UNLABELLED]
    for image in (images[int(n)] for n in drawn):
        shape = image.source.shape
        size = tuple(min(side, _SIDE) for side in shape)
        room = (s - length + 1 for s, length in zip(shape, size, strict=True))
        box = Box(tuple(int(rng.integers(r)) for r in room), size)
        kind = "unlabelled image"
        examples.append(Example(image.source, box, image.image_id, kind))
    return [one for one in examples if len(one.box.size) == 2]


def write_examples(run: RunFolder, model: Model, examples: Sequence[Example]) -> None:
    """Predict the examples and keep the pictures in ``report/examples/``."""
    folder = make_folder(run.report / "examples")
    listed = []
    for number, example in enumerate(examples):
        panels = []
        for name, words, picture in _panels(model, example):
            file = f"{number}-{name}.png"
            write_bytes(folder / file, png(picture))
            panels.append({"file": file, "words": words})
        listed.append({"title": _title(example), "panels": panels})
    write_json(folder / _FILE, listed)


def read_examples(run: RunFolder) -> list[Sheet]:
    """What was kept; nothing where there are no pictures, or damaged ones."""
    folder = run.report / "examples"
    try:
        return [
            Sheet(
                str(one["title"]),
                tuple(_panel(folder, panel) for panel in one["panels"]),
            )
            for one in read_json(folder / _FILE)
        ]
    except (OSError, SemisegError, KeyError, TypeError):
        return []


def _panel(folder: Path, panel: Mapping[str, Any]) -> tuple[str, bytes]:
    # The name alone: a project of a stranger must not lead to other files.
    file = folder / str(panel["file"]).replace("\\", "/").rsplit("/", 1)[-1]
    return str(panel["words"]), file.read_bytes()


def _of_tile(tile: LabelledTile, task: str, score: float | None = None) -> Example:
    source, box = tile.region()
    inner = _centre(box)
    if task == "semantic":
        known = tile.known_classes().astype(np.int32)
        truth = np.where(known == IGNORE, -1, known)
    else:
        truth = np.where(tile.annotated | (tile.instances > 0), tile.instances, -1)
    shown = truth[inner.relative_to(box).slices]
    return Example(source, inner, tile.image_id, f"{tile.role} tile", shown, score)


def _centre(box: Box) -> Box:
    size = tuple(min(side, _SIDE) for side in box.size)
    moved = zip(box.origin, box.size, size, strict=True)
    return Box(tuple(o + (whole - part) // 2 for o, whole, part in moved), size)


def _panels(
    model: Model, example: Example
) -> Iterator[tuple[str, str, NDArray[np.uint8]]]:
    from napari_semiseg.prediction.predictor import Predictor
    from napari_semiseg.prediction.view import ModelView

    predictor = Predictor(model)
    seen = ModelView(predictor).preview(example.source, example.box)
    picture = input_picture(example.source.read(example.box))
    yield "input", "Input", picture
    yield "label", "Pseudo-label: the most probable class", label_picture(seen.label)
    share = f"{seen.selected.mean():.0%} of the pixels"
    words = (
        "Confidence mask: this method selects no pixels"
        if model.card.selection is None
        else f"Confidence mask: {share} are sure enough for the loss"
    )
    yield "selected", words, mask_picture(seen.selected)
    if example.truth is not None:
        words = "Annotation (grey: not annotated)"
        yield "annotation", words, label_picture(example.truth)
    if model.card.task == "semantic":
        return
    objects = predictor.instances(seen.probability)
    n_objects = len(np.unique(objects[objects > 0]))
    yield "instances", f"Instances: {n_objects}", label_picture(objects)
    if example.truth is not None:
        n_true = len(np.unique(example.truth[example.truth > 0]))
        both = outlined(picture, example.truth, (255, 210, 0))
        words = f"Annotation (yellow, {n_true}) and instances (blue)"
        yield "both", words, outlined(both, objects, (60, 160, 255))


def _title(example: Example) -> str:
    place = ", ".join(map(str, example.box.origin))
    score = "" if example.score is None else f", score {example.score:.3f}"
    return f"{example.kind} in {example.image_id} at {place}{score}".capitalize()
