"""The napari layers that a person paints on: made once, written in place."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, get_args

from qtpy.QtCore import QObject, QTimer, Signal

from napari_semiseg.viewer.colours import class_colours
from napari_semiseg.viewer.own_layers import put
from napari_semiseg.viewer.teacher.composing import Shown
from napari_semiseg.viewer.teacher.holding import Holding
from napari_semiseg.viewer.teacher.layer_making import (
    EDITABLE,
    NAMES,
    Plane,
    insert_low,
    make_labels,
    write_box,
)
from napari_semiseg.viewer.teacher.strokes import stroke_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Labels
    from napari.viewer import Viewer

    from napari_semiseg.geometry import Box
    from napari_semiseg.viewer.placement import Placement
    from napari_semiseg.viewer.teacher.painting import Layer as Painted

_LARGE = 1024 * 1024  # Pixels from which layers are written one after the other.


class EditLayers(QObject):
    """Three Labels layers to paint on, and one to look at on demand.

    The layers hold copies of what is shown. Their order, names, visibility, tools and
    selection are the user's. A layer that the user deletes stays away until
    `bring_back`.

    Parameters
    ----------
    viewer
        Where the layers go.
    undo, redo
        What napari's undo and redo do on these layers: their own would write pixels of
        an older answer.
    """

    class_picked = Signal(int)
    """Another class is selected on the layer of classes."""
    painted = Signal(str, object)
    """A plane, and the `Stroke` on it."""
    released = Signal()
    """The mouse was released: nobody is painting."""

    def __init__(
        self,
        viewer: Viewer,
        parent: QObject,
        undo: Callable[[], None],
        redo: Callable[[], None],
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._undo, self._redo = undo, redo
        self._layers: dict[Plane, Labels] = {}
        self._wanted: set[Plane] = set(EDITABLE)
        self._titles: dict[Plane, str] = dict(NAMES)
        self._abouts: dict[Plane, str] = {}
        self._n_classes = 3
        self._main: Painted = "instances"
        self._shown: tuple[Shown, Placement, Box, bool] | None = None
        self._writing = False
        self._mouse = Holding(self)
        self._mouse.settled.connect(self._after)
        self._unsettled: list[Box] = []
        self._queue: list[tuple[Plane, Box]] = []
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._write_next)
        viewer.layers.events.removed.connect(self._on_removed)

    @property
    def held(self) -> bool:
        """Whether the mouse is down on one of the layers."""
        return self._mouse.held

    def show(
        self, shown: Shown, placement: Placement, window: Box, *, editable: bool
    ) -> None:
        """Show other arrays, of another image or another part of one."""
        self._shown = (shown, placement, window, editable)
        for plane in get_args(Plane):
            if plane in self._wanted:
                self._fill(plane)

    def place(self, placement: Placement) -> None:
        """Put the layers elsewhere, as they are."""
        if self._shown is not None:
            shown, _, window, editable = self._shown
            self.show(shown, placement, window, editable=editable)

    def write(self, box: Box) -> None:
        """Copy a box of what is shown into the layers.

        A large one is copied layer by layer, with time between them for the user.
        """
        if math.prod(box.size) < _LARGE:
            for plane in list(self._layers):
                self._write(plane, box)
        else:
            self._queue += [(plane, box) for plane in self._layers]
            self._soon.start(0)

    def clear(self) -> None:
        """Show nothing; the layers stay."""
        self._unsettled.clear()
        self._queue.clear()
        if self._shown is not None:
            _, placement, window, _ = self._shown
            spot = type(window)(window.origin, (1, 1))
            self.show(Shown.blank((1, 1)), placement, spot, editable=False)
        self._shown = None

    def bring_back(self) -> None:
        """Make deleted layers again, and let the objects be seen at least."""
        self._wanted |= set(EDITABLE)
        for plane in EDITABLE:
            if plane not in self._layers:
                self._fill(plane)
        editable = [self._layers[p] for p in EDITABLE if p in self._layers]
        if editable and not any(layer.visible for layer in editable):
            self._layers.get(self._main, editable[0]).visible = True

    def show_owners(self, on: bool) -> None:
        """Show or remove the layer of owners."""
        if on:
            self._wanted.add("owners")
            self._fill("owners")
            return
        self._wanted.discard("owners")
        self._remove(self._layers.get("owners"))

    def set_outlines(self, width: int) -> None:
        """Draw objects as outlines of so many pixels; 0: filled."""
        if layer := self._layers.get("instances"):
            layer.contour = width

    def set_classes(self, n_classes: int, main: Painted = "instances") -> None:
        """How many classes there are, with the background.

        Parameters
        ----------
        main
            ``label`` where classes are what is sought: their layer is the one to see at
            first, and objects, the pieces of a class, are not painted on.
        """
        self._main = main
        if n_classes != self._n_classes:
            self._n_classes = n_classes
            if "label" in self._layers:
                self._layers["label"].colormap = class_colours(n_classes)

    def set_words(self, plane: Plane, name: str, about: str) -> None:
        """Call a layer something else; a name that the user gave it stays."""
        before, self._titles[plane] = self._titles[plane], name
        self._abouts[plane] = about
        layer = self._layers.get(plane)
        if layer is not None:
            layer.metadata["about"] = about
            if layer.name == before:
                layer.name = name

    def paint_class(self, number: int) -> None:
        """Paint with this class on the layer of classes from now on."""
        if layer := self._layers.get("label"):
            layer.selected_label = number

    def select(self, plane: Plane, number: int, *, instead_of: int) -> None:
        """Paint with another label from now on, if that one is selected."""
        if (layer := self._layers.get(plane)) and layer.selected_label == instead_of:
            layer.selected_label = number

    def remove(self) -> None:
        """Remove all layers; each is made anew when it is shown again."""
        for layer in list(self._layers.values()):
            self._remove(layer)
        self._wanted = set(EDITABLE)
        self._shown = None

    def close(self) -> None:
        """Remove the layers and let go of the viewer."""
        self._mouse.stop()
        self._soon.stop()
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        self.remove()

    def _fill(self, plane: Plane) -> None:
        if self._shown is None:
            return
        shown, placement, window, editable = self._shown
        array = getattr(shown, plane).copy()
        layer = self._layers.get(plane)
        if layer is None:
            words = self._titles[plane], self._abouts.get(plane, "")
            visible = plane in (self._main, "owners")
            layer = make_labels(plane, array, *words, self._n_classes, visible=visible)
            layer.undo, layer.redo = self._undo, self._redo
            layer.events.paint.connect(self._on_paint)
            if plane == "label":
                layer.events.selected_label.connect(self._on_class)
            layer.mouse_drag_callbacks.append(self._mouse.hold)
            self._layers[plane] = layer
            insert_low(self._viewer, layer)
        put(
            layer,
            array,
            placement,
            window,
            editable=editable and self._paintable(plane),
            forget_undo=True,
        )

    def _paintable(self, plane: Plane) -> bool:
        pieces = plane == "instances" and self._main == "label"
        return plane in EDITABLE and not pieces

    def _on_class(self, event: Any) -> None:
        self.class_picked.emit(int(event.source.selected_label))

    def _write_next(self) -> None:
        if self._queue and not self.held:
            self._write(*self._queue.pop(0))
            self._soon.start(0)

    def _write(self, plane: Plane, box: Box) -> None:
        layer = self._layers.get(plane)
        if self._shown is None or layer is None:
            return
        shown, _, window, _ = self._shown
        box = box.intersection(window)
        if box.empty or layer.data.shape != window.size:
            return
        here = box.relative_to(window).slices
        self._writing = True
        try:
            write_box(layer, getattr(shown, plane)[here], here)
        finally:
            self._writing = False

    def _remove(self, layer: Labels | None) -> None:
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)
        self._forget(layer)

    def _forget(self, layer: Any) -> Plane | None:
        """Let go of a layer that is gone; which one it was."""
        for plane, found in list(self._layers.items()):
            if found is layer:
                del self._layers[plane]
                layer.events.paint.disconnect(self._on_paint)
                if plane == "label":
                    layer.events.selected_label.disconnect(self._on_class)
                layer.mouse_drag_callbacks.remove(self._mouse.hold)
                del layer.undo, layer.redo
                return plane
        return None

    def _on_removed(self, event: Any) -> None:
        if plane := self._forget(event.value):
            self._wanted.discard(plane)

    def _on_paint(self, event: Any) -> None:
        if self._writing:
            return
        for plane, layer in self._layers.items():
            if layer is event.source and self._shown is not None:
                # A tool that paints at once tells so before it writes the pixels.
                stroke = stroke_of(event.value, self._shown[2])
                if stroke is not None:
                    self._unsettled.append(stroke.box)
                    self._mouse.soon()
                    self.painted.emit(plane, stroke)
                return

    def _after(self) -> None:
        """What is to be done once napari is done with the mouse."""
        while self._unsettled:
            self.write(self._unsettled.pop())
        if not self.held:
            self._write_next()
            self.released.emit()
