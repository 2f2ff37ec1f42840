"""Who owns a pixel, and how the work of a person and of a teacher come together."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import scipy

from napari_semiseg.geometry import Box
from napari_semiseg.segmentation.components import largest_piece

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


class Owner(IntEnum):
    """Who decided about a pixel; from `ACCEPTED` on, no model may write it."""

    NOBODY = 0
    TEACHER = 1
    ACCEPTED = 2
    HUMAN = 3
    IGNORED = 4


OVERLAP = 0.25
"""Share of a teacher's object that may be lost to a person before all of it goes."""


_MUCH = 0.25  # Of a teacher's object; with less left it is the person's, drawn anew.


@dataclass(frozen=True)
class Conflict:
    """An object of a teacher that gave way, though much of it was left free.

    Attributes
    ----------
    teacher_id
        Its id.
    human_ids
        The person's objects on its pixels, ascending; empty: background, or ignored.
    share
        How much of it a person decided about, or cut off from the rest.
    box
        Around it.
    """

    teacher_id: int
    human_ids: tuple[int, ...]
    share: float
    box: Box


@dataclass(frozen=True, eq=False)
class Merged:
    """A person's objects over a teacher's, int32 ``(*S)``, and what gave way.

    Of the ``conflicts`` the one comes first that has lost most pixels.
    """

    instances: NDArray[np.int32]
    conflicts: tuple[Conflict, ...] = ()


class Remainder(NamedTuple):
    """What stays of a teacher's object, bool ``(*S)``; and how much of it is lost."""

    mask: NDArray[np.bool_]
    share: float

    @property
    def in_conflict(self) -> bool:
        """Whether it goes though much of it was left free."""
        return 0 < self.share < 1 - _MUCH and not self.mask.any()


def overlap_of(settings: Mapping[str, Any]) -> float:
    """The overlap rule of a project, from its settings: 0 to 1."""
    found = settings.get("overlap", OVERLAP)
    known = isinstance(found, int | float)
    return min(1.0, max(0.0, float(found))) if known else OVERLAP


def remainder(
    mask: NDArray[np.bool_], claimed: NDArray[np.bool_], overlap: float = OVERLAP
) -> Remainder:
    """What stays of a teacher's object where a person decides about some pixels.

    The one rule: all of it where the person decides about none of its pixels; else its
    largest connected piece that is left free, if that is at least ``1 - overlap`` of
    the object; else nothing. So no sliver stays, no ring, and no object in pieces.

    Parameters
    ----------
    mask, claimed
        bool ``(*S)``: the object, and where the person decides.

    Returns
    -------
    Remainder
        Pieces that touch by a corner are one.
    """
    size, free = int(mask.sum()), mask & ~claimed
    left = int(free.sum())
    if left == size:
        return Remainder(mask, 0.0)
    if left:
        free = largest_piece(free)
        left = int(free.sum())
    if left < max(1.0, (1 - overlap) * size - 1e-9):
        free = np.zeros_like(mask)
    return Remainder(free, 1 - left / size)


def merge(
    human: NDArray[np.int32],
    teacher: NDArray[np.int32],
    claimed: NDArray[np.bool_] | None = None,
    *,
    overlap: float = OVERLAP,
) -> Merged:
    """Lay a person's objects over a teacher's; the person's pixels always win.

    Parameters
    ----------
    human
        int32 ``(*S)``: 0 no object, -1 ignore, ids >= 1.
    teacher
        int32 ``(*S)``: 0 background, ids >= 1.
    claimed
        bool ``(*S)``: where the person decides, also that there is no object. None:
        where ``human`` is not 0.
    overlap
        Share of a teacher's object that may be lost before all of it goes; see
        `remainder`.

    Returns
    -------
    Merged
        The person's ids as they are, the teacher's raised by the largest of them; and
        the conflicts, with the ids and places of the arrays given.
    """
    if claimed is None:
        claimed = human != 0
    objects = np.maximum(teacher, 0)
    kept = (objects > 0) & ~claimed
    conflicts = []
    for number, place in touched(objects, claimed):
        mask = objects[place] == number
        stays = remainder(mask, claimed[place], overlap)
        kept[place] &= ~mask | stays.mask
        if stays.in_conflict:
            under = human[place][mask & claimed[place]]
            lost = np.count_nonzero(mask) - len(under)
            conflicts.append((lost, conflict(number, stays.share, under, place)))
    raised = objects + max(int(human.max(initial=0)), 0)
    merged = np.where(claimed, human, np.where(kept, raised, 0)).astype(np.int32)
    conflicts.sort(key=lambda one: -one[0])
    return Merged(merged, tuple(found for _, found in conflicts))


def conflict(
    number: int,
    share: float,
    under: NDArray[np.int32],
    place: tuple[slice, ...],
) -> Conflict:
    """The conflict of a teacher's object, ``under`` which a person's pixels lie."""
    origin = tuple(cut.start for cut in place)
    size = tuple(cut.stop - cut.start for cut in place)
    mine = tuple(np.unique(under[under > 0]).tolist())
    return Conflict(number, mine, share, Box(origin, size))


def touched(
    objects: NDArray[np.int32], claimed: NDArray[np.bool_]
) -> list[tuple[int, tuple[slice, ...]]]:
    """The objects of which a person claims a pixel, ascending, and where they lie."""
    numbers = np.unique(objects[claimed & (objects > 0)])
    if not len(numbers):
        return []
    nearest = np.searchsorted(numbers, objects).clip(0, len(numbers) - 1)
    dense = np.where(numbers[nearest] == objects, nearest + 1, 0)
    places = scipy.ndimage.find_objects(dense)
    return list(zip(numbers.tolist(), places, strict=True))


def lay_over(
    upper: NDArray[np.int32],
    lower: NDArray[np.int32],
    decided: NDArray[np.bool_],
) -> NDArray[np.int32]:
    """Lay a person's newer labels over older ones of the same person.

    Parameters
    ----------
    upper, lower
        int32 ``(*S)``: 0 no object, -1 ignore, ids >= 1.
    decided
        bool ``(*S)``: where ``upper`` holds.

    Returns
    -------
    NDArray[np.int32]
        ``(*S)``: all other pixels of ``lower`` stay, their ids raised by the largest of
        ``upper``. Only of an object less than half of which is left nothing stays: it
        was drawn anew.
    """
    ids = np.maximum(lower, 0)
    names, dense = np.unique(ids, return_inverse=True)
    dense = dense.reshape(ids.shape)
    whole = np.bincount(dense.ravel(), minlength=len(names))
    left = np.bincount(dense[~decided], minlength=len(names))
    raised = names.astype(np.int64) + max(int(upper.max(initial=0)), 0)
    raised[(2 * left < whole) | (names == 0)] = 0
    return np.where(decided, upper, raised[dense]).astype(np.int32)
