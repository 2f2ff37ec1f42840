"""Ids of the teacher's objects: never given twice, and kept from answer to answer."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import scipy

from napari_semiseg.geometry import Box
from napari_semiseg.segmentation.overlap import numbered, overlap
from napari_semiseg.viewer.colours import free_numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Labels: TypeAlias = NDArray[np.int32]
    Mask: TypeAlias = NDArray[np.bool_]

_SAME = 4  # Of two objects the smaller shares a quarter at least, if they are the same.


class Seen(NamedTuple):
    """An object that the teacher sees.

    Attributes
    ----------
    place
        Slices of the window it lies in.
    size, left
        Its pixels, and how many of them nobody else decided about.
    """

    place: tuple[slice, ...]
    size: int
    left: int

    @property
    def shown(self) -> bool:
        """Less than half left: another opinion about an object the person has drawn."""
        return 2 * self.left >= self.size


class FreshIds:
    """Gives ids that were never given; may be asked from several threads."""

    def __init__(self, taken: int = 0) -> None:
        self._taken = taken
        self._lock = threading.Lock()

    @property
    def taken(self) -> int:
        """No id above this one was ever given."""
        return self._taken

    def note(self, taken: int) -> None:
        """Give no id up to this one any more."""
        with self._lock:
            self._taken = max(self._taken, taken)

    def draw(self, count: int) -> NDArray[np.int32]:
        """New ids, rising, none in the colour of *ignore*."""
        with self._lock:
            drawn = free_numbers(self._taken, count)
            self._taken = max(self._taken, int(drawn.max(initial=0)))
        return drawn

    def one(self) -> int:
        """A new id."""
        return int(self.draw(1)[0])


def stable_ids(found: Labels, before: Labels, fresh: FreshIds) -> Labels:
    """Let each object keep the id of the one it overlaps most; new ones get new ids.

    Parameters
    ----------
    found
        int32 ``(*S)``: 0 no object, objects 1, 2, ..., n without gaps.
    before
        int32 ``(*S)``, the objects of the last answer: ids >= 1.
    fresh
        Where the ids of new objects come from.

    Returns
    -------
    NDArray[np.int32]
        ``(*S)``: the pixels of ``found``. An id is used once; of several objects that
        were one before, the largest keeps its id.
    """
    n_found = int(found.max(initial=0))
    names = np.zeros(n_found + 1, np.int32)
    shared = overlap(found, before)
    smaller = np.minimum(
        shared.predicted_size[shared.row], shared.true_size[shared.column]
    )
    alike = np.flatnonzero(_SAME * shared.pixels >= smaller)
    used: set[int] = set()
    for pair in alike[np.argsort(-shared.pixels[alike], kind="stable")].tolist():
        ours = int(shared.predicted_ids[shared.row[pair]])
        theirs = int(shared.true_ids[shared.column[pair]])
        if not names[ours] and theirs not in used:
            names[ours] = theirs
            used.add(theirs)
    nameless = np.flatnonzero(names[1:] == 0) + 1
    names[nameless] = fresh.draw(len(nameless))
    return names[found]


def survey(instances: Labels, claimed: Mask) -> dict[int, Seen]:
    """All objects, by id: where they lie, and how much of them nobody claims."""
    names, dense = numbered(instances.ravel())
    size = np.bincount(dense, minlength=len(names) + 1)
    left = np.bincount(dense[~claimed.ravel()], minlength=len(names) + 1)
    places = scipy.ndimage.find_objects(dense.reshape(instances.shape))
    return {
        int(name): Seen(places[n], int(size[n + 1]), int(left[n + 1]))
        for n, name in enumerate(names)
    }


def placed(place: tuple[slice, ...], outer: Box) -> Box:
    """Where slices of an array that covers ``outer`` lie in the image."""
    origin = tuple(o + cut.start for o, cut in zip(outer.origin, place, strict=True))
    return Box(origin, tuple(cut.stop - cut.start for cut in place))


def rename(instances: Labels, seen: dict[int, Seen], old: int, new: int) -> None:
    """Give an object another id, in place; nothing when it is not there."""
    found = seen.pop(old, None)
    if found is not None:
        part = instances[found.place]
        part[part == old] = new
        seen[new] = found
