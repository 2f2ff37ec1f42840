"""What of a person's decisions is not on the disk yet."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.geometry import Box
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.correction_planes import Corrections
from napari_semiseg.project.corrections import CorrectionStore
from napari_semiseg.project.labelled import joined

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_semiseg.project.annotation import Annotation
    from napari_semiseg.project.corrections import ObjectRecord
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem
    from napari_semiseg.viewer.teacher.human_planes import HumanPlanes
    from napari_semiseg.viewer.teacher.journal import Step


@dataclass(frozen=True, eq=False)
class Copies:
    """Decisions to write, copied: the layers may be painted on meanwhile.

    Attributes
    ----------
    last
        Number of the last step in them.
    corrections, tiles
        By their boxes.
    objects
        Changed records; None: there is no such object any more.
    """

    last: int
    corrections: tuple[tuple[Box, Corrections], ...] = ()
    tiles: tuple[tuple[Box, Annotation], ...] = ()
    objects: Mapping[int, ObjectRecord | None] = field(default_factory=dict)

    def write(self, project: Project, item: ImageItem) -> None:
        """Write all of it; each box is written as a whole or not at all.

        Raises
        ------
        SemisegError
            When that is not possible.
        """
        store, objects = CorrectionStore(project), self.objects
        for box, planes in self.corrections:
            store.write(item, box, planes, objects)
            objects = {}
        tiles = AnnotationStore(project)
        finished = {tile.box for tile in tiles.tiles(item) if tile.finished}
        for box, annotation in self.tiles:
            if box in finished:  # It may have been removed meanwhile.
                tiles.save(item, box, annotation)


class Unsaved:
    """Steps that are not on the disk; noted in one thread, ticked off in another."""

    def __init__(self) -> None:
        self._steps: list[tuple[int, Step]] = []
        self._last = 0
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._steps)

    def note(self, step: Step) -> None:
        """Remember what a step changed, whether done, taken back or done again."""
        if not step.empty:
            with self._lock:
                self._last += 1
                self._steps.append((self._last, step))

    def copy(self, human: HumanPlanes) -> Copies:
        """Copy the planes wherever they are not saved, as they are now."""
        with self._lock:
            last, steps = self._last, [step for _, step in self._steps]
        patches = [patch for step in steps for patch in step.patches]
        own = [patch.box for patch in patches if patch.tile is None]
        changed = {patch.tile for patch in patches}
        records = {number for step in steps for number in step.records}
        if records and not own:  # They are written with pixels, be it one.
            own = [Box(human.window.origin, (1, 1))]
        boxes = [box.intersection(human.window) for box in own]
        return Copies(
            last,
            tuple((box, _copied(human, box)) for box in joined(boxes)),
            tuple((t.box, t.annotation()) for t in human.tiles if t.box in changed),
            {number: human.objects.get(number) for number in records},
        )

    def written(self, copies: Copies) -> None:
        """Note that copies are on the disk."""
        with self._lock:
            self._steps = [(n, step) for n, step in self._steps if n > copies.last]


def _copied(human: HumanPlanes, box: Box) -> Corrections:
    here = human.here(box)
    return Corrections(*(np.array(plane[here]) for plane in human.own.planes))
