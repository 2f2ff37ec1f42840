"""Which class an object is of, and how often that is right.

Classes are counted from 1, as a person's are; 0 means that nobody knows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.segmentation.matching import Counts, match
from napari_semiseg.segmentation.overlap import judged_only, numbered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_MATCH = 0.5  # Least intersection over union of two objects that are one.


def vote(
    instances: NDArray[np.integer[Any]], probability: NDArray[np.floating[Any]]
) -> dict[int, int]:
    """The class of every object: the one of largest mean probability inside it.

    Parameters
    ----------
    instances
        ``(*S)``, integers: ids >= 1, everything else is background.
    probability
        float ``(N, *S)`` of N classes; N = 0: no object has a class.

    Returns
    -------
    dict of int to int
        Class, from 1, of each id; the first one of equals.
    """
    if not len(probability):
        return {}
    ids, place = numbered(np.maximum(instances.ravel(), 0))
    inside = place > 0
    objects = place[inside] - 1
    sums = [
        np.bincount(objects, of_class.ravel()[inside], minlength=len(ids))
        for of_class in probability
    ]
    winners = np.argmax(sums, axis=0) + 1
    return dict(zip(ids.tolist(), winners.tolist(), strict=True))


def object_class_plane(
    instances: NDArray[np.int32], classes: Mapping[int, int]
) -> NDArray[np.uint8]:
    """The class of the object each pixel belongs to, 0 without one; uint8 ``(*S)``.

    ``instances`` is int32 ``(*S)``; an object that ``classes`` does not name is of
    class 1.
    """
    numbers, places = np.unique(np.maximum(instances, 0), return_inverse=True)
    kinds = [classes.get(n, 1) if n else 0 for n in numbers.tolist()]
    return np.array(kinds, np.uint8)[places].reshape(instances.shape)


def class_of_pixels(
    instances: NDArray[np.integer[Any]], classes: Mapping[int, int]
) -> NDArray[np.int64]:
    """The class of each pixel's object, int64 ``(*S)``; 0 of none, or not known."""
    ids, place = numbered(np.maximum(instances.ravel(), 0))
    known = np.array([0, *(classes.get(number, 0) for number in ids.tolist())])
    of_pixels: NDArray[np.int64] = known[place].reshape(instances.shape)
    return of_pixels


@dataclass(frozen=True, eq=False)
class ObjectClassScores:
    """How well objects, and the classes they are of, agree with the truth.

    Attributes
    ----------
    names
        Of the N classes.
    counts
        For each class: matches at an IoU of 0.5 among the objects of this class alone.
    table
        int64 ``(N + 1, N + 1)``: objects matched whatever their class, by true and by
        predicted class; 0 is not known.
    """

    names: tuple[str, ...]
    counts: tuple[Counts, ...]
    table: NDArray[np.int64]

    @property
    def accuracy(self) -> float:
        """Share of the matched objects of known class that have it; NaN without any."""
        known = int(self.table[1:].sum())
        return int(np.trace(self.table[1:, 1:])) / known if known else math.nan

    @property
    def average_precision(self) -> dict[str, float]:
        """Precision x recall of each class that occurs, true or predicted."""
        pairs = zip(self.names, self.counts, strict=True)
        return {n: c.ap_actis for n, c in pairs if c.tp + c.fp + c.fn}

    @property
    def mean_average_precision(self) -> float:
        """Mean over the classes that occur; 1 where there is no object at all."""
        found = list(self.average_precision.values())
        return math.fsum(found) / len(found) if found else 1.0

    @property
    def mean(self) -> dict[str, float]:
        """Scores by name; no accuracy where no object was matched."""
        each = {f"ap {name}": ap for name, ap in self.average_precision.items()}
        right = {} if math.isnan(self.accuracy) else {"class_accuracy": self.accuracy}
        return {**right, "class_ap": self.mean_average_precision, **each}

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "classes": list(self.names),
            **self.mean,
            "matched": self.table.tolist(),
            "counts": [vars(one) for one in self.counts],
        }

    def __add__(self, other: ObjectClassScores) -> ObjectClassScores:
        counts = zip(self.counts, other.counts, strict=True)
        together = tuple(one + two for one, two in counts)
        return ObjectClassScores(self.names, together, self.table + other.table)


def score_object_classes(
    prediction: NDArray[np.integer[Any]],
    predicted: Mapping[int, int],
    truth: NDArray[np.integer[Any]],
    true: Mapping[int, int],
    names: Sequence[str],
    *,
    annotated: NDArray[np.bool_] | None = None,
) -> ObjectClassScores:
    """Score objects class by class, and the classes of those that were found.

    Parameters
    ----------
    prediction, truth, annotated
        As of `score_image`.
    predicted, true
        Class, from 1, of each id; an id without one is of no class.
    names
        Of the classes.
    """
    seen, meant = judged_only(prediction, truth, annotated)
    of_seen, of_meant = class_of_pixels(seen, predicted), class_of_pixels(meant, true)
    numbers = range(1, len(names) + 1)
    found = [
        match(
            np.where(of_seen == n, seen, 0), np.where(of_meant == n, meant, 0), _MATCH
        )
        for n in numbers
    ]
    table = np.zeros((len(names) + 1,) * 2, np.int64)
    for mine, theirs in match(seen, meant, _MATCH).pairs:
        table[true.get(theirs, 0), predicted.get(mine, 0)] += 1
    counts = tuple(Counts(one.tp, one.fp, one.fn) for one in found)
    return ObjectClassScores(tuple(names), counts, table)
