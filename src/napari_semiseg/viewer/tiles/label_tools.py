"""Tools for the labels of the tile in hand; each change is one step back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject

from napari_semiseg.viewer.colours import free_number
from napari_semiseg.viewer.tiles.annotation_layer import IGNORE
from napari_semiseg.viewer.tiles.label_edits import (
    fill_unlabelled,
    separated,
    split_object,
)
from napari_semiseg.viewer.tiles.merging import MergeTool

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.tiles.annotating import Annotating


class LabelTools(QObject):
    """What the buttons and keys of the annotate step do to labels."""

    def __init__(self, desk: Desk, annotating: Annotating) -> None:
        super().__init__(annotating)
        self._desk = desk
        self._annotating = annotating
        self._annotation = annotating.annotation
        self.merging = MergeTool(self._annotation, desk.viewer, self)
        self.merging.changed.connect(annotating.changed)
        self.merging.merged.connect(self._merge)
        actions: dict[str, Callable[[], object]] = {
            "new id": self.new_id,
            "split": self.split,
            "merge": self.merge,
            "ignore": self.ignore,
            "fill": self.fill,
        }
        for name, action in actions.items():
            desk.keys.bind(name, action)

    @property
    def labels(self) -> NDArray[np.int32]:
        """The labels of the tile in hand, int32 ``(*S)``."""
        return self._annotation.labels

    def new_id(self) -> None:
        """Select the next free number, and a brush."""
        if self._annotating.ready():
            self._annotation.take_in_hand(free_number(int(self.labels.max())))

    def ignore(self) -> None:
        """Paint pixels to ignore; once more: paint objects again."""
        if self._annotation.number == IGNORE:
            self.new_id()
        elif self._annotating.ready():
            self._annotation.take_in_hand(IGNORE)

    def split(self) -> None:
        """Give the pieces of the object under the cursor numbers of their own."""
        if not self._annotating.ready():
            return
        number = self._under_cursor() or self._annotation.number
        labels = split_object(self.labels, number)
        if labels is not None:
            self._annotation.replace(labels)
        elif (self.labels == number).any():
            self._say(
                f"Object {number} is in one piece: erase a line across it, then split."
            )
        else:
            self._say("Which object? Point at it while you press the key.")

    def merge(self) -> None:
        """Wait for two clicks on objects that are one; once more: do not."""
        if self.merging.active:
            self.merging.stop()
        elif self._annotating.ready():
            self._annotation.take_in_hand()
            self.merging.start()

    def fill(self) -> None:
        """Put the objects of the model where nothing is painted yet."""
        place = self._annotating.place
        if not self._annotating.ready() or place is None:
            return
        proposal = self._desk.teacher.instances_in(place[1])
        if proposal is None:  # The reason was said.
            return
        looked_at = self._annotating.store.looked_at(self.labels)
        labels = fill_unlabelled(self.labels, proposal, looked_at)
        if not self._annotation.replace(labels):
            self._say("The model finds no object where the tile is unlabelled.")

    def separate(self) -> None:
        """Give every separate piece in the tile a number of its own."""
        self._annotating.propose(None)
        if self._annotating.ready():
            self._annotation.replace(separated(self.labels)[0])

    def put_into_tile(self, labels: NDArray[np.int32]) -> bool:
        """Put labels made elsewhere where nothing is painted yet.

        Parameters
        ----------
        labels
            int32, of the tile's size: 0 no object, -1 ignore, ids >= 1.
        """
        mine = self.labels
        new = fill_unlabelled(mine, np.maximum(labels, 0), mine != 0)
        return self._annotation.replace(np.where((labels < 0) & (mine == 0), -1, new))

    def close(self) -> None:
        """Let go of the viewer."""
        self.merging.stop()

    def _merge(self, kept: int, joined: int) -> None:
        if self._annotating.ready():
            self._annotation.replace(
                np.where(self.labels == joined, np.int32(kept), self.labels)
            )

    def _under_cursor(self) -> int:
        viewer = self._desk.viewer
        if not viewer.mouse_over_canvas:
            return 0
        return max(self._annotation.at(viewer.cursor.position), 0)

    def _say(self, sentence: str) -> None:
        self._desk.session.say(sentence, problem=True)
