"""Score predicted class masks against the truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.api.evaluating import compare_pairs, matched_by_stem, read_pair
from napari_semiseg.errors import SemisegError
from napari_semiseg.runs.class_evaluation import ClassEvaluation
from napari_semiseg.segmentation.classes import IGNORE
from napari_semiseg.segmentation.semantic import confusion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class ClassReport:
    """Scores of class masks, and the files that could not be compared.

    Attributes
    ----------
    images
        By stem.
    total
        All pixels together.
    without_truth, without_prediction
        Names of files that only one side has.
    failed
        Reason by stem.
    """

    images: Mapping[str, ClassEvaluation]
    total: ClassEvaluation
    without_truth: tuple[str, ...] = ()
    without_prediction: tuple[str, ...] = ()
    failed: Mapping[str, str] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "n_images": len(self.images),
            "classes": list(self.total.names),
            "pooled": {**self.total.mean, "confusion": self.total.table.tolist()},
            "images": {stem: one.mean for stem, one in self.images.items()},
            "without_truth": list(self.without_truth),
            "without_prediction": list(self.without_prediction),
            "failed": dict(self.failed or {}),
        }


def evaluate_classes(
    predictions: str | Path,
    truth: str | Path,
    classes: Sequence[str] | None = None,
    *,
    progress: Callable[[int, int, str], None] | None = None,
) -> ClassReport:
    """Compare class masks with true ones: 0 background, then the classes.

    Parameters
    ----------
    predictions, truth
        Two files, or two folders whose files are matched by stem; subfolders do not
        count. In the truth negative numbers and 255 are ignored pixels.
    classes
        Names without the background; None: as many as there are numbers.
    progress
        Called with images done, images in all, and the next stem.

    Raises
    ------
    SemisegError
        When nothing matches, or nothing could be compared.
    """
    pairs, alone, lonely = matched_by_stem(Path(predictions), Path(truth))
    read, failed = compare_pairs(
        pairs,
        lambda predicted, true: _checked(*read_pair(predicted, true), classes),
        progress,
    )
    names = _names(read.values(), classes)
    tables = {stem: confusion(*pair, len(names)) for stem, pair in read.items()}
    images = {stem: ClassEvaluation((table,), names) for stem, table in tables.items()}
    total = ClassEvaluation(tuple(tables.values()), names)
    return ClassReport(images, total, alone, lonely, failed)


def _checked(
    predicted: NDArray[np.int32],
    true: NDArray[np.int32],
    classes: Sequence[str] | None,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The pair with `IGNORE` where the truth is not known."""
    true = np.where(true < 0, IGNORE, true)
    most = IGNORE - 1 if classes is None else len(classes)
    for mask in (predicted, true[true != IGNORE]):
        if mask.size and not 0 <= mask.min() <= mask.max() <= most:
            raise SemisegError(
                f"It holds numbers from {mask.min()} to {mask.max()}, but the classes "
                f"are 0 to {most}."
            )
    return predicted, true


def _names(
    pairs: Iterable[tuple[NDArray[np.int32], NDArray[np.int32]]],
    classes: Sequence[str] | None,
) -> tuple[str, ...]:
    if classes is not None:
        return ("background", *classes)
    masks = (mask for pair in pairs for mask in pair)
    largest = max(int(mask.max(initial=0, where=mask != IGNORE)) for mask in masks)
    return ("background", *(f"class {n}" for n in range(1, max(1, largest) + 1)))
