"""Tools for the labels of the tile in hand; each change is one step back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject

from napari_semiseg.project.owners import overlap_of
from napari_semiseg.viewer.colours import free_number
from napari_semiseg.viewer.tiles.annotation_layer import IGNORE
from napari_semiseg.viewer.tiles.label_edits import (
    fill_unlabelled,
    separated,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box
    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.tiles.annotating import Annotating


class LabelTools(QObject):
    """What the buttons and keys of the annotate step do to labels."""

    def __init__(self, desk: Desk, annotating: Annotating) -> None:
        super().__init__(annotating)
        self._desk = desk
        self._annotating = annotating
        self._annotation = annotating.annotation
        desk.keys.bind("fill", self.fill)

    @property
    def labels(self) -> NDArray[np.int32]:
        """The labels of the tile in hand, int32 ``(*S)``."""
        return self._annotation.labels

    @property
    def semantic(self) -> bool:
        """Whether the labels of the tile are classes, not objects."""
        project = self._desk.session.project
        return project is not None and project.task == "semantic"

    def new_id(self) -> None:
        """Select the next free number, and a brush."""
        if self._of_objects() and self._annotating.ready():
            self._annotation.take_in_hand(free_number(int(self.labels.max())))

    def paint_class(self, kind: int) -> None:
        """Paint a class from now on; where objects are drawn, the next object's."""
        if self._annotating.place is None:
            return
        if self.semantic:
            self._annotation.take_in_hand(kind)
            return
        number = self._annotation.number
        if number <= 0 or (self.labels == number).any():
            self.new_id()
        self.note_class(kind)

    def note_class(self, kind: int) -> None:
        """Give the number in hand a class, as long as nothing is painted with it."""
        number = self._annotation.number
        if self._annotating.place is None or self.semantic or number <= 0:
            return
        if not (self.labels == number).any():
            self._annotating.store.give_class(number, kind)

    def give_class(self, kind: int) -> None:
        """Make the object under the cursor one of a class."""
        if not self._of_objects() or not self._annotating.ready():
            return
        number = self._under_cursor()
        if not number:
            self._say("Which object? Point at it while you press the key.")
            return
        # A number has one class for good, so that undoing brings both back.
        new = free_number(int(self.labels.max()))
        self._annotating.store.give_class(new, kind)
        labels = np.where(self.labels == number, np.int32(new), self.labels)
        self._annotation.replace(labels)

    def ignore(self) -> None:
        """Paint pixels to ignore; once more: paint objects again."""
        if self._annotation.number == IGNORE and self.semantic:
            self._annotation.take_in_hand(self._annotation.brush)
        elif self._annotation.number == IGNORE:
            self.new_id()
        elif self._annotating.ready():
            self._annotation.take_in_hand(IGNORE)

    def background(self) -> None:
        """Paint where there is no object; once more: paint objects again."""
        if self._annotation.number == 0:
            self.new_id()
        elif self._annotating.ready():
            self._annotation.take_in_hand(0)

    def why_not_filled(self) -> str | None:
        """Why the model cannot fill a tile, a sentence; None: it can."""
        if self._desk.looking.teacher is None:
            return "Train a model first, in step 3: then it can fill tiles."
        return None

    def fill(self) -> None:
        """Put the objects or classes of the model where nothing is painted yet."""
        place = self._annotating.place
        if not self._annotating.ready() or place is None:
            return
        if self.semantic:
            self._fill_classes(place[1])
            return
        proposal = self._desk.teacher.instances_in(place[1])
        if proposal is None:  # The reason was said.
            return
        looked_at = self._annotating.store.looked_at(self.labels)
        overlap = overlap_of(self._desk.session.opened.settings)
        labels = fill_unlabelled(self.labels, proposal, looked_at, overlap)
        if not self._annotation.replace(labels):
            self._say("The model finds no object where the tile is unlabelled.")

    def separate(self) -> None:
        """Give every separate piece in the tile a number of its own."""
        self._annotating.propose(None)
        if self._annotating.ready():
            self._replace(separated(self.labels)[0])

    def put_into_tile(self, labels: NDArray[np.int32]) -> bool:
        """Put labels made elsewhere where nothing is painted yet.

        Parameters
        ----------
        labels
            int32, of the tile's size: 0 no object, -1 ignore, ids >= 1; or classes.

        Returns
        -------
        bool
            Whether anything was put.
        """
        mine = self.labels
        if self.semantic:
            return self._annotation.replace(np.where(mine == 0, labels, mine))
        new = fill_unlabelled(mine, np.maximum(labels, 0), mine != 0)
        return self._annotation.replace(np.where((labels < 0) & (mine == 0), -1, new))

    def _fill_classes(self, box: Box) -> None:
        proposal = self._desk.teacher.classes_in(box)
        if proposal is None:  # The reason was said.
            return
        open_ground = (self.labels == 0) & ~self._annotating.store.looked_at(
            self.labels
        )
        if not self._annotation.replace(np.where(open_ground, proposal, self.labels)):
            self._say("The model finds no class where the tile is unlabelled.")

    def _replace(self, labels: NDArray[np.int32]) -> None:
        """Change the labels; new numbers are of the class of those they come from."""
        store, before = self._annotating.store, self.labels
        for number in np.setdiff1d(labels, before).tolist():
            old = int(before[labels == number][0])
            store.give_class(number, store.class_of(old))
        self._annotation.replace(labels)

    def _of_objects(self) -> bool:
        """Whether the labels are objects; else a sentence says that they are not."""
        if self.semantic:
            self._say("This project has classes, not single objects: choose a class.")
        return not self.semantic

    def _under_cursor(self) -> int:
        viewer = self._desk.viewer
        if not viewer.mouse_over_canvas:
            return 0
        return max(self._annotation.at(viewer.cursor.position), 0)

    def _say(self, sentence: str) -> None:
        self._desk.session.say(sentence, problem=True)
