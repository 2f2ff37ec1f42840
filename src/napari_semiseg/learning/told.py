"""What a person said of pixels, as arrays: objects, background, classes, trust."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_semiseg.segmentation.classes import IGNORE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box


class KnownPixels(ABC):
    """Pixels with objects, of which a part is known.

    Attributes
    ----------
    instances
        int32 ``(*S)``: object ids >= 1, 0 no object, -1 ignore.
    annotated
        bool ``(*S)``: where the class of the pixel is known.
    class_overrides
        uint8 ``(*S)``: the target a person gave a pixel, annotated or not, which wins
        over the one that follows from the objects; 255 elsewhere. None: no pixel.
    accepted
        bool ``(*S)``: where an object was accepted from a teacher, not drawn. None:
        nowhere.
    """

    instances: NDArray[np.int32]
    annotated: NDArray[np.bool_]
    class_overrides: NDArray[np.uint8] | None
    accepted: NDArray[np.bool_] | None

    @abstractmethod
    def object_classes(self) -> NDArray[np.uint8]:
        """The class of the object each pixel belongs to, 0 without; uint8 ``(*S)``."""

    def known_classes(self) -> NDArray[np.uint8]:
        """The targets of a semantic task.

        Returns
        -------
        NDArray
            uint8 ``(*S)``: the class of the object that a pixel belongs to, 0 on
            annotated background, what a person gave the pixel where that is known, and
            `IGNORE` elsewhere.
        """
        known = self.annotated & (self.instances >= 0)
        target = np.where(known, self.object_classes(), np.uint8(IGNORE))
        if self.class_overrides is None:
            return target
        told = self.class_overrides != IGNORE
        return np.where(told, self.class_overrides, target)

    def pixel_weights(self, of_accepted: float) -> NDArray[np.float32]:
        """How much the target of each pixel counts, float32 ``(*S)``: 1 as a rule."""
        weight = np.ones(self.instances.shape, np.float32)
        if self.accepted is not None:
            weight[self.accepted] = of_accepted
            if self.class_overrides is not None:  # A person's own word.
                weight[self.class_overrides != IGNORE] = 1.0
        return weight


@dataclass(frozen=True, eq=False)
class Told(KnownPixels):
    """What a person said of the pixels of a box of an image that is not labelled.

    Attributes
    ----------
    instances, annotated, class_overrides, accepted
        As in `KnownPixels`; ids mean the same in all boxes of an image.
    kinds
        uint8 ``(*S)``: the class of the object each pixel belongs to, 0 without.
    trust
        uint8 ``(*S)``, values of `Trust`: whether pseudo-labels shall count.
    """

    instances: NDArray[np.int32]
    annotated: NDArray[np.bool_]
    class_overrides: NDArray[np.uint8]
    accepted: NDArray[np.bool_]
    kinds: NDArray[np.uint8]
    trust: NDArray[np.uint8]

    @classmethod
    def nothing(cls, size: tuple[int, ...]) -> Told:
        """Nobody said anything of a box of this size."""
        return cls(
            np.zeros(size, np.int32),
            np.zeros(size, bool),
            np.full(size, IGNORE, np.uint8),
            np.zeros(size, bool),
            np.zeros(size, np.uint8),
            np.zeros(size, np.uint8),
        )

    def object_classes(self) -> NDArray[np.uint8]:
        """`kinds`."""
        return self.kinds

    @property
    def planes(self) -> tuple[NDArray[Any], ...]:
        """All planes, in the order in which they are stored."""
        return tuple(vars(self).values())

    @property
    def empty(self) -> bool:
        """Whether nothing is said of any pixel."""
        said = self.annotated | (self.instances != 0) | (self.trust != 0)
        return not (said | (self.class_overrides != IGNORE)).any()

    def copy_to(self, other: Told, box: Box, other_box: Box) -> None:
        """Write what is said here into the pixels that two boxes share.

        Nothing of ``other`` stays there; this one lies in ``box``.
        """
        shared = box.intersection(other_box)
        if shared.empty:
            return
        there = shared.relative_to(box).slices
        here = shared.relative_to(other_box).slices
        for old, new in zip(self.planes, other.planes, strict=True):
            new[here] = old[there]


class CorrectionSource(Protocol):
    """What a person said of the pixels of an image; it never changes."""

    def read(self, box: Box) -> Told:
        """Of a box inside the image."""
        ...
