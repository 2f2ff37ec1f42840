"""Ids of the teacher's objects: never given twice, and kept from answer to answer."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import scipy

from napari_semiseg.geometry import Box
from napari_semiseg.project.owners import OVERLAP, remainder
from napari_semiseg.segmentation.overlap import numbered
from napari_semiseg.segmentation.overlap import overlap as overlap_between
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
        Its pixels, and how many of them stay beside what a person decided, see
        `owners.remainder`.
    share
        How much of it is lost to the person.
    """

    place: tuple[slice, ...]
    size: int
    left: int
    share: float = 0.0

    @property
    def shown(self) -> bool:
        """Whether it has not given way to a person."""
        return self.left > 0

    def beside(self, theirs: Mask, claimed: Mask, overlap: float) -> Seen:
        """The same where a person claims other pixels now; masks of its place."""
        found = remainder(theirs, claimed, overlap)
        left = int(np.count_nonzero(found.mask))
        return self._replace(left=left, share=found.share)


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
    shared = overlap_between(found, before)
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


def survey(
    instances: Labels, claimed: Mask, overlap: float = OVERLAP
) -> dict[int, Seen]:
    """All objects, by id: where they lie, and how much of them stays."""
    names, dense = numbered(instances.ravel())
    size = np.bincount(dense, minlength=len(names) + 1)
    places = scipy.ndimage.find_objects(dense.reshape(instances.shape))
    found = {
        int(name): Seen(places[n], int(size[n + 1]), int(size[n + 1]))
        for n, name in enumerate(names)
    }
    for number in np.unique(instances[claimed & (instances > 0)]).tolist():
        place = found[number].place
        theirs = instances[place] == number
        found[number] = found[number].beside(theirs, claimed[place], overlap)
    return found


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
