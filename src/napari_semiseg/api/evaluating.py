"""Score predicted masks against the truth."""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from napari_semiseg.api.subjects import file_stem
from napari_semiseg.errors import SemisegError
from napari_semiseg.exchange.images import stored_image
from napari_semiseg.exchange.labels import read_labels
from napari_semiseg.exchange.object_classes import as_numbers, beside_mask
from napari_semiseg.project.places import expand
from napari_semiseg.segmentation.metrics import pool, score_image
from napari_semiseg.segmentation.object_classes import score_object_classes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_semiseg.segmentation.metrics import ImageScores, PooledScores
    from napari_semiseg.segmentation.object_classes import ObjectClassScores


T = TypeVar("T")


@dataclass(frozen=True)
class EvaluationReport:
    """Scores of images, and the files that had no partner or could not be compared.

    Attributes
    ----------
    images
        By stem.
    total
        Mean over the images, and all objects together.
    without_truth, without_prediction
        Names of files that only one side has.
    failed
        Reason by stem.
    classes
        Of the objects, where they have several, all images together.
    """

    images: Mapping[str, ImageScores]
    total: PooledScores
    without_truth: tuple[str, ...] = ()
    without_prediction: tuple[str, ...] = ()
    failed: Mapping[str, str] | None = None
    classes: ObjectClassScores | None = None

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        found = self.classes
        return {
            **({} if found is None else {"object_classes": found.as_dict()}),
            "n_images": self.total.n_images,
            "mean": self.total.mean,
            "pooled": self.total.pooled.as_dict(),
            "images": {stem: one.as_dict() for stem, one in self.images.items()},
            "without_truth": list(self.without_truth),
            "without_prediction": list(self.without_prediction),
            "failed": dict(self.failed or {}),
        }


def evaluate(
    predictions: str | Path,
    truth: str | Path,
    classes: Sequence[str] | None = None,
    *,
    progress: Callable[[int, int, str], None] | None = None,
) -> EvaluationReport:
    """Compare instance masks with true ones.

    Classes of the objects are compared, too, where they stand beside every mask, on
    both sides: in ``STEM.json``, as results have them, or in a table ``STEM.csv`` with
    the columns ``label`` and ``class``.

    Parameters
    ----------
    predictions, truth
        Two files, or two folders whose files are matched by stem; subfolders do not
        count. Negative numbers in the truth are ignored pixels.
    classes
        Names of the objects' classes; a mask without them is then left out. None: those
        that occur beside the masks.
    progress
        Called with images done, images in all, and the next stem.

    Raises
    ------
    SemisegError
        When nothing matches, or nothing could be compared.
    """
    pairs, alone, lonely = matched_by_stem(Path(predictions), Path(truth))
    names = classes_beside(pairs.values()) if classes is None else tuple(classes)
    of_classes: list[ObjectClassScores] = []

    def compare(predicted: Path, true: Path) -> ImageScores:
        masks = read_pair(predicted, true)
        if names:
            of_classes.append(_score_classes(predicted, true, masks, names))
        return score_image(*masks)

    scores, failed = compare_pairs(pairs, compare, progress)
    total = pool(list(scores.values()))
    found = functools.reduce(operator.add, of_classes) if of_classes else None
    return EvaluationReport(scores, total, alone, lonely, failed, found)


def compare_pairs(
    pairs: Mapping[str, tuple[Path, Path]],
    compare: Callable[[Path, Path], T],
    progress: Callable[[int, int, str], None] | None,
) -> tuple[dict[str, T], dict[str, str]]:
    """What ``compare`` finds of each pair, by stem, and why others failed.

    Raises
    ------
    SemisegError
        When nothing could be compared.
    """
    found: dict[str, T] = {}
    failed: dict[str, str] = {}
    for number, (stem, (predicted, true)) in enumerate(pairs.items()):
        if progress:
            progress(number, len(pairs), stem)
        try:
            found[stem] = compare(predicted, true)
        except SemisegError as error:
            failed[stem] = str(error)
    if progress:
        progress(len(pairs), len(pairs), "")
    if not found:
        reason = next(iter(failed.values()))
        raise SemisegError(f"No mask could be compared. The first reason: {reason}")
    return found, failed


def classes_beside(pairs: Iterable[tuple[Path, Path]]) -> tuple[str, ...]:
    """Names of the classes beside masks; none unless they stand beside all of them."""
    found = [beside_mask(mask) for pair in pairs for mask in pair]
    known = [one for one in found if one is not None]
    if len(known) < len(found):
        return ()
    return tuple(sorted({name for one in known for name in one.values()}))


def _score_classes(
    predicted: Path,
    true: Path,
    masks: tuple[NDArray[np.int32], NDArray[np.int32]],
    names: Sequence[str],
) -> ObjectClassScores:
    kinds = []
    for path in (predicted, true):
        found = beside_mask(path)
        if found is None:
            raise SemisegError(
                f"The class of its objects stands neither in {path.stem}.json nor in "
                f"{path.stem}.csv (columns label and class) beside {path.name}."
            )
        kinds.append(as_numbers(found, names))
    return score_object_classes(masks[0], kinds[0], masks[1], kinds[1], names)


def read_pair(
    predicted: Path, true: Path
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Two masks of one image, int32 of the same shape.

    Raises
    ------
    SemisegError
        When one cannot be read, or they differ in size.
    """
    # Axes of length one are no axes of a mask.
    stored = stored_image(true, palette_numbers=True).shape
    shape = tuple(size for size in stored if size > 1) or (1, 1)
    shape = shape if len(shape) > 1 else tuple(stored)
    return read_labels(predicted, shape), read_labels(true, shape)


def matched_by_stem(
    predictions: Path, truth: Path
) -> tuple[dict[str, tuple[Path, Path]], tuple[str, ...], tuple[str, ...]]:
    """Pairs by stem, and the names of the files that only one side has."""
    if predictions.is_file() and truth.is_file():
        return {file_stem(predictions): (predictions, truth)}, (), ()
    predicted, true = _by_stem(predictions), _by_stem(truth)
    stems = sorted(predicted.keys() & true.keys())
    if not stems:
        raise SemisegError(
            f"No file in {predictions} has the stem of one in {truth}: the partner "
            "of cells_01.png is looked for as cells_01.tif."
        )
    alone = tuple(predicted[stem].name for stem in sorted(predicted.keys() - true))
    lonely = tuple(true[stem].name for stem in sorted(true.keys() - predicted))
    return {stem: (predicted[stem], true[stem]) for stem in stems}, alone, lonely


def _by_stem(place: Path) -> dict[str, Path]:
    if not place.exists():
        raise SemisegError(f"{place} does not exist.")
    found: dict[str, Path] = {}
    for path in expand([place]):
        if path == place and path.is_dir():
            raise SemisegError(f"{place} holds no mask that can be read here.")
        stem = file_stem(path)
        if stem in found:
            raise SemisegError(
                f"{found[stem].name} and {path.name} in {place} have the same stem: "
                "which one counts? Leave one of them."
            )
        found[stem] = path
    return found
