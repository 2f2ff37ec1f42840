"""Which objects of two maps share pixels, and the best pairing of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import scipy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers: TypeAlias = NDArray[np.integer[Any]]
    Mask: TypeAlias = NDArray[np.bool_]
    Indices: TypeAlias = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Overlap:
    """Objects of a prediction and a truth, and every pair that shares a pixel.

    Attributes
    ----------
    predicted_ids, true_ids
        The ids that occur, ascending.
    predicted_size, true_size
        Pixels of each object.
    row, column
        For each pair: index into ``predicted_ids`` and into ``true_ids``; ascending.
    pixels
        For each pair: the pixels they share, >= 1.
    """

    predicted_ids: Integers
    true_ids: Integers
    predicted_size: Indices
    true_size: Indices
    row: Indices
    column: Indices
    pixels: Indices

    @property
    def iou(self) -> NDArray[np.float64]:
        """Intersection over union of each pair."""
        total = self.predicted_size[self.row] + self.true_size[self.column]
        ratio: NDArray[np.float64] = self.pixels / (total - self.pixels)
        return ratio


def judged_only(
    prediction: Integers, truth: Integers, annotated: Mask | None
) -> tuple[Integers, Integers]:
    """Both maps with 0 wherever the truth is unknown.

    Parameters
    ----------
    prediction, truth, annotated
        As in ``metrics.score_image``.

    Returns
    -------
    tuple of arrays
        Prediction without the objects that lie mostly on unknown ground, and truth.
    """
    _check_shapes(prediction, truth)
    known = truth >= 0 if annotated is None else annotated & (truth >= 0)
    predicted = np.where(prediction > 0, prediction, 0)
    if not known.all():
        place = numbered(predicted.ravel())[1].reshape(predicted.shape)
        size = np.bincount(place.ravel())
        elsewhere = 2 * np.bincount(place[known], minlength=len(size)) < size
        predicted = np.where(known & ~elsewhere[place], predicted, 0)
    return predicted, np.where(known, truth, 0)


def numbered(ids: Integers) -> tuple[Integers, Indices]:
    """The ids that occur, ascending, and the place of each pixel's id among them.

    Parameters
    ----------
    ids
        ``(n,)``, 0 background and ids >= 1.

    Returns
    -------
    tuple of two arrays
        Ids >= 1, and for each pixel its id's index among them plus 1; 0 stays 0.
    """
    largest = int(ids.max(initial=0))
    if largest > 4 * ids.size + 65_536:
        found = np.unique(ids)
        found = found[found > 0]
        return found, np.searchsorted(found, ids, side="right").astype(np.intp)
    # A look-up table is much faster than sorting, when the ids are not far apart.
    occurs = np.zeros(largest + 1, bool)
    occurs[ids] = True
    occurs[0] = False
    return np.flatnonzero(occurs).astype(ids.dtype), np.cumsum(occurs)[ids]


def overlap(prediction: Integers, truth: Integers) -> Overlap:
    """Count the pixels that objects of two maps share.

    Parameters
    ----------
    prediction, truth
        ``(*S)``, integers: ids >= 1, everything else is background.

    Raises
    ------
    ValueError
        When the shapes differ.
    """
    _check_shapes(prediction, truth)
    ours, theirs = np.maximum(prediction.ravel(), 0), np.maximum(truth.ravel(), 0)
    touched = (ours > 0) | (theirs > 0)  # Background on background tells nothing.
    predicted_ids, predicted = numbered(ours[touched])
    true_ids, true = numbered(theirs[touched])
    n_true = len(true_ids) + 1
    table, pixels = np.unique(predicted * n_true + true, return_counts=True)
    row, column = np.divmod(table, n_true)
    both = (row > 0) & (column > 0)
    return Overlap(
        predicted_ids,
        true_ids,
        np.bincount(predicted, minlength=len(predicted_ids) + 1)[1:],
        np.bincount(true, minlength=n_true)[1:],
        row[both] - 1,
        column[both] - 1,
        pixels[both],
    )


def pair_up(shared: Overlap, iou: float) -> Indices:
    """Choose pairs so that no object is used twice and as many as possible match.

    Parameters
    ----------
    shared
        Pairs to choose from.
    iou
        Least intersection over union of a pair.

    Returns
    -------
    NDArray[np.intp]
        Indices of the chosen pairs, ascending; of all largest sets the one with the
        largest sum of IoU.
    """
    ratio = shared.iou
    eligible = np.flatnonzero(ratio >= iou)
    row, column = shared.row[eligible], shared.column[eligible]
    rivals = (
        np.bincount(row, minlength=1)[row] + np.bincount(column, minlength=1)[column]
    )
    chosen = [eligible[rivals == 2]]  # Each is the only choice of the other.
    contested = eligible[rivals > 2]
    if len(contested):
        group = _groups(shared.row[contested], shared.column[contested])
        chosen += [
            _assign(shared, contested[group == g], ratio)
            for g in range(group.max() + 1)
        ]
    return np.sort(np.concatenate(chosen))


def _groups(row: Indices, column: Indices) -> Indices:
    """Number the connected groups of pairs that contest each other's objects."""
    n_rows, n_columns = int(row.max()) + 1, int(column.max()) + 1
    graph = scipy.sparse.coo_array(
        (np.ones(len(row), bool), (row, column + n_rows)), (n_rows + n_columns,) * 2
    )
    group = scipy.sparse.csgraph.connected_components(graph, directed=False)[1]
    return np.unique(group[row], return_inverse=True)[1].astype(np.intp)


def _assign(shared: Overlap, pairs: Indices, ratio: NDArray[np.float64]) -> Indices:
    """The optimal assignment within one group of pairs."""
    rows, i = np.unique(shared.row[pairs], return_inverse=True)
    columns, j = np.unique(shared.column[pairs], return_inverse=True)
    gain = np.zeros((len(rows), len(columns)))
    # One more pair outweighs any sum of IoUs.
    gain[i, j] = 1 + ratio[pairs] / (2 * min(gain.shape))
    best = scipy.optimize.linear_sum_assignment(gain, maximize=True)
    taken = np.zeros(gain.shape, bool)
    taken[best] = True
    return pairs[taken[i, j]]


def _check_shapes(prediction: Integers, truth: Integers) -> None:
    if prediction.shape != truth.shape:
        raise ValueError(
            f"Prediction and truth differ in shape: {prediction.shape} against "
            f"{truth.shape}."
        )
