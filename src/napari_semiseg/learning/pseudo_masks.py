"""Pseudo-labels of whole images, made part by part when a part is first needed.

A region predicted alone equals the same region of the whole image, so that the result
is that of labelling all images beforehand, as ST does. Nothing of it needs to be saved:
what is forgotten is made again, the same.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.geometry import Box

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

PART = 1024
"""Side of the parts of large images, pixels."""
_MOST_BYTES = 1 << 30


class PseudoMasks:
    """Class of each pixel, uint8, by image and part.

    Parameters
    ----------
    label
        ``label(key, image, part)`` makes the mask of a part of an image, uint8
        ``(*part.size)``; ``key`` names the teacher.
    most_bytes
        What it keeps at once; the parts not needed for longest are forgotten.
    """

    def __init__(
        self,
        label: Callable[[str, int, Box], NDArray[np.uint8]],
        most_bytes: int = _MOST_BYTES,
    ) -> None:
        self.label = label
        self.most_bytes = most_bytes
        self._kept: dict[tuple[str, int, Box], NDArray[np.uint8]] = {}
        self._bytes = 0

    def read(
        self, key: str, image: int, box: Box, shape: tuple[int, ...]
    ) -> NDArray[np.uint8]:
        """The mask of a box of an image of this shape, uint8 ``(*box.size)``."""
        mask = np.zeros(box.size, np.uint8)
        for part in parts_of(shape):
            shared = part.intersection(box)
            if not shared.empty:
                whole = self.part(key, image, part)
                here = shared.relative_to(box).slices
                mask[here] = whole[shared.relative_to(part).slices]
        return mask

    def part(self, key: str, image: int, part: Box) -> NDArray[np.uint8]:
        """The mask of one part, kept or made."""
        name = (key, image, part)
        mask = self._kept.pop(name, None)
        if mask is None:
            mask = self.label(*name)
            self._bytes += mask.nbytes
        self._kept[name] = mask  # At the end: needed last.
        while self._bytes > self.most_bytes and len(self._kept) > 1:
            oldest = next(iter(self._kept))
            self._bytes -= self._kept.pop(oldest).nbytes
        return mask

    def forget_all_but(self, keys: set[str]) -> None:
        """Forget the masks of teachers that nobody asks any more."""
        self._kept = {name: m for name, m in self._kept.items() if name[0] in keys}
        self._bytes = sum(mask.nbytes for mask in self._kept.values())


def parts_of(shape: tuple[int, ...]) -> list[Box]:
    """The parts of an image: all of it, unless it is large."""
    axes = [range(0, length, PART) for length in shape]
    side = (PART,) * len(shape)
    return [Box(origin, side).clip(shape) for origin in itertools.product(*axes)]
