"""What a person decided outside tiles: objects, classes and trust, pixel by pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.project.owners import Owner

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box

UNSET_CLASS = 255
"""Value of the plane ``classes`` where nobody gave the pixel a class."""


@dataclass(frozen=True, eq=False)
class Corrections:
    """Decisions about the pixels of a box, in planes that know nothing of each other.

    Attributes
    ----------
    instances
        int32 ``(*S)``: ids >= 1, 0 no object, -1 ignore; a decision only where
        ``owners`` names somebody.
    owners
        uint8 ``(*S)``, values of `Owner`; NOBODY where nothing is decided (unset).
    classes
        uint8 ``(*S)``: the class a person gave a pixel, `UNSET_CLASS` elsewhere. Of
        objects: 0 background, 1 interior, 2 boundary; of a semantic task: 0 background,
        then the project's classes. Unset when not given.
    trust
        uint8 ``(*S)``, values of `Trust`: whether a pixel's pseudo-label shall count.
        Unset when not given.
    """

    instances: NDArray[np.int32]
    owners: NDArray[np.uint8]
    classes: NDArray[np.uint8] = None  # type: ignore[assignment]
    trust: NDArray[np.uint8] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        shape = self.instances.shape
        if self.classes is None:
            unset = np.full(shape, UNSET_CLASS, np.uint8)
            object.__setattr__(self, "classes", unset)
        if self.trust is None:
            object.__setattr__(self, "trust", np.zeros(shape, np.uint8))

    @classmethod
    def unset(cls, box: Box) -> Corrections:
        """No decision about any pixel of a box."""
        return cls(np.zeros(box.size, np.int32), np.zeros(box.size, np.uint8))

    def same(self, other: Corrections) -> bool:
        """Whether the decisions about each pixel are the same."""
        pairs = zip(self.planes, other.planes, strict=True)
        return all(np.array_equal(a, b) for a, b in pairs)

    def copy_to(self, other: Corrections, box: Box, other_box: Box) -> None:
        """Copy the pixels that two boxes share: this one's, and the other's."""
        shared = box.intersection(other_box)
        there = shared.relative_to(box).slices
        here = shared.relative_to(other_box).slices
        for old, new in zip(self.planes, other.planes, strict=True):
            new[here] = old[there]

    @property
    def planes(self) -> tuple[NDArray[Any], ...]:
        """All planes, in the order in which they are stored."""
        return self.instances, self.owners, self.classes, self.trust

    @property
    def claimed(self) -> NDArray[np.bool_]:
        """Where no model may write."""
        return self.owners >= Owner.ACCEPTED

    @property
    def background(self) -> NDArray[np.bool_]:
        """Where a person says that there is no object."""
        found: NDArray[np.bool_] = (self.owners == Owner.HUMAN) & (self.instances == 0)
        return found

    @property
    def ignored(self) -> NDArray[np.bool_]:
        """Where a person wants nothing to be learned."""
        left_out: NDArray[np.bool_] = self.claimed & (self.instances < 0)
        left_out |= self.owners == Owner.IGNORED
        return left_out
