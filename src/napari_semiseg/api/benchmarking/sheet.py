"""What a method made of one unlabelled image: the arrays of its sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.api.benchmarking.confidence import middle, training_target
from napari_semiseg.files import replace_file
from napari_semiseg.learning.settings import IntensitySettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from pydantic import BaseModel

    from napari_semiseg.api.benchmarking.examples import Example
    from napari_semiseg.learning.training import Training

    Planes = dict[str, NDArray[np.float32]]

_SIDE = 192  # Pixels shown: cells are still seen on a page.


def shown_example(pool: Sequence[Example]) -> Example:
    """The image of a sheet: the first one whose middle has something in it."""
    for example in pool:
        if (example.truth[middle(example.truth.shape, _SIDE).slices] > 0).any():
            return example
    return pool[0]


def make_sheet(training: Training, example: Example) -> Planes:
    """Input, augmented input, teacher, student, truth, selected mask and loss map.

    Returns
    -------
    dict[str, NDArray[np.float32]]
        ``input`` and ``augmented`` ``(C, Y, X)``; ``teacher``, ``student`` (predicted
        classes of input, and of augmented input), ``truth`` (255: unknown),
        ``selected`` and ``loss`` ``(Y, X)``. The loss map is the cross-entropy of the
        student, on the augmented input, against the teacher's label; 0 where the loss
        does not trust that label, if it trusts any.
    """
    import torch

    box = middle(example.truth.shape, _SIDE)
    pixels = np.ascontiguousarray(example.source.read(box), np.float32)
    seen = training.preview(example.source, box, example.name)
    augmented = _augmented(training, pixels)
    student = _probability(training, augmented)
    label = torch.from_numpy(seen.label.astype(np.int64))[None]
    chosen = torch.from_numpy(student).gather(0, label)[0]
    loss = -chosen.clamp_min(1e-6).log().numpy()
    if seen.selected.any():
        loss = loss * seen.selected
    planes = {
        "input": pixels,
        "augmented": augmented,
        "teacher": seen.label,
        "student": student.argmax(0),
        "truth": training_target(training, example.truth)[box.slices],
        "selected": seen.selected,
        "loss": loss,
    }
    return {name: np.asarray(plane, np.float32) for name, plane in planes.items()}


def save_sheet(path: Path, planes: Planes) -> None:
    """Write a sheet's arrays as ``.npz``, atomically."""

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            # mypy takes the names of arrays for savez's own options.
            np.savez_compressed(file, **planes)  # type: ignore[arg-type]

    replace_file(path, write)


def load_sheet(path: Path) -> Planes:
    """Read what `save_sheet` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def _augmented(training: Training, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """The image under the method's own intensity augmentation."""
    import torch

    from napari_semiseg.learning import intensity

    settings = next(_intensity_settings(training.settings), IntensitySettings())
    random = training.equipment.random
    with random.unchanged():
        x = torch.from_numpy(pixels)[None].to(training.device)
        changed = intensity.augment(x, settings, random)
    return changed[0].cpu().numpy()


def _intensity_settings(settings: BaseModel) -> Iterator[IntensitySettings]:
    """Those of the stage that learns from unlabelled images, which comes last."""
    for name in reversed(type(settings).model_fields):
        value = getattr(settings, name)
        if isinstance(value, IntensitySettings):
            yield value
        elif hasattr(type(value), "model_fields"):
            yield from _intensity_settings(value)


def _probability(
    training: Training, pixels: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Class probabilities ``(K, Y, X)`` by the network that learns."""
    from napari_semiseg.geometry import ArraySource
    from napari_semiseg.learning.teacher import evaluating
    from napari_semiseg.learning.validation import probability_forward
    from napari_semiseg.prediction.predict import predict_probability

    with evaluating(training.network):
        forward = probability_forward(training.network, training.device)
        return predict_probability(forward, ArraySource(pixels), device=training.device)
