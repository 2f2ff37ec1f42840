"""Where tools work: the labels of the tile in hand, or the objects of the image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from napari_semiseg.project.owners import Owner
from napari_semiseg.viewer.colours import free_number
from napari_semiseg.viewer.own_layers import use_of
from napari_semiseg.viewer.teacher.layer_making import EDITABLE, NAMES
from napari_semiseg.viewer.teacher.object_edits import ObjectEdit
from napari_semiseg.viewer.teacher.strokes import Stroke
from napari_semiseg.viewer.teacher.teacher_ids import placed
from napari_semiseg.viewer.tiles.annotation_layer import IGNORE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Labels
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box
    from napari_semiseg.segmentation.object_edits import Edit, Mask
    from napari_semiseg.segmentation.object_places import Place
    from napari_semiseg.viewer.teacher.person_acts import PersonActs
    from napari_semiseg.viewer.teacher.teacher_view import TeacherView
    from napari_semiseg.viewer.tiles.annotating import Annotating


class Ground(Protocol):
    """Labels that tools read and change."""

    @property
    def box(self) -> Box:
        """Where the labels lie in the image."""

    @property
    def labels(self) -> NDArray[np.int32]:
        """int32, of the box's size: 0 no object, -1 ignore, ids >= 1; not to write."""

    def fresh(self) -> int:
        """An id that no object has."""

    def free(self, place: Place, mask: Mask) -> Mask:
        """Which pixels of a place an object of a mask may grow over."""

    def beyond(self, place: Place, mask: Mask) -> Mask:
        """Pixels of a place on which an object of a mask may go on unseen."""

    def do(self, edits: Sequence[Edit]) -> bool:
        """Change the labels, in one step back; whether anything was changed."""


class TileGround:
    """The labels of the tile in hand, on the layer annotation."""

    def __init__(self, annotating: Annotating, box: Box) -> None:
        self._annotating = annotating
        self._last = 0
        self.box = box

    @property
    def labels(self) -> NDArray[np.int32]:
        """What is painted in the tile."""
        return self._annotating.annotation.labels

    def fresh(self) -> int:
        """A number above all others."""
        self._last = free_number(max(self._last, int(self.labels.max(initial=0))))
        return self._last

    def free(self, place: Place, mask: Mask) -> Mask:
        """Where nothing is painted."""
        found: Mask = self.labels[place] == 0
        return found

    def beyond(self, place: Place, mask: Mask) -> Mask:
        """Nowhere: the tile ends where its labels end."""
        return np.zeros_like(mask)

    def do(self, edits: Sequence[Edit]) -> bool:
        """Change the labels; the layer's undo takes it back."""
        store = self._annotating.store
        for edit in edits:
            for new, old in edit.pieces.items():
                store.give_class(new, store.class_of(old))
        done = self._annotating.annotation.write((e.place, e.labels) for e in edits)
        if done:
            self._annotating.annotation.bring_forward()
        return done


class ModelGround:
    """The objects shown on the layer instances: the model's, and the person's."""

    def __init__(self, acts: PersonActs, view: TeacherView, viewer: Viewer) -> None:
        self._acts = acts
        self._view = view
        self._viewer = viewer
        self.box = view.window
        self.labels = _without(view.shown.instances, view.window, view.in_hand)
        """The objects shown; the tile in hand, which is painted elsewhere, is -1."""

    def fresh(self) -> int:
        """An id that nothing else in the image has, or will have."""
        return self._view.fresh_id()

    def free(self, place: Place, mask: Mask) -> Mask:
        """Where there is no object, or one of the model's, on the same ground."""
        theirs = self._view.shown.owners[place] == Owner.TEACHER
        free: Mask = (self.labels[place] == 0) | theirs
        return free & ~self.beyond(place, mask)

    def beyond(self, place: Place, mask: Mask) -> Mask:
        """Finished tiles and the tile in hand for objects beside them; else the rest.

        An object that lies on both sides already may change on both.
        """
        ground = self._view.tile_ground(placed(place, self.box))
        if not (mask & ground).any():
            return ground
        if not (mask & ~ground).any():
            return ~ground
        return np.zeros_like(mask)

    def do(self, edits: Sequence[Edit]) -> bool:
        """Change the objects; the journal takes it back."""
        done = self._acts.edit([self._as_act(edit) for edit in edits])
        if done:
            self._bring_forward()
        return done

    def _as_act(self, edit: Edit) -> ObjectEdit:
        changed = edit.labels != self.labels[edit.place]
        stroke = Stroke(placed(edit.place, self.box), changed, edit.labels)
        return ObjectEdit(stroke, edit.objects, edit.pieces)

    def _bring_forward(self) -> None:
        """Let Ctrl+Z reach the journal: all layers that can be painted on share it."""
        selection = self._viewer.layers.selection
        uses = [NAMES[plane] for plane in EDITABLE]
        if selection.active is None or use_of(selection.active) not in uses:
            layer = instances_layer(self._viewer)
            if layer is not None:
                selection.active = layer


def _without(
    labels: NDArray[np.int32], window: Box, tile: Box | None
) -> NDArray[np.int32]:
    """Labels in which nobody finds anything inside a tile."""
    shared = None if tile is None else tile.intersection(window)
    if shared is None or shared.empty:
        return labels
    found = labels.copy()
    found[shared.relative_to(window).slices] = IGNORE
    return found


def instances_layer(viewer: Viewer) -> Labels | None:
    """The layer of the objects that are shown; None when the user removed it."""
    for layer in viewer.layers:
        if use_of(layer) == NAMES["instances"]:
            return layer
    return None
