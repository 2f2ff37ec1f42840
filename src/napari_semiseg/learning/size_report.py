"""What a run knows of the sizes of regions: those labelled, and the bounds of others.

Free of torch. A size is the share of an image or tile that a class covers, 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Origin = Literal["regressed", "typed", "oracle"]


@dataclass(frozen=True)
class RegionSize:
    """Bounds of one class in one image, and the size it has there.

    Attributes
    ----------
    low, high
        Between which the size should be; 0 and 1 where the class has no bounds.
    size
        By the segmentation, the mean of its probabilities; None before it has ended.
    predicted
        By the regressor; None where the bounds come from elsewhere.
    """

    low: float
    high: float
    size: float | None = None
    predicted: float | None = None

    @property
    def excess(self) -> float:
        """How far the size lies outside, relative to the bound it misses; 0 inside."""
        if self.size is None or self.low <= self.size <= self.high:
            return 0.0
        bound = self.low if self.size < self.low else self.high
        return abs(self.size - bound) / max(bound, _SMALLEST)


_SMALLEST = 0.001  # A bound of nothing has no relative excess; a thousandth is one.


@dataclass(frozen=True)
class SizeReport:
    """The sizes that a run was told, has learned and has reached.

    Attributes
    ----------
    classes
        Names; of a task of instances the only one is ``object``.
    labelled
        Of each wholly annotated labelled tile the size of each class.
    relative_error
        Of the regressor for each class, on tiles it was not fitted to; None where that
        is not known.
    gamma
        Half-width of the bounds relative to the predicted size; None where the bounds
        are not made so.
    used
        Whether the sizes of a class are bounded at all.
    sentence
        What the user should know of this.
    origin
        Where the bounds come from: the regressor, the user or the truth.
    images
        By image id, of each class.
    """

    classes: tuple[str, ...]
    labelled: tuple[tuple[float, ...], ...]
    relative_error: tuple[float | None, ...]
    gamma: tuple[float | None, ...]
    used: tuple[bool, ...]
    sentence: str
    origin: Origin
    images: Mapping[str, tuple[RegionSize, ...]] = field(default_factory=dict)

    def violators(self) -> list[tuple[str, int, RegionSize]]:
        """Image id, number of the class and its size where it is outside its bounds.

        The largest relative excess first.
        """
        found = [
            (image_id, number, one)
            for image_id, sizes in self.images.items()
            for number, one in enumerate(sizes)
            if one.excess
        ]
        return sorted(found, key=lambda entry: -entry[2].excess)
