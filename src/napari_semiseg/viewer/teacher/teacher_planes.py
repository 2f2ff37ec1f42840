"""What the teacher sees in a window, gathered from its answers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_semiseg.geometry import Box
from napari_semiseg.project.owners import OVERLAP
from napari_semiseg.segmentation.watershed import (
    Thresholds,
    connected_components,
    instances_from_probability,
)
from napari_semiseg.viewer.teacher.journal import hull
from napari_semiseg.viewer.teacher.teacher_ids import Seen, placed, stable_ids, survey

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_semiseg.segmentation.classes import BoundaryMode
    from napari_semiseg.segmentation.selecting import Selecting
    from napari_semiseg.segmentation.watershed import Form
    from napari_semiseg.viewer.teacher.human_planes import HumanPlanes
    from napari_semiseg.viewer.teacher.teacher_ids import FreshIds


@dataclass(frozen=True)
class Rules:
    """How objects come from probabilities, and classes from objects.

    Attributes
    ----------
    thresholds, min_size, form
        Of the watershed.
    boundary_mode
        Where the boundary of a person's object lies.
    task
        Semantic: objects are the connected pieces of a class.
    selecting
        Tried instead of what the training selects; None: as the training does.
    overlap
        How much of an object may be lost to a person, see `owners.remainder`.
    """

    thresholds: Thresholds = field(default_factory=Thresholds)
    min_size: int = 0
    form: Form = "components"
    boundary_mode: BoundaryMode = "inner"
    task: Literal["instances", "semantic"] = "instances"
    selecting: Selecting | None = None
    overlap: float = OVERLAP


@dataclass(frozen=True, eq=False)
class Answer:
    """The teacher's view of a box; the arrays may be memory-mapped.

    Attributes
    ----------
    box
        In the image.
    probability
        float32 ``(K, *box.size)``.
    label, confidence, selected
        uint8, float32 and bool ``(*box.size)``: the most probable class, its
        probability, and whether the loss trusts the pixel.
    kind
        uint8 ``(*box.size)``: the class, from 1, of an object there; None where objects
        have one class alone.
    alone
        Whether nothing that was seen before, outside the box, is to stay.
    """

    box: Box
    probability: NDArray[np.float32]
    label: NDArray[np.uint8]
    confidence: NDArray[np.float32]
    selected: NDArray[np.bool_]
    kind: NDArray[np.uint8] | None = None
    alone: bool = False


@dataclass(frozen=True, eq=False)
class TeacherPlanes:
    """All that the teacher sees in a window.

    Only ``instances`` and ``seen`` are ever written, when an object gets another id.

    Attributes
    ----------
    window
        In the image.
    known
        bool ``(*S)``: where the teacher has looked.
    probability, label, confidence, selected
        As in `Answer`; 0 where nothing is known. ``probability`` is None at first.
    instances
        int32 ``(*S)``: 0 no object, else ids that no object of the person's has.
    seen
        Its objects, by id.
    kind
        As in `Answer`, 0 where nothing is known; None until an answer has it.
    tried
        bool ``(*S)``: what `Rules.selecting` selects; None: nothing is tried.
    found_by
        The rules by which the objects of all that is known were found; None: none.
    overlap
        How much of an object may be lost to a person, by the newest rules.
    """

    window: Box
    known: NDArray[np.bool_]
    probability: NDArray[np.float32] | None
    label: NDArray[np.uint8]
    confidence: NDArray[np.float32]
    selected: NDArray[np.bool_]
    instances: NDArray[np.int32]
    seen: dict[int, Seen] = field(default_factory=dict)
    kind: NDArray[np.uint8] | None = None
    tried: NDArray[np.bool_] | None = None
    found_by: Rules | None = None
    overlap: float = OVERLAP

    @property
    def in_loss(self) -> NDArray[np.bool_]:
        """The pixels that a training uses, or would by the rule that is tried."""
        return self.selected if self.tried is None else self.tried

    @classmethod
    def blank(cls, window: Box) -> TeacherPlanes:
        """Nothing known yet."""
        size = window.size
        return cls(
            window=window,
            known=np.zeros(size, bool),
            probability=None,
            label=np.zeros(size, np.uint8),
            confidence=np.zeros(size, np.float32),
            selected=np.zeros(size, bool),
            instances=np.zeros(size, np.int32),
        )

    def here(self, box: Box) -> tuple[slice, ...]:
        """The slices of the planes that a box inside the window covers."""
        return box.relative_to(self.window).slices

    def place(self, number: int) -> Box:
        """Where an object lies in the image."""
        return placed(self.seen[number].place, self.window)

    def ids_in(self, box: Box) -> list[int]:
        """Ids of the objects in a box, ascending."""
        found = np.unique(self.instances[self.here(box)])
        return [int(number) for number in found if number]

    def class_of(self, number: int) -> int:
        """The class that most pixels of an object are of; 1 where there is but one."""
        place = self.seen[number].place
        if self.kind is None:
            return 1
        inside = self.kind[place][self.instances[place] == number]
        return max(1, int(np.bincount(inside).argmax()))

    def classes_among(self, instances: NDArray[np.int32]) -> dict[int, int]:
        """Classes of those objects of a map that are not of class 1."""
        if self.kind is None:
            return {}
        numbers = [n for n in np.unique(instances).tolist() if n in self.seen]
        kinds = ((number, self.class_of(number)) for number in numbers)
        return {number: kind for number, kind in kinds if kind != 1}

    def places_in(self, box: Box) -> list[Box]:
        """Where the objects whose boxes reach into a box lie."""
        places = [placed(seen.place, self.window) for seen in list(self.seen.values())]
        return [place for place in places if place.overlaps(box)]


def with_answer(planes: TeacherPlanes, answer: Answer) -> TeacherPlanes:
    """The planes with what an answer says inside the window; the old ones stay."""
    if answer.alone:  # But for ids: what is the same object keeps its colour.
        blank = TeacherPlanes.blank(planes.window)
        planes = replace(blank, instances=planes.instances, seen=planes.seen)
    shared = answer.box.intersection(planes.window)
    there = shared.relative_to(answer.box).slices
    here = planes.here(shared)

    def laid(old: NDArray[Any], new: NDArray[Any]) -> NDArray[Any]:
        result = np.empty_like(old) if shared == planes.window else old.copy()
        # A stack of planes, one a class, or one plane.
        axes = (slice(None),) * (old.ndim - len(here))
        result[axes + here] = new[axes + there]
        return result

    old = planes.probability
    if old is None or len(old) != len(answer.probability):
        old = np.zeros((len(answer.probability), *planes.window.size), np.float32)
        old[0] = 1.0  # Background, as far as nothing is known.
    kind = planes.kind
    if answer.kind is not None:
        before = np.zeros(planes.window.size, np.uint8) if kind is None else kind
        kind = laid(before, answer.kind)
    known = planes.known.copy()
    known[here] = True
    return replace(
        planes,
        probability=laid(old, answer.probability),
        # Not that of the loss, which where a person decided is theirs.
        label=laid(planes.label, answer.probability.argmax(0).astype(np.uint8)),
        confidence=laid(planes.confidence, answer.confidence),
        selected=laid(planes.selected, answer.selected),
        known=known,
        kind=kind,
    )


def with_objects(
    planes: TeacherPlanes,
    region: Box,
    rules: Rules,
    human: HumanPlanes,
    fresh: FreshIds,
) -> tuple[TeacherPlanes, Box]:
    """The planes with objects sought anew in a region; the old ones stay.

    Returns
    -------
    tuple of TeacherPlanes and Box
        And where objects may have changed: the region, and all objects that reached or
        reach into it.
    """
    if planes.probability is None or region.empty:
        return planes, Box(planes.window.origin, (0, 0))
    region = hull([region, *planes.places_in(region)])
    here = planes.here(region)
    if rules.task == "semantic":
        found = connected_components(planes.label[here], min_size=rules.min_size)
    else:
        found = instances_from_probability(
            planes.probability[(slice(None), *here)],
            rules.thresholds,
            min_size=rules.min_size,
            form=rules.form,
        )
    instances = planes.instances.copy()
    instances[here] = stable_ids(found, instances[here], fresh)
    seen = survey(instances, human.claimed(planes.window), rules.overlap)
    by = replace(rules, selecting=None)
    sought = replace(
        planes,
        instances=instances,
        seen=seen,
        found_by=by,
        overlap=rules.overlap,
    )
    return sought, hull([region, *sought.places_in(region)])


def known_box(planes: TeacherPlanes) -> Box:
    """The smallest box around all that is known; empty when nothing is."""
    rows = np.flatnonzero(planes.known.any(axis=1))
    columns = np.flatnonzero(planes.known.any(axis=0))
    if not len(rows):
        return Box(planes.window.origin, (0, 0))
    place = (
        slice(int(rows[0]), int(rows[-1]) + 1),
        slice(int(columns[0]), int(columns[-1]) + 1),
    )
    return placed(place, planes.window)
