"""Objects of the model that gave way to a person's in a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_semiseg.project.owners import Conflict, conflict, remainder

if TYPE_CHECKING:
    from napari_semiseg.viewer.teacher.human_planes import HumanPlanes
    from napari_semiseg.viewer.teacher.teacher_planes import TeacherPlanes


def conflicts_in(teacher: TeacherPlanes, human: HumanPlanes) -> tuple[Conflict, ...]:
    """The conflicts of a window, the one that has lost most pixels first.

    Boxes are of the image; see `owners.merge`.
    """
    found = []
    for number, seen in list(teacher.seen.items()):
        if not seen.share or seen.shown:
            continue
        place = teacher.place(number)
        theirs = teacher.instances[seen.place] == number
        claimed = human.claimed(place)
        gone = remainder(theirs, claimed, teacher.overlap)
        if gone.in_conflict:
            under = human.instances(place)[theirs & claimed]
            one = conflict(number, gone.share, under, place.slices)
            found.append((len(under) - seen.size, one))
    return tuple(one for _, one in sorted(found, key=lambda pair: pair[0]))
