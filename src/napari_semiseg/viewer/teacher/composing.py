"""What the layers show: a person's decisions over what the teacher sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.project.correction_planes import UNSET_CLASS
from napari_semiseg.project.owners import Owner, remainder
from napari_semiseg.segmentation.classes import BACKGROUND, IGNORE, class_targets
from napari_semiseg.segmentation.trust import Trust
from napari_semiseg.viewer.teacher.journal import hull

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box
    from napari_semiseg.viewer.teacher.human_planes import HumanPlanes
    from napari_semiseg.viewer.teacher.teacher_planes import Rules, TeacherPlanes

_MARGIN = 3  # Pixels beyond an object that its outline may concern.


@dataclass(frozen=True, eq=False)
class Shown:
    """What is shown in a box.

    Attributes
    ----------
    instances
        int32 ``(*S)``: 0 no object, -1 ignore, ids >= 1.
    label
        uint8 ``(*S)``: the class; 0 also where nothing is known.
    trusted
        uint8 ``(*S)``, values of `Trust`: 1 where the loss uses the pixel, by the
        method or because the person wants it; 2 where the person does not.
    owners
        uint8 ``(*S)``, values of `Owner`.
    """

    instances: NDArray[np.int32]
    label: NDArray[np.uint8]
    trusted: NDArray[np.uint8]
    owners: NDArray[np.uint8]

    @classmethod
    def blank(cls, size: tuple[int, ...]) -> Shown:
        """Nothing."""
        planes = (np.zeros(size, np.uint8) for _ in range(3))
        return cls(np.zeros(size, np.int32), *planes)


def compose(
    box: Box, teacher: TeacherPlanes, human: HumanPlanes, rules: Rules
) -> Shown:
    """All that is shown in a box inside the window."""
    instances = shown_instances(box, teacher, human)
    return Shown(
        instances,
        shown_label(box, teacher, human, rules),
        shown_trust(box, teacher, human, rules),
        _owners(box, instances, human),
    )


def shown_instances(
    box: Box, teacher: TeacherPlanes, human: HumanPlanes
) -> NDArray[np.int32]:
    """Objects, int32 ``(*box.size)``; the person's always win (see `owners.merge`)."""
    found = teachers_own(box, teacher, human)
    claimed = human.claimed(box)
    np.copyto(found, human.instances(box), where=claimed)
    return found


def teachers_own(
    box: Box, teacher: TeacherPlanes, human: HumanPlanes
) -> NDArray[np.int32]:
    """The teacher's objects that are shown, where nobody claims the pixels."""
    found = np.where(human.claimed(box), 0, teacher.instances[teacher.here(box)])
    touched = [n for n, seen in list(teacher.seen.items()) if seen.share]
    for number in touched:
        place = teacher.place(number)
        shared = place.intersection(box)
        if not shared.empty:
            here = found[shared.relative_to(box).slices]
            stays = left_of(number, teacher, human)[shared.relative_to(place).slices]
            here[(here == number) & ~stays] = 0
    return found.astype(np.int32, copy=False)


def left_of(
    number: int, teacher: TeacherPlanes, human: HumanPlanes
) -> NDArray[np.bool_]:
    """What stays of an object of the teacher's, bool of the size of its place."""
    theirs = teacher.instances[teacher.seen[number].place] == number
    claimed = human.claimed(teacher.place(number))
    return remainder(theirs, claimed, teacher.overlap).mask


def shown_label(
    box: Box, teacher: TeacherPlanes, human: HumanPlanes, rules: Rules
) -> NDArray[np.uint8]:
    """Classes, uint8 ``(*box.size)``: given by pixel, by object, by the teacher."""
    found = teacher.label[teacher.here(box)].copy()
    _lay_said(found, box, human, rules)
    return found


def shown_trust(
    box: Box, teacher: TeacherPlanes, human: HumanPlanes, rules: Rules
) -> NDArray[np.uint8]:
    """Whether pixels are trusted, uint8 ``(*box.size)``, values of `Trust`."""
    found = teacher.in_loss[teacher.here(box)].astype(np.uint8)
    said = human.own.trust[human.here(box)]
    np.copyto(found, said, where=said != Trust.UNSET)
    if teacher.tried is not None:
        # As the loss does, which the teacher's own answer has gone through already.
        classes = np.full(box.size, UNSET_CLASS, np.uint8)
        _lay_said(classes, box, human, rules)
        found[classes != UNSET_CLASS] = Trust.TRUSTED
        found[human.instances(box) < 0] = Trust.UNSET
    return found


def _lay_said(
    found: NDArray[np.uint8], box: Box, human: HumanPlanes, rules: Rules
) -> None:
    """Classes of pixels that a person decided about; in place."""
    if rules.task == "semantic":
        _lay_kinds(found, box, human)
    else:
        _lay_targets(found, box, human, rules)
    given = human.classes(box)
    wins = (given != UNSET_CLASS) & ~human.ground(box)
    np.copyto(found, given, where=wins)


def _lay_targets(
    found: NDArray[np.uint8], box: Box, human: HumanPlanes, rules: Rules
) -> None:
    """Interior and boundary of a person's objects, and background; in place."""
    claimed = human.claimed(box.grow(_MARGIN).intersection(human.window))
    if not claimed.any():
        return
    # Objects must be whole: a small one has its boundary elsewhere than a large one.
    near = human.object_boxes(box.grow(_MARGIN).intersection(human.window))
    region = hull([box, *near]).grow(_MARGIN).intersection(human.window)
    target = class_targets(
        human.instances(region), human.claimed(region), mode=rules.boundary_mode
    )[box.relative_to(region).slices]
    np.copyto(found, target, where=target != IGNORE)


def _lay_kinds(found: NDArray[np.uint8], box: Box, human: HumanPlanes) -> None:
    """Classes of a person's objects, and background; in place."""
    instances = human.instances(box)
    kinds = human.kinds()
    claimed = human.claimed(box) & (instances >= 0)
    classes = np.where(instances > 0, 1, BACKGROUND).astype(np.uint8)
    for number in np.unique(instances).tolist():
        if number in kinds:
            classes[instances == number] = kinds[number]
    np.copyto(found, classes, where=claimed)


def _owners(
    box: Box, instances: NDArray[np.int32], human: HumanPlanes
) -> NDArray[np.uint8]:
    """Who decided about each pixel: its object, or else its class or its trust."""
    found = human.owners(box)
    here = human.here(box)
    said = (human.own.classes[here] != UNSET_CLASS) & ~human.ground(box)
    said |= human.own.trust[here] != Trust.UNSET
    nobody = found == Owner.NOBODY
    found[nobody & (instances > 0)] = Owner.TEACHER
    found[nobody & said] = Owner.HUMAN
    return found
