"""Which tiles of a queue look alike: those that come before make others wait."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.segmentation.texture import standardise_features

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from napari_semiseg.runs.doubts import ImageDoubts, Placed

    Values = NDArray[np.float64]

_GREEDY = 300  # Images put in order with regard to each other; nobody gets that far.


class Nearness:
    """How like each image's tile is to those that are labelled or chosen.

    Parameters
    ----------
    images, placed
        And the tile of each that is most worth a look.
    labelled
        Features of the tiles that are labelled.
    weight
        Share of a score that an exact likeness costs.
    """

    def __init__(
        self,
        images: Sequence[ImageDoubts],
        placed: Sequence[Placed],
        labelled: Sequence[Values],
        weight: float,
    ) -> None:
        self._weight = weight
        looks = [
            None
            if where.tile is None or one.features is None
            else one.features[where.tile]
            for one, where in zip(images, placed, strict=True)
        ]
        known = [i for i, look in enumerate(looks) if look is not None]
        rows = [look for look in looks if look is not None]
        n_brightness = max((one.n_brightness for one in images), default=0)
        width = rows[0].size if rows else 0
        others = [look for look in labelled if rows and look.size == width]
        known = [i for i, row in zip(known, rows, strict=True) if row.size == width]
        rows = [row for row in rows if row.size == width]
        self._row = {i: k for k, i in enumerate(known)}
        both = np.array([*rows, *others], np.float64)
        self._features = standardise_features(both, n_brightness) if rows else both
        self._typical = _typical_distance(self._features) if rows else 1.0
        self._likeness = np.zeros(len(rows))
        for k in range(len(rows), len(self._features)):
            self._choose(k)

    def order(self, placed: Sequence[Placed], members: Iterable[int]) -> list[Placed]:
        """Images of one group, the most rewarding first."""
        waiting = list(members)
        found: list[Placed] = []
        while waiting and len(found) < _GREEDY and self._weight > 0:
            values = [self._value(placed[i], i) for i in waiting]
            best = int(np.argmax(values))
            i = waiting.pop(best)
            found.append(replace(placed[i], score=values[best]))
            if i in self._row:
                self._choose(self._row[i])
        rest = [replace(placed[i], score=self._value(placed[i], i)) for i in waiting]
        return found + sorted(rest, key=lambda one: -one.score)

    def _value(self, one: Placed, i: int) -> float:
        like = self._likeness[self._row[i]] if i in self._row else 0.0
        return one.score * (1 - self._weight * float(like))

    def _choose(self, k: int) -> None:
        n = len(self._likeness)
        distance = np.linalg.norm(self._features[:n] - self._features[k], axis=1)
        like = np.maximum(0.0, 1 - distance / self._typical)
        self._likeness = np.maximum(self._likeness, like)


def _typical_distance(features: Values) -> float:
    """Median distance between tiles, of some of them."""
    some = features[:: max(1, len(features) // 200)]
    apart = np.linalg.norm(some[:, None] - some[None], axis=2)
    between = apart[np.triu_indices(len(some), 1)]
    return float(np.median(between)) or 1.0 if between.size else 1.0
