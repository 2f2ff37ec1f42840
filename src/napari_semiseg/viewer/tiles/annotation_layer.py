"""The layer "annotation": the labels of the tile in hand, in the person's hands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QObject, QTimer, Signal

from napari_semiseg.geometry import Box
from napari_semiseg.viewer.colours import free_number, object_colours
from napari_semiseg.viewer.own_layers import add_behind_selection, mark, put
from napari_semiseg.viewer.placement import Placement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.utils.colormaps import CyclicLabelColormap, DirectLabelColormap
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_semiseg.segmentation.object_places import Place

ANNOTATION = "annotation"
"""Name of the layer, and what its mark says."""
IGNORE = -1
DRAWING = frozenset({"paint", "polygon", "fill"})
"""Tools that put the selected label into the layer."""

_LOOK = 200  # Milliseconds from a refresh to the comparison that finds an undo.
_BRUSHES = 16  # Brushes that fit across a tile, at the start.


class AnnotationLayer(QObject):
    """A Labels layer of the tile's size that tells whenever its labels change.

    Strokes are told by napari; undo, redo and scripts are found by comparison with a
    copy, soon after the layer was refreshed.

    Attributes
    ----------
    brush
        The class to begin a tile with, where labels are classes; None: each tile begins
        with the next free number.
    """

    edited = Signal()
    """Labels changed by a stroke, an undo or a script."""
    number_changed = Signal()
    """Another label is selected."""
    removed = Signal()
    """The user has removed the layer."""
    misfit = Signal()
    """A script gave the layer an array that does not fit the tile; it was undone."""

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.layer: Labels | None = None
        self.brush: int | None = None
        self._colours: CyclicLabelColormap | DirectLabelColormap = object_colours()
        self._copy: NDArray[np.int32] = np.zeros((1, 1), np.int32)
        self._filling = False
        self._tool = "pan_zoom"  # A layer that cannot be edited loses its tool.
        self._look = QTimer(self)
        self._look.setSingleShot(True)
        self._look.setInterval(_LOOK)
        self._look.timeout.connect(self.compare)
        viewer.layers.events.removed.connect(self._on_removed)

    @property
    def labels(self) -> NDArray[np.int32]:
        """int32 ``(Y, X)``, what the user paints into: 0, -1 ignore, ids >= 1."""
        if self.layer is None or not self._fits():
            return self._copy
        found: NDArray[np.int32] = self.layer.data
        return found

    @property
    def number(self) -> int:
        """The selected label."""
        return 1 if self.layer is None else int(self.layer.selected_label)

    def show(
        self,
        labels: NDArray[np.int32],
        placement: Placement,
        box: Box,
        *,
        editable: bool,
    ) -> None:
        """Show the labels of a tile; the steps that could be undone are forgotten."""
        layer = self._ensure()
        if layer.editable:
            self._tool = str(layer.mode)
        self._filling = True
        try:
            self._copy = labels.copy()
            put(layer, labels, placement, box, editable=editable, forget_undo=True)
        finally:
            self._filling = False
        if editable and str(layer.mode) != self._tool:
            layer.mode = self._tool
        self._look.stop()
        free = free_number(int(labels.max(initial=0)))
        layer.selected_label = free if self.brush is None else self.brush

    def set_colours(self, colours: CyclicLabelColormap | DirectLabelColormap) -> None:
        """Colour the labels differently from now on."""
        self._colours = colours
        if self.layer is not None:
            self.layer.colormap = colours

    def clear(self) -> None:
        """Show nothing; the layer stays where it is in the list."""
        if self.layer is not None and self.layer in self._viewer.layers:
            spot = Box((0, 0), (1, 1))
            empty = np.zeros((1, 1), np.int32)
            self.show(empty, _placement_of(self.layer), spot, editable=False)

    def place(self, placement: Placement, box: Box) -> None:
        """Put the layer elsewhere in the world, as it is."""
        if self.layer is not None:
            for name, value in placement.at(box).items():
                setattr(self.layer, name, value)

    def set_editable(self, editable: bool) -> None:
        """Allow strokes, or not; the tool in hand stays."""
        if self.layer is not None and self.layer.editable != editable:
            self.layer.editable = editable

    def remove(self) -> None:
        """Take the layer out of the viewer."""
        self._look.stop()
        layer, self.layer = self.layer, None
        if layer is None:
            return
        for event, slot in self._slots(layer):
            event.disconnect(slot)
        if layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def close(self) -> None:
        """Remove the layer and let go of the viewer."""
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        self.remove()

    def compare(self) -> None:
        """Tell of a change that nobody has told of."""
        if self.layer is None:
            return
        self._look.stop()
        if not self._fits():
            self._filling = True
            self.layer.data = self._copy.copy()
            self._filling = False
            self.misfit.emit()
        elif not np.array_equal(self.layer.data, self._copy):
            self._tell()

    def replace(self, labels: NDArray[np.int32]) -> bool:
        """Change the labels in one step back; False if nothing differs."""
        whole = tuple(slice(0, size) for size in labels.shape)
        return self.write([(whole, labels)])

    def write(self, parts: Iterable[tuple[Place, NDArray[np.int32]]]) -> bool:
        """Change boxes of the labels in one step back; False if nothing differs."""
        if self.layer is None:
            return False
        where, values = [], []
        for place, new in parts:
            changed = np.nonzero(new != self.layer.data[place])
            values.append(new[changed])
            firsts = [cut.start for cut in place]
            where.append(
                [at + first for at, first in zip(changed, firsts, strict=True)]
            )
        if not sum(map(len, values)):
            return False
        indices = tuple(map(np.concatenate, zip(*where, strict=True)))
        self.layer.data_setitem(indices, np.concatenate(values))
        return True

    def take_in_hand(self, number: int | None = None) -> None:
        """Make this the layer that the user paints in.

        Parameters
        ----------
        number
            The label to paint, with a brush unless another drawing tool is in hand;
            None: the selected label with a brush.
        """
        layer = self.layer
        if layer is None:
            return
        self._viewer.layers.selection.active = layer
        layer.visible = True
        if number is not None:
            layer.selected_label = number
        if layer.editable and not (number is not None and str(layer.mode) in DRAWING):
            layer.mode = "paint"

    def bring_forward(self) -> None:
        """Select the layer, so that Ctrl+Z takes back what was done on it."""
        if self.layer is not None and self.layer in self._viewer.layers:
            self._viewer.layers.selection.active = self.layer
            self.layer.visible = True

    def at(self, world: Any) -> int:
        """The label at a place in the world; 0 outside the tile."""
        if self.layer is None:
            return 0
        value = self.layer.get_value(world, world=True)
        return 0 if value is None else int(value)

    def _ensure(self) -> Labels:
        if self.layer is not None and self.layer in self._viewer.layers:
            return self.layer
        if self.layer is not None:
            self.remove()
        self.layer = Labels(
            np.zeros((1, 1), np.int32),
            name=ANNOTATION,
            colormap=self._colours,
            opacity=0.6,
        )
        mark(self.layer, ANNOTATION)
        for event, slot in self._slots(self.layer):
            event.connect(slot)
        add_behind_selection(self._viewer, self.layer)
        return self.layer

    def set_brush(self, box: Box) -> None:
        """A brush that suits a tile."""
        if self.layer is not None:
            self.layer.brush_size = max(2, round(min(box.size) / _BRUSHES))

    def _slots(self, layer: Labels) -> list[tuple[Any, Any]]:
        events = layer.events
        return [
            (events.paint, self._on_stroke),
            (events.labels_update, self._on_stroke),
            (events.set_data, self._on_refresh),
            (events.selected_label, self._on_number),
        ]

    def _fits(self) -> bool:
        if self.layer is None:
            return False
        data = self.layer.data
        alike: bool = data.shape == self._copy.shape and data.dtype == self._copy.dtype
        return alike

    def _on_stroke(self, event: Any) -> None:
        if not self._filling and self._fits():
            self._look.start()  # Strokes may end where they began.
            self.edited.emit()

    def _on_refresh(self, event: Any) -> None:
        if not self._filling:
            self._look.start()

    def _on_removed(self, event: Any) -> None:
        if event.value is self.layer:
            self.removed.emit()

    def _on_number(self, event: Any) -> None:
        self.number_changed.emit()

    def _tell(self) -> None:
        self._copy = np.array(self.labels)
        self.edited.emit()


def _placement_of(layer: Labels) -> Placement:
    (sy, sx), (ty, tx) = layer.scale, layer.translate
    return Placement((float(sy), float(sx)), (float(ty), float(tx)))
