"""A biologist who corrects what a model found in a tile, and what that costs.

The seconds of `Costs` are assumptions, not measurements: an outline of a nucleus takes
some clicks or one stroke, the other acts a click or two. Everything that depends on
them is reported beside the number of objects touched, which does not.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.segmentation.matching import match
from napari_semiseg.segmentation.overlap import judged_only, overlap, pair_up

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_semiseg.segmentation.overlap import Overlap

TOLERATED = 0.5
"""Least IoU with the truth of an outline that is left as the model drew it."""

MISPLACED = 0.1
"""Least IoU of an object that is drawn anew; below it, one is false, one is missing."""

SMALLEST = 8
"""Pixels of an object in the tile; smaller slivers at its edge are nobody's work."""


@dataclass(frozen=True)
class Costs:
    """Assumed seconds of each act."""

    look: float = 5.0  # At a tile, whatever is in it.
    draw: float = 8.0
    delete: float = 2.0
    cut_or_join: float = 3.0  # Each cut, and each piece joined to another one.

    def cut(self, n_objects: int) -> float:
        """To cut what should be several objects."""
        return self.cut_or_join * (n_objects - 1)

    def join(self, n_pieces: int) -> float:
        """To make pieces one object; of very many it is sooner drawn anew."""
        return min(self.cut_or_join * (n_pieces - 1), self.draw)


COSTS = Costs()


@dataclass(frozen=True)
class Work:
    """What was done to some tiles, in objects.

    Attributes
    ----------
    tiles
        Looked at.
    left
        Objects left as the model found them.
    drawn, deleted, redrawn
        Missed ones; false ones; those in the right place with a wrong outline.
    cut, joined
        Merged ones that were cut, whatever the number of cuts; those that were split
        and were made whole.
    mending
        Seconds of cutting and joining.
    """

    tiles: int = 0
    left: int = 0
    drawn: int = 0
    deleted: int = 0
    redrawn: int = 0
    cut: int = 0
    joined: int = 0
    mending: float = 0.0

    @property
    def touched(self) -> int:
        """Objects that something was done to."""
        return self.drawn + self.deleted + self.redrawn + self.cut + self.joined

    @property
    def minutes(self) -> float:
        """How long it took, by the costs assumed."""
        seconds = (
            COSTS.look * self.tiles
            + COSTS.draw * (self.drawn + self.redrawn)
            + COSTS.delete * (self.deleted + self.redrawn)
            + self.mending
        )
        return seconds / 60

    def __add__(self, other: Work) -> Work:
        each = (field.name for field in fields(self))
        return Work(*(getattr(self, name) + getattr(other, name) for name in each))

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


def draw_all(truth: NDArray[np.int32]) -> tuple[NDArray[np.int32], Work]:
    """The labels of a tile in which nothing was found yet: all is drawn."""
    return correct(np.zeros_like(truth), truth)


def correct(
    found: NDArray[np.int32], truth: NDArray[np.int32], tolerated: float = TOLERATED
) -> tuple[NDArray[np.int32], Work]:
    """Correct the objects of a tile that are wrong, and leave the others.

    Parameters
    ----------
    found, truth
        int32 ``(*S)`` of the tile: ids >= 1, 0 background.
    tolerated
        Least IoU of an object with a true one to be left.

    Returns
    -------
    tuple
        Labels int32 ``(*S)``: the model's outlines of the objects that were left, the
        true ones of those that were touched, -1 where a sliver of the truth is ignored;
        and the work it was.
    """
    slivers = _small(truth)
    judged = judged_only(
        np.where(_small(found), 0, found), np.where(slivers, -1, truth), None
    )
    found, true = (one.astype(np.int32) for one in judged)
    shared = overlap(found, true)
    pairs = pair_up(shared, tolerated)
    merged, freed, cutting = _to_cut(shared)
    good = [
        n
        for n in pairs
        if shared.row[n] not in merged and shared.column[n] not in freed
    ]
    fine = {int(shared.row[n]) for n in good}
    done = freed | {int(shared.column[n]) for n in good}
    pieces, whole, joining = _to_join(shared, fine | merged, done)
    wrong = _others(shared.predicted_ids, fine | merged | pieces)
    missing = _others(shared.true_ids, done | whole)
    redrawn = match(_only(found, wrong), _only(true, missing), MISPLACED).tp
    work = Work(
        tiles=1,
        left=len(fine),
        drawn=len(missing) - redrawn,
        deleted=len(wrong) - redrawn,
        redrawn=redrawn,
        cut=len(merged),
        joined=len(whole),
        mending=cutting + joining,
    )
    left = shared.predicted_ids[sorted(fine)]
    labels = _labels(found, left, true, {int(shared.column[n]) for n in good}, shared)
    return np.where(slivers & (labels == 0), np.int32(-1), labels), work


def _to_cut(shared: Overlap) -> tuple[set[int], set[int], float]:
    """Merged objects, the true ones that cutting them sets free, and the seconds."""
    covers = 2 * shared.pixels > shared.true_size[shared.column]
    n_covered = np.bincount(shared.row[covers], minlength=len(shared.predicted_ids))
    merged = {int(n) for n in np.flatnonzero(n_covered > 1)}
    freed = {
        int(column)
        for row, column in zip(shared.row[covers], shared.column[covers], strict=True)
        if int(row) in merged
    }
    return merged, freed, sum(COSTS.cut(int(n_covered[n])) for n in merged)


def _to_join(
    shared: Overlap, used: set[int], done: set[int]
) -> tuple[set[int], set[int], float]:
    """Pieces of split objects, the true ones they make, and the seconds.

    A fragment beside an object that is good enough is deleted rather than joined.
    """
    inside = 2 * shared.pixels > shared.predicted_size[shared.row]
    of_true: dict[int, set[int]] = {}
    for row, column in zip(shared.row[inside], shared.column[inside], strict=True):
        if int(row) not in used and int(column) not in done:
            of_true.setdefault(int(column), set()).add(int(row))
    split = {column: rows for column, rows in of_true.items() if len(rows) > 1}
    pieces = {row for rows in split.values() for row in rows}
    return pieces, set(split), sum(COSTS.join(len(rows)) for rows in split.values())


def _labels(
    found: NDArray[np.int32],
    left: Iterable[int],
    true: NDArray[np.int32],
    matched: set[int],
    shared: Overlap,
) -> NDArray[np.int32]:
    """Outlines of the objects left, and on top of them the true ones of the others."""
    labels = np.asarray(_only(found, left), np.int32)
    drawn = _only(true, _others(shared.true_ids, matched))
    raised = int(labels.max(initial=0))
    return np.where(drawn > 0, drawn + raised, labels).astype(np.int32)


def _others(ids: NDArray[Any], taken: set[int]) -> list[int]:
    """Those of ``ids`` whose places in it are not taken."""
    return [int(one) for place, one in enumerate(ids) if place not in taken]


def _only(labels: NDArray[np.int32], ids: Iterable[int]) -> NDArray[np.int32]:
    return np.where(np.isin(labels, list(ids)), labels, 0)


def _small(labels: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Where objects of fewer pixels than `SMALLEST` are."""
    ids, sizes = np.unique(labels[labels > 0], return_counts=True)
    return np.isin(labels, ids[sizes < SMALLEST])
