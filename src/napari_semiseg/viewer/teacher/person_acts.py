"""What a person does on the teacher's layers: done, shown, saved, and said."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.project.accepting import accept_tile
from napari_semiseg.project.class_tiles import accept_class_tile
from napari_semiseg.project.giving_back import give_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from napari_semiseg.project.records import ImageItem
    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.teacher.journal import Step
    from napari_semiseg.viewer.teacher.object_acts import Verb
    from napari_semiseg.viewer.teacher.object_edits import ObjectEdit
    from napari_semiseg.viewer.teacher.painting import Layer
    from napari_semiseg.viewer.teacher.strokes import Stroke
    from napari_semiseg.viewer.teacher.teacher_view import Change, TeacherView
    from napari_semiseg.viewer.teacher.view_keeper import ViewKeeper


class PersonActs(QObject):
    """Acts on the view at hand; where nothing may be changed, the reason is said."""

    redrawn = Signal(object)
    """The `Box` of the view in which other things are shown now."""

    def __init__(self, desk: Desk, keeper: ViewKeeper, parent: QObject) -> None:
        super().__init__(parent)
        self._desk = desk
        self._keeper = keeper

    def paint(self, layer: Layer, stroke: Stroke) -> Mapping[int, int]:
        """Make a stroke a decision; painted ids that were given away, to those used."""
        view = self._keeper.view
        if view is None or not self._may_write():
            return {}
        change = view.stroke(layer, stroke)
        self._note(change)
        return change.outcome.renamed

    @property
    def view(self) -> TeacherView | None:
        """What is shown and can be changed; None: there is none."""
        return self._keeper.view

    def edit(self, edits: Iterable[ObjectEdit]) -> bool:
        """Change whole objects, in one step; whether anything was changed."""
        view = self._keeper.view
        if view is None or not self._may_write():
            return False
        change = view.edit(edits)
        self._note(change)
        return change.box is not None

    def confirm_background(
        self, box: Box, mask: NDArray[np.bool_], since: Step | None
    ) -> None:
        """Make background the person's; one step with what was done since a step."""
        view = self._keeper.view
        if view is not None and self._desk.session.writable:
            self._note(view.confirm_background(box, mask, since))

    def do(self, verb: Verb, ids: Iterable[int]) -> int:
        """Accept, reject or give back objects; returns how many."""
        view = self._keeper.view
        if view is None or not self._may_write():
            return 0
        change = view.do(verb, ids)
        self._note(change)
        return change.outcome.n_done

    def give_back(self, box: Box | None) -> None:
        """Give all decisions in a box back; None: in the whole image."""
        view, item = self._keeper.view, self._keeper.item
        if view is None or item is None or not self._may_write():
            return
        box = box or Box.whole(item.shape)
        if view.window.contains(box):
            self._note(view.give_back(box))
        elif self._keeper.flush():
            self._desk.background.submit(
                partial(give_back, self._desk.session.opened, item, box),
                lambda _: self._desk.session.corrections_changed.emit(item.id),
                self._complain,
            )

    def accept_tile(
        self, box: Box, proposal: NDArray[np.int32], classes: Mapping[int, int]
    ) -> None:
        """Make a box a finished tile with objects, or classes; strokes stay on top.

        ``classes`` are those of proposed objects that are not of class 1.
        """
        item = self._keeper.item
        # What has been painted in the box must be on the disk.
        if item is None or not self._may_write() or not self._desk.autosave.flush():
            return
        project = self._desk.session.opened
        if project.task == "semantic":
            accept = partial(accept_class_tile, project, item, box, proposal)
        else:
            accept = partial(accept_tile, project, item, box, proposal, classes=classes)
        if box == self._desk.session.tile:
            self._accept_in_hand(item, accept)
            return
        self._desk.background.submit(
            accept,
            lambda _: self._desk.session.tiles_changed.emit(item.id),
            self._complain,
        )

    def undo(self) -> None:
        """Take the last act back."""
        view = self._keeper.view
        if view is not None and self._may_write():
            self._note(view.undo())

    def redo(self) -> None:
        """Do again what was taken back."""
        view = self._keeper.view
        if view is not None and self._may_write():
            self._note(view.redo())

    def _accept_in_hand(self, item: ImageItem, accept: Callable[[], object]) -> None:
        """At once: nobody shall paint in the tile between reading and writing it."""
        if not self._desk.annotating.save():
            return
        try:
            accept()
        except (SemisegError, OSError) as error:
            self._complain(str(error))
        else:
            self._desk.session.tiles_changed.emit(item.id)

    def _note(self, change: Change | None) -> None:
        """Save and show what an act has changed, and say what it has not."""
        if change is None:
            return
        self._keeper.mark()
        if change.box is not None:
            self.redrawn.emit(change.box)
            if self._keeper.item is not None:
                session = self._desk.session
                session.corrected.emit(self._keeper.item.id, change.box)
        if change.outcome.reason:
            self._complain(change.outcome.reason)

    def _may_write(self) -> bool:
        session = self._desk.session
        if session.hands_off is not None:
            session.say(session.hands_off)
            return False
        if not session.writable:
            self._complain(session.read_only or "Open a project first.")
        return session.writable

    def _complain(self, sentence: str) -> None:
        self._desk.session.say(sentence, problem=True)
