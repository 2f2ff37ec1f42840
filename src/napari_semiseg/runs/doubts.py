"""Which image, and which tile of it, is most worth a look: several doubts, mixed.

Every doubt is turned into a percentile first (of all tiles, or of all images), so that
none counts more because its numbers are larger. Free of torch and of windows.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.runs.nearness import Nearness

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box

    Values = NDArray[np.float64]


@dataclass(frozen=True)
class QueueWeights:
    """How much each doubt counts, and how much unlike its predecessors a tile must be.

    Doubts that are not known of an image are left out; the others share their weight.

    Attributes
    ----------
    unsureness
        1 - mean confidence over the foreground.
    inconsistency
        How far probabilities change when the image is turned by a quarter.
    instability
        How far objects change when the image is turned.
    fragility
        How far objects change when the thresholds are shifted.
    disagreement
        How far probabilities of teacher and student differ. Costs a prediction more,
        and on nuclei told less than the others: with no weight, nobody asks.
    unreliability
        1 - how well several stages of the training agreed on the image.
    outside
        How far regions are from the sizes that were expected.
    diversity
        Share of a score, 0 to 1, that a tile loses that looks exactly like one that is
        labelled, or stands before it in the queue.
    """

    unsureness: float = 1.0
    inconsistency: float = 0.0
    instability: float = 1.0
    fragility: float = 1.0
    disagreement: float = 0.0
    unreliability: float = 0.5
    outside: float = 1.0
    diversity: float = 0.3

    def of(self, name: str) -> float:
        """Weight of a doubt."""
        weight: float = getattr(self, name)
        return weight


DOUBTS = tuple(one.name for one in fields(QueueWeights) if one.name != "diversity")
DEFAULT_WEIGHTS = QueueWeights()
_STRIKING = 0.6  # Percentile above which a doubt is worth to be named.


@dataclass(frozen=True, eq=False)
class ImageDoubts:
    """What speaks for a look at an image.

    Attributes
    ----------
    image_id
        Which image.
    boxes
        Of its tiles.
    of_tiles
        By the name of a doubt its values of all tiles, float64 ``(n,)``; the larger,
        the more doubtful.
    of_image
        By the name of a doubt its value of the whole image.
    features
        float64 ``(n, F)``, the look of each tile; None: not known.
    n_brightness
        How many of the features are brightness, see `Texture`.
    """

    image_id: str
    boxes: Sequence[Box] = ()
    of_tiles: Mapping[str, Values] = field(default_factory=dict)
    of_image: Mapping[str, float] = field(default_factory=dict)
    features: Values | None = None
    n_brightness: int = 0

    def only(self, kept: Sequence[int]) -> ImageDoubts:
        """The same with some of its tiles."""
        index = np.asarray(kept, np.intp)
        return ImageDoubts(
            self.image_id,
            [self.boxes[i] for i in kept],
            {name: values[index] for name, values in self.of_tiles.items()},
            self.of_image,
            None if self.features is None else self.features[index],
            self.n_brightness,
        )


@dataclass(frozen=True)
class Placed:
    """An image with its place in the queue.

    Attributes
    ----------
    image_id
        Which image.
    score
        0 to 1: the higher, the more it is worth a look.
    tile
        Number of the tile that is most worth it; None: its tiles are not known.
    strongest
        The doubt that stands out most; None: none does.
    """

    image_id: str
    score: float
    tile: int | None = None
    strongest: str | None = None


class Scale:
    """Turns the values of doubts into percentiles, 0 to 1, of those of some images."""

    def __init__(self, images: Iterable[ImageDoubts]) -> None:
        tiles: dict[str, list[Values]] = {}
        whole: dict[str, list[float]] = {}
        for one in images:
            for name, values in one.of_tiles.items():
                tiles.setdefault(name, []).append(values)
            for name, value in one.of_image.items():
                whole.setdefault(name, []).append(value)
        self._tiles = {name: np.sort(np.concatenate(of)) for name, of in tiles.items()}
        self._whole = {name: np.sort(np.array(of)) for name, of in whole.items()}

    def place(
        self, one: ImageDoubts, weights: QueueWeights = DEFAULT_WEIGHTS
    ) -> Placed:
        """Score an image by its most doubtful tile, without regard to others."""
        score = self.scores(one, weights)
        best = int(score.argmax())
        ranks = self._ranks(one, weights)

        def lead(name: str) -> float:
            return weights.of(name) * float(ranks[name][best] - 0.5)

        strongest = max(ranks, key=lead, default=None)
        striking = strongest is not None and ranks[strongest][best] > _STRIKING
        return Placed(
            one.image_id,
            float(score[best]),
            best if one.boxes else None,
            strongest if striking else None,
        )

    def scores(
        self, one: ImageDoubts, weights: QueueWeights = DEFAULT_WEIGHTS
    ) -> Values:
        """Score of each tile of an image, or one of an image without tiles."""
        ranks = self._ranks(one, weights)
        total = sum(weights.of(name) for name in ranks)
        score = np.zeros(max(1, len(one.boxes)))
        for name, of in ranks.items():
            score += weights.of(name) / total * of
        return score

    def _ranks(self, one: ImageDoubts, weights: QueueWeights) -> dict[str, Values]:
        """By the name of a doubt that counts the percentile of each tile."""
        n = len(one.boxes)
        ranks = {}
        for name, values in one.of_tiles.items() if n else ():
            ranks[name] = self._of(self._tiles, name, values)
        for name, value in one.of_image.items():
            rank = self._of(self._whole, name, np.array([value]))
            ranks[name] = np.repeat(rank, max(1, n))
        return {name: of for name, of in ranks.items() if weights.of(name) > 0}

    @staticmethod
    def _of(known: Mapping[str, Values], name: str, values: Values) -> Values:
        """The middle of the places that equal values take among those known."""
        among = known.get(name)
        if among is None or not among.size:
            return np.full(len(values), 0.5)
        left = np.searchsorted(among, values, "left")
        right = np.searchsorted(among, values, "right")
        middle: Values = (left + right) / (2 * among.size)
        return middle


def in_order(
    groups: Sequence[Sequence[ImageDoubts]],
    weights: QueueWeights = DEFAULT_WEIGHTS,
    labelled: Sequence[Values] = (),
) -> list[Placed]:
    """Put images in the order to work through.

    Each next image is the one whose score is highest once it is lowered by the likeness
    of its tile to those before it, and to those that are labelled.

    Parameters
    ----------
    groups
        Images; those of one group come before those of the next.
    weights
        How much each doubt counts.
    labelled
        Features of the tiles that are labelled.

    Returns
    -------
    list of Placed
        Within a group, scores never rise.
    """
    images = [one for group in groups for one in group]
    scale = Scale(images)
    placed = [scale.place(one, weights) for one in images]
    near = Nearness(images, placed, labelled, weights.diversity)
    found: list[Placed] = []
    first = 0
    for group in groups:
        found += near.order(placed, range(first, first + len(group)))
        first += len(group)
    return found
