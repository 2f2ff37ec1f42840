"""Changes of a tile's labels as a whole, each the new labels of the tile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.project.owners import OVERLAP, merge
from napari_semiseg.segmentation.classes import split_components
from napari_semiseg.viewer.colours import free_numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Labels = NDArray[np.int32]


def fill_unlabelled(
    labels: Labels,
    proposal: Labels,
    looked_at: NDArray[np.bool_],
    overlap: float = OVERLAP,
) -> Labels:
    """Put proposed objects where nobody has said anything yet.

    Parameters
    ----------
    labels, proposal
        int32 ``(*S)``: 0 unlabelled or no object, -1 ignore, ids >= 1.
    looked_at
        bool ``(*S)``: where 0 means that there is no object.
    overlap
        How much of a proposed object may be lost, see `owners.merge`.

    Returns
    -------
    NDArray[np.int32]
        ``(*S)``: ``labels``, and the proposal's objects under new numbers; those that
        ``labels`` covers too far are left out.
    """
    top = max(int(labels.max(initial=0)), 0)
    decided = looked_at | (labels != 0)
    merged = merge(labels, proposal, decided, overlap=overlap).instances
    return _renumbered(merged, merged > top, top)


def separated(labels: Labels) -> tuple[Labels, tuple[int, ...]]:
    """Give each separate piece its own number; and the numbers that had several."""
    pieces, report = split_components(labels)
    top = max(int(labels.max(initial=0)), 0)
    return _renumbered(pieces, pieces > top, top), tuple(sorted(report.split))


def _renumbered(labels: Labels, fresh: NDArray[np.bool_], top: int) -> Labels:
    """Numbers above ``top`` for the ``fresh`` pixels, none in the colour of ignore."""
    names, dense = np.unique(labels[fresh], return_inverse=True)
    new = labels.copy()
    if len(names):
        new[fresh] = free_numbers(top, len(names))[dense.reshape(-1)]
    return new
