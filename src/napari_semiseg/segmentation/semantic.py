"""How well predicted classes agree with true ones, by one confusion matrix.

These are scores of pixels. They share no name with the scores of objects: a mean IoU
and an average precision are not comparable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from napari_semiseg.segmentation.classes import IGNORE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers: TypeAlias = NDArray[np.integer[Any]]


def confusion(
    prediction: Integers, truth: Integers, n_classes: int
) -> NDArray[np.int64]:
    """Count the pixels of each true class by predicted class; matrices add up.

    Parameters
    ----------
    prediction
        ``(*S)``, classes 0 to ``n_classes`` - 1.
    truth
        ``(*S)``, classes 0 to ``n_classes`` - 1, or `IGNORE`: not counted.
    n_classes
        Number of classes K, background included.

    Returns
    -------
    NDArray[np.int64]
        ``(K, K)``: row the true, column the predicted class.

    Raises
    ------
    ValueError
        When the shapes differ, or a pixel that counts is of no class.
    """
    if prediction.shape != truth.shape:
        raise ValueError(
            f"Prediction and truth differ in shape: {prediction.shape} against "
            f"{truth.shape}."
        )
    counted = truth != IGNORE
    true, predicted = truth[counted].astype(np.int64), prediction[counted]
    for name, classes in (("truth", true), ("prediction", predicted)):
        if classes.size and not 0 <= classes.min() <= classes.max() < n_classes:
            raise ValueError(f"The {name} holds classes outside 0 to {n_classes - 1}.")
    table = np.bincount(true * n_classes + predicted, minlength=n_classes**2)
    return table.reshape(n_classes, n_classes).astype(np.int64)


def dice(table: NDArray[np.int64]) -> NDArray[np.float64]:
    """2 |A and B| / (|A| + |B|) of each class.

    Parameters
    ----------
    table
        ``(K, K)``, as from `confusion`.

    Returns
    -------
    NDArray[np.float64]
        ``(K,)``; not-a-number for a class that neither side holds.
    """
    total = table.sum(axis=0) + table.sum(axis=1)
    return _ratio(2 * table.diagonal(), total)


def jaccard(table: NDArray[np.int64]) -> NDArray[np.float64]:
    """Intersection over union of each class.

    Parameters
    ----------
    table
        ``(K, K)``, as from `confusion`.

    Returns
    -------
    NDArray[np.float64]
        ``(K,)``; not-a-number for a class that neither side holds.
    """
    total = table.sum(axis=0) + table.sum(axis=1)
    return _ratio(table.diagonal(), total - table.diagonal())


def mean_iou(table: NDArray[np.int64]) -> float:
    """Mean intersection over union of the classes that occur, background included.

    Parameters
    ----------
    table
        ``(K, K)``, as from `confusion`, summed over all images.

    Returns
    -------
    float
        Not-a-number when no pixel was counted.
    """
    scores = jaccard(table)
    occurring = scores[~np.isnan(scores)]
    return float(occurring.mean()) if len(occurring) else float("nan")


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    result = np.full(len(part), np.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result
