"""The true sizes of regions in an image that a method sees without its labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box


@dataclass(frozen=True, eq=False)
class TrueSizes:
    """Sizes by the truth, for the arm of a benchmark that is told them.

    Attributes
    ----------
    truth
        int32 ``(*S)``: ids of objects, or numbers of classes; 0 background, -1 ignore.
    n_classes
        Classes without the background; None: objects are told apart, and their size is
        that of all together.
    """

    truth: NDArray[np.int32]
    n_classes: int | None

    def read(self, box: Box) -> NDArray[np.float32]:
        """Share of the known pixels of a box that each region covers, float32 (R,)."""
        labels = self.truth[box.slices]
        known = labels >= 0
        if not known.any():
            return np.full(self.n_classes or 1, np.nan, np.float32)
        if self.n_classes is None:
            counted = np.array([np.count_nonzero(labels > 0)])
        else:
            classes = range(1, self.n_classes + 1)
            counted = np.array([np.count_nonzero(labels == c) for c in classes])
        return (counted / np.count_nonzero(known)).astype(np.float32)
