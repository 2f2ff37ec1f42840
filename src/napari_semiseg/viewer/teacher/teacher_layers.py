"""The layers that the teacher fills and a person corrects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_semiseg.project.owners import Owner, overlap_of
from napari_semiseg.segmentation.watershed import Thresholds
from napari_semiseg.viewer.teacher.answer_work import AnswerWork, Chosen
from napari_semiseg.viewer.teacher.conflicts import conflicts_in
from napari_semiseg.viewer.teacher.edit_layers import EditLayers
from napari_semiseg.viewer.teacher.layer_showing import LayerShowing
from napari_semiseg.viewer.teacher.person_acts import PersonActs
from napari_semiseg.viewer.teacher.teacher_planes import Answer
from napari_semiseg.viewer.teacher.teacher_sight import ShownPart, TeacherSight
from napari_semiseg.viewer.teacher.view_keeper import ViewKeeper

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box
    from napari_semiseg.learning.layer_words import LayerWords
    from napari_semiseg.project.owners import Conflict
    from napari_semiseg.viewer.classes.class_shares import ClassShare
    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.teacher.layer_making import Plane
    from napari_semiseg.viewer.teacher.strokes import Stroke


class TeacherLayers(QObject):
    """Three editable layers: objects, classes, and the mask of trusted pixels.

    They show one window of the image in view: all of it, or 2048 x 2048 pixels of a
    larger one. The window follows `Session.image_changed` and `look_elsewhere`.

    What a person does on them is saved at once, and taken back by napari's undo.
    """

    changed = Signal()
    """Something else is shown: after a stroke, an act, an answer, another image."""
    window_changed = Signal()
    """The window lies elsewhere, or there is none; nothing is known in it yet."""
    class_picked = Signal(int)
    """Another class is selected on the layer of classes."""
    wanted = Signal(object)
    """A `Box` that somebody needs and that the teacher has not looked at yet."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.session)
        self._desk = desk
        self._session = desk.session
        self._keeper = ViewKeeper(desk, self)
        self._layers = EditLayers(desk.viewer, self, self.undo, self.redo)
        self._showing = LayerShowing(desk, self._keeper, self._layers)
        self._seen = TeacherSight(desk.session, self._keeper, self)
        self._work = AnswerWork(desk.background, lambda: self.holding, self)
        self._acts = PersonActs(desk, self._keeper, self)
        self._closed = False
        for signal, slot in self._connections():
            signal.connect(slot)

    @property
    def window(self) -> Box | None:
        """Where the layers lie in the image in view, in its working pixels.

        None: no image is in view. It is known before the layers can be used.
        """
        return self._keeper.window

    @property
    def ready(self) -> bool:
        """Whether the window is shown and can be corrected."""
        return self._keeper.view is not None

    @property
    def acts(self) -> PersonActs:
        """What a person does to what is shown."""
        return self._acts

    @property
    def holding(self) -> bool:
        """Whether the user is painting: answers wait until the mouse is released."""
        return self._layers.held

    @property
    def busy(self) -> bool:
        """Whether an answer or other thresholds are being worked in."""
        return self._work.busy or (self.window is not None and not self.ready)

    @property
    def thresholds(self) -> Chosen:
        """The thresholds in force."""
        rules = self._work.rules
        levels = rules.thresholds
        return Chosen(levels.foreground, levels.seed, rules.min_size)

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """Objects of the teacher in the window that gave way to the person's."""
        view = self._keeper.view
        return () if view is None else conflicts_in(view.teacher, view.human)

    def set_thresholds(self, foreground: float, seed: float, min_size: int) -> None:
        """Use other thresholds; objects follow in the background, newest wins."""
        self.set_rules(thresholds=Thresholds(foreground, seed), min_size=min_size)

    def set_rules(self, **changes: Any) -> None:
        """How objects are found, and pixels to learn from chosen: fields of `Rules`."""
        self._work.change_rules(**changes)

    def set_words(self, words: LayerWords) -> None:
        """Name the layers after what the method in use means by them."""
        self._showing.set_words(words)

    def take_answer(
        self,
        image_id: str,
        box: Box,
        probability: NDArray[np.float32],
        label: NDArray[np.uint8],
        confidence: NDArray[np.float32],
        selected: NDArray[np.bool_],
        kind: NDArray[np.uint8] | None = None,
        *,
        alone: bool = False,
    ) -> None:
        """Show what the teacher sees in a box; call it in the main thread.

        The arrays may be memory-mapped: they are read in the background. An answer for
        another image is dropped, and of a box the part inside the window is shown;
        ``alone``: in the place of all that others have seen.
        """
        item, window = self._keeper.item, self.window
        here = item is not None and item.id == image_id
        if here and window is not None and box.overlaps(window):
            arrays = (probability, label, confidence, selected, kind)
            self._work.take(Answer(box, *arrays, alone=alone))

    def look_elsewhere(self, visible: Box) -> None:
        """Move the window of a large image to where the user looks, if need be."""
        if not self.holding:
            self._keeper.look_elsewhere(visible)

    def known_in(self, box: Box) -> bool:
        """Whether the teacher has looked at all pixels of a box."""
        return self._seen.known_in(box)

    def instances_in(self, box: Box) -> NDArray[np.int32] | None:
        """The teacher's objects in a box, see `TeacherSight.instances_in`."""
        return self._seen.instances_in(box)

    def shown_in(self, box: Box) -> ShownPart | None:
        """Objects shown in a box of the window, copied; None: it is not shown yet."""
        return self._seen.shown_in(box)

    def classes_in(self, box: Box) -> NDArray[np.int32] | None:
        """The classes shown in a box, int32; None as in `instances_in`."""
        return self._seen.classes_in(box)

    def class_shares(self) -> tuple[ClassShare, ...]:
        """What the teacher sees of each class in the window; empty: nothing yet."""
        return self._seen.class_shares()

    def object_at(self, world: Sequence[float]) -> int:
        """Id of the object shown at a place in the world; 0: none."""
        return max(0, self._keeper.value_at("instances", world))

    def owner_at(self, world: Sequence[float]) -> Owner:
        """Who decided about the pixel at a place in the world."""
        return Owner(self._keeper.value_at("owners", world))

    def accept(self, ids: Iterable[int]) -> int:
        """Make teacher objects the person's own; returns how many, says why not all."""
        return self._acts.do("accept", ids)

    def reject(self, ids: Iterable[int]) -> int:
        """Say that there is no object there: their pixels become background."""
        return self._acts.do("reject", ids)

    def give_back_objects(self, ids: Iterable[int]) -> int:
        """Give objects back to the teacher; returns how many."""
        return self._acts.do("give back", ids)

    def give_back(self, box: Box | None = None) -> None:
        """Give all decisions in a box back to the teacher; None: in the whole image.

        Outside the window that cannot be undone.
        """
        self._acts.give_back(box)

    def accept_tile(self, box: Box) -> None:
        """Make a box a finished tile with what is shown, in the background."""
        find = self.classes_in if self._showing.semantic else self.instances_in
        if (proposal := find(box)) is not None:
            view = self._keeper.view
            kinds = {} if view is None else view.teacher.classes_among(proposal)
            self._acts.accept_tile(box, proposal, kinds)

    def undo(self) -> None:
        """Take the last act back."""
        self._acts.undo()

    def redo(self) -> None:
        """Do again what was taken back."""
        self._acts.redo()

    def show_layers(self) -> None:
        """Make layers that the user has deleted again; one is visible at least."""
        self._layers.bring_back()

    def show_confidence(self, on: bool) -> None:
        """Show or hide the layer of the teacher's confidence, 0 to 1."""
        self._showing.show_confidence(on)

    def show_owners(self, on: bool) -> None:
        """Show or hide the layer that says who decided about each pixel."""
        self._layers.show_owners(on)

    def show_outlines(self, on: bool) -> str | None:
        """Draw objects as outlines; a sentence when the image is too large for it."""
        return self._showing.show_outlines(on)

    def close(self) -> None:
        """Let go of everything; remove the layers."""
        if self._closed:
            return
        self._closed = True
        for signal, slot in self._connections():
            signal.disconnect(slot)
        self._keeper.close()
        self._work.forget()
        self._showing.close()

    def _connections(self) -> list[tuple[Any, Any]]:
        keeper = self._keeper
        return [
            (self._session.project_changed, self._on_project),
            (keeper.window_changed, self._on_window),
            (keeper.opened, self._on_opened),
            (keeper.moved, self._showing.place),
            (keeper.redrawn, self._redraw),
            (self._acts.redrawn, self._redraw),
            (self._work.applied, self._on_applied),
            (self._seen.wanted, self.wanted),
            (self._work.failed, self._complain),
            (self._layers.painted, self._on_painted),
            (self._layers.class_picked, self.class_picked),
            (self._layers.released, self._work.release),
        ]

    def _on_project(self) -> None:
        project = self._session.project
        if project is None:
            self._showing.remove()
            return
        self.set_rules(task=project.task, overlap=overlap_of(project.settings))
        self.set_classes(len(project.classes))

    def set_classes(self, n_classes: int) -> None:
        """How many classes the project has, without the background."""
        self._showing.set_classes(n_classes)

    def paint_class(self, number: int) -> None:
        """Paint with this class on the layer of classes, in a semantic task."""
        self._showing.paint_class(number)

    def _on_window(self) -> None:
        self._work.forget()
        self._showing.clear()
        self.window_changed.emit()
        self.changed.emit()

    def _on_opened(self) -> None:
        view = self._keeper.view
        if view is not None:
            self._showing.show(view)
            self._work.begin(view)
            self.changed.emit()

    def _on_applied(self, box: Box) -> None:
        self._showing.show_answer()
        self._redraw(box)

    def _redraw(self, box: Box) -> None:
        self._layers.write(box)
        self.changed.emit()

    def _on_painted(self, plane: Plane, stroke: Stroke) -> None:
        if plane != "owners":
            for number, used in self._acts.paint(plane, stroke).items():
                self._layers.select(plane, used, instead_of=number)

    def _complain(self, sentence: str) -> None:
        self._session.say(sentence, problem=True)
