"""Background that a person paints where the model sees none: it is to stay so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer

from napari_semiseg.segmentation.brush_path import swept
from napari_semiseg.viewer.teacher.teacher_ids import placed
from napari_semiseg.viewer.tools.grounds import instances_layer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.viewer import Viewer

    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.teacher.journal import Step
    from napari_semiseg.viewer.teacher.teacher_view import TeacherView


class BackgroundPath(QObject):
    """Follows the brush on the layer instances while it paints 0.

    napari tells only of pixels that change. All others that the brush passed over
    become the person's background too, in one step back with those that changed.
    """

    def __init__(self, desk: Desk, parent: QObject) -> None:
        super().__init__(parent)
        self._desk = desk
        desk.viewer.mouse_drag_callbacks.append(self._press)

    def close(self) -> None:
        """Follow no more."""
        callbacks = self._desk.viewer.mouse_drag_callbacks
        if self._press in callbacks:
            callbacks.remove(self._press)

    def _press(self, viewer: Viewer, event: Any) -> Iterator[None]:
        layer = instances_layer(viewer)
        view = self._desk.teacher.acts.view if layer is not None else None
        if layer is None or view is None or event.button not in (1, None):
            return
        ours = viewer.layers.selection.active is layer and layer.editable
        if not ours or str(layer.mode) != "paint" or layer.selected_label != 0:
            return
        since, world = view.last_step, [event.position]
        yield
        while event.type == "mouse_move":
            world.append(event.position)
            yield
        world.append(event.position)
        radius = layer.brush_size / 2
        # Only after napari has dealt with the release is its own stroke known.
        QTimer.singleShot(0, lambda: self._confirm(view, since, world, radius))

    def _confirm(
        self, view: TeacherView, since: Step | None, world: list[Any], radius: float
    ) -> None:
        acts = self._desk.teacher.acts
        if acts.view is not view:
            return
        to_pixel, origin = self._desk.session.placement.to_pixel, view.window.origin
        points = []
        for place in world:
            y, x = to_pixel(place)
            points.append((y - origin[0], x - origin[1]))
        height, width = view.window.size
        found = swept(points, radius, (height, width))
        if found is not None:
            acts.confirm_background(placed(found[0], view.window), found[1], since)
