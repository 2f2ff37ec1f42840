"""What became of objects from one map of an image to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import scipy

from napari_semiseg.segmentation.overlap import numbered, overlap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from napari_semiseg.segmentation.overlap import Overlap

    Integers: TypeAlias = NDArray[np.integer[Any]]
    Ids: TypeAlias = tuple[int, ...]

GAINED, LOST, SPLIT, MERGED = 1, 2, 3, 4
"""Values of `drawn_changes`."""
_SAME = 0.5  # Least IoU of an object that stayed as it was.


@dataclass(frozen=True)
class Changes:
    """Objects of one map against those of another; each is in one list, once.

    Two objects belong together when they share more than half of the smaller one's
    pixels. Objects that belong together directly, or through others, make a group. What
    a group is depends only on how many objects of either map it has:

    ======  =======  ==================================================
    before  after    name
    ======  =======  ==================================================
    none    one      gained
    one     none     lost
    one     one      kept; reshaped where their IoU is below 0.5
    one     several  split
    several one      merged
    several several  reshaped
    ======  =======  ==================================================

    Attributes
    ----------
    gained, lost
        Ids of the later, and of the earlier map.
    split
        Id before, and the ids after.
    merged
        Ids before, and the id after.
    kept
        Id before, and after.
    reshaped
        Ids before, and after.
    """

    gained: Ids = ()
    lost: Ids = ()
    split: tuple[tuple[int, Ids], ...] = ()
    merged: tuple[tuple[Ids, int], ...] = ()
    kept: tuple[tuple[int, int], ...] = ()
    reshaped: tuple[tuple[Ids, Ids], ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether every object stayed as it was."""
        return not (
            self.gained or self.lost or self.split or self.merged or self.reshaped
        )

    def counts(self) -> dict[str, int]:
        """How many groups there are of each kind, by their names."""
        return {name: len(getattr(self, name)) for name in self.__dataclass_fields__}


def changes(before: Integers, after: Integers) -> Changes:
    """Tell what became of the objects of a map.

    Parameters
    ----------
    before, after
        ``(*S)``, integers: ids >= 1, everything else is background.

    Returns
    -------
    Changes
        By ids, ascending. With the maps exchanged, so are gained and lost, and split
        and merged.

    Raises
    ------
    ValueError
        When the shapes differ.
    """
    shared = overlap(before, after)
    old_ids, new_ids = shared.predicted_ids[shared.row], shared.true_ids[shared.column]
    pairs = zip(old_ids.tolist(), new_ids.tolist(), strict=True)
    ratios = dict(zip(pairs, shared.iou.tolist(), strict=True))
    found: dict[str, list[Any]] = {name: [] for name in Changes.__dataclass_fields__}
    for old, new in _groups(shared):
        if not old:
            found["gained"] += new
        elif not new:
            found["lost"] += old
        elif len(old) == len(new) == 1:
            same = ratios[old[0], new[0]] >= _SAME
            pair = (old[0], new[0]) if same else (old, new)
            found["kept" if same else "reshaped"].append(pair)
        elif len(old) == 1:
            found["split"].append((old[0], new))
        elif len(new) == 1:
            found["merged"].append((old, new[0]))
        else:
            found["reshaped"].append((old, new))
    return Changes(**{name: tuple(sorted(groups)) for name, groups in found.items()})


def drawn_changes(
    before: Integers, after: Integers, found: Changes, width: int = 1
) -> NDArray[np.uint8]:
    """Outlines of what changed: `GAINED`, `LOST`, `SPLIT`, `MERGED`, else 0.

    Of what was split or merged the pieces are outlined, so that the line between them
    is seen.

    Parameters
    ----------
    before, after
        The maps that were compared.
    found
        What `changes` told of them.
    width
        Of the outlines, pixels.

    Returns
    -------
    NDArray[np.uint8]
        ``(*S)``.
    """
    pieces = [number for _, new in found.split for number in new]
    parts = [number for old, _ in found.merged for number in old]
    drawn = np.zeros(before.shape, np.uint8)
    for value, where, ids in (
        (MERGED, before, parts),
        (SPLIT, after, pieces),
        (LOST, before, found.lost),
        (GAINED, after, found.gained),
    ):
        drawn[outlines(where, ids, width)] = value
    return drawn


def outlines(
    instances: Integers, ids: Iterable[int], width: int = 1
) -> NDArray[np.bool_]:
    """Pixels of objects that lie at their edges, bool ``(*S)``.

    Parameters
    ----------
    instances
        ``(*S)``, integers: ids >= 1, everything else is background.
    ids
        The objects to outline.
    width
        How far an outline reaches inwards along each axis, pixels. The edge of the map
        is none of an object's.
    """
    known, place = numbered(np.maximum(instances, 0).ravel())
    wanted = np.zeros(len(known) + 1, bool)
    wanted[1:] = np.isin(known, list(ids))
    chosen = np.where(wanted[place], place, 0).reshape(instances.shape)
    edge = np.zeros(chosen.shape, bool)
    for axis in range(chosen.ndim):
        along, edge_along = np.moveaxis(chosen, axis, 0), np.moveaxis(edge, axis, 0)
        for step in range(1, width + 1):
            differs = along[step:] != along[:-step]
            edge_along[step:] |= differs
            edge_along[:-step] |= differs
    return edge & (chosen > 0)


def _groups(shared: Overlap) -> Iterator[tuple[Ids, Ids]]:
    """Ids before and after of each group, those of lone objects among them."""
    smaller = np.minimum(
        shared.predicted_size[shared.row], shared.true_size[shared.column]
    )
    linked = 2 * shared.pixels > smaller
    n_old, n_new = len(shared.predicted_ids), len(shared.true_ids)
    row, column = shared.row[linked], shared.column[linked] + n_old
    graph = scipy.sparse.coo_array(
        (np.ones(len(row), bool), (row, column)), (n_old + n_new,) * 2
    )
    n_groups, group = scipy.sparse.csgraph.connected_components(graph, directed=False)
    members: list[tuple[list[int], list[int]]] = [([], []) for _ in range(n_groups)]
    for side, ids, groups in (
        (0, shared.predicted_ids, group[:n_old]),
        (1, shared.true_ids, group[n_old:]),
    ):
        for number, place in zip(ids.tolist(), groups.tolist(), strict=True):
            members[place][side].append(number)
    for old, new in members:
        yield tuple(old), tuple(new)
