"""The labels of one box, and what became of labels that were imported."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.errors import SemisegError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box

_SOME_IDS = 5  # Ids named in a sentence.


@dataclass(frozen=True, eq=False)
class Annotation:
    """What a person knows about the pixels of a box.

    Attributes
    ----------
    instances
        int32 ``(*S)``: 0 no object, -1 ignore, ids >= 1.
    annotated
        bool ``(*S)``: where it is known what is there; background is where it is known
        that there is no object. Nobody has looked at the rest.
    classes
        Class of each object that is not of class 1.
    """

    instances: NDArray[np.int32]
    annotated: NDArray[np.bool_]
    classes: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def complete(
        cls, instances: NDArray[np.int32], classes: Mapping[int, int] | None = None
    ) -> Annotation:
        """Every pixel annotated, but for those to ignore."""
        return cls(instances, instances >= 0, dict(classes or {}))

    @property
    def n_objects(self) -> int:
        """Number of objects."""
        return len(np.unique(self.instances[self.instances > 0]))


@dataclass(frozen=True)
class ImportReport:
    """What became of imported labels.

    ``split_ids`` are the ids that covered several separate pieces; ``fixed`` says
    whether the pieces got ids of their own. ``vanished_ids`` are objects of the whole
    label image that are too thin to be seen at the reduced scale of the project.
    ``classes`` names what was labelled in a project of task ``semantic``, where nobody
    counts objects; else None. ``of_classes`` is the number of objects of each class,
    where objects have several; else None.
    """

    boxes: tuple[Box, ...]
    n_objects: int
    split_ids: tuple[int, ...] = ()
    fixed: bool = False
    vanished_ids: tuple[int, ...] = ()
    classes: tuple[str, ...] | None = None
    of_classes: Mapping[str, int] | None = None

    @property
    def words(self) -> str:
        """The report as a sentence or two."""
        if self.classes is not None:
            return f"{', '.join(self.classes)} in {len(self.boxes)} tile(s)."
        each = (f"{n} {name}" for name, n in (self.of_classes or {}).items())
        kinds = f" ({', '.join(each)})" if self.of_classes else ""
        text = f"{self.n_objects} object(s){kinds} in {len(self.boxes)} tile(s)."
        if self.vanished_ids:
            text += (
                f" {_some(self.vanished_ids)} are too thin to be seen at the reduced "
                "scale and were left out."
            )
        if not self.split_ids:
            return text
        done = (
            "each piece now has an id of its own"
            if self.fixed
            else "ask for separate ids if the pieces are separate objects"
        )
        return f"{text} {_some(self.split_ids)} cover several pieces: {done}."


def _some(ids: tuple[int, ...]) -> str:
    more = ", ..." if len(ids) > _SOME_IDS else ""
    return f"{len(ids)} id(s) ({', '.join(map(str, ids[:_SOME_IDS]))}{more})"


def box_words(box: Box) -> str:
    """A box as it is typed: ``y,x,height,width``."""
    return ",".join(map(str, (*box.origin, *box.size)))


def size_words(shape: tuple[int, ...]) -> str:
    """A size as it is read: ``height x width``."""
    return " x ".join(map(str, shape))


def layers_of(annotation: Annotation, box: Box) -> list[NDArray[np.generic]]:
    """The arrays to store: the second one only where it adds to the first.

    Raises
    ------
    SemisegError
        When the arrays do not have the size of the box.
    """
    instances = np.asarray(annotation.instances)
    if instances.shape != box.size or annotation.annotated.shape != box.size:
        raise SemisegError(
            f"The annotation is {size_words(instances.shape)} pixels, but the tile "
            f"{box_words(box)} is {size_words(box.size)}."
        )
    stored = instances.astype(np.int32, copy=False)
    looked_at = (annotation.annotated | (stored > 0)) & (stored >= 0)
    if np.array_equal(looked_at, stored > 0):
        return [stored]
    return [stored, looked_at.astype(np.uint8)]


def classes_in(
    instances: NDArray[np.int32], classes: Mapping[int, int]
) -> dict[int, int]:
    """Those of ``classes`` whose objects are there."""
    present = set(np.unique(instances).tolist()) if classes else set()
    return {number: name for number, name in classes.items() if number in present}
