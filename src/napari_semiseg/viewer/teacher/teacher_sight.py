"""What the teacher sees in a box, for those who ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_semiseg.project.owners import Owner
from napari_semiseg.segmentation.trust import Trust
from napari_semiseg.viewer.classes.class_shares import ClassShare, class_shares

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box
    from napari_semiseg.viewer.session import Session
    from napari_semiseg.viewer.teacher.view_keeper import ViewKeeper


class ShownPart(NamedTuple):
    """A part of what is shown: objects int32, and where a person decided, bool."""

    instances: NDArray[np.int32]
    decided: NDArray[np.bool_]


class TeacherSight(QObject):
    """Answers from the view that is open, where the teacher has looked."""

    wanted = Signal(object)
    """A `Box` that somebody asked for and that the teacher has not looked at yet."""

    def __init__(self, session: Session, keeper: ViewKeeper, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._keeper = keeper

    def known_in(self, box: Box) -> bool:
        """Whether the teacher has looked at all pixels of a box."""
        view = self._keeper.view
        return view is not None and view.known_in(box)

    def instances_in(self, box: Box) -> NDArray[np.int32] | None:
        """The teacher's objects, int32, without those that are the person's.

        None: the teacher has not looked at all of the box; that was said.
        """
        view = self._keeper.view
        return view.proposal(box) if self._looked(box) and view is not None else None

    def classes_in(self, box: Box) -> NDArray[np.int32] | None:
        """The classes shown in a box, int32; None as in `instances_in`."""
        view = self._keeper.view
        if not self._looked(box) or view is None:
            return None
        found: NDArray[np.int32] = view.shown.label[view.human.here(box)].astype("i4")
        return found

    def shown_in(self, box: Box) -> ShownPart | None:
        """What is shown in a box of the window; None outside, or while it is read."""
        view = self._keeper.view
        if view is None or not view.window.contains(box):
            return None
        here = view.human.here(box)
        decided = view.shown.owners[here] >= Owner.ACCEPTED
        return ShownPart(view.shown.instances[here].astype(np.int32), decided)

    def class_shares(self) -> tuple[ClassShare, ...]:
        """What the teacher sees of each class in the window; empty: nothing yet."""
        view = self._keeper.view
        if view is None:
            return ()
        seen, in_loss = view.teacher, view.shown.trusted == Trust.TRUSTED
        planes = seen.label, seen.confidence, in_loss, seen.known
        return class_shares(*planes, view.n_classes)

    def _looked(self, box: Box) -> bool:
        """Whether the teacher has looked at a box; else that is said and asked for."""
        if self.known_in(box):
            return True
        self._session.say(
            "The model has not looked at all of this place yet: wait until it has, or "
            "train one first, in step 3.",
            problem=True,
        )
        self.wanted.emit(box)
        return False
