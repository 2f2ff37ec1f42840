"""Two clicks that make two objects one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.viewer import Viewer

    from napari_semiseg.viewer.tiles.annotation_layer import AnnotationLayer


class MergeTool(QObject):
    """Waits for a click on an object, then for one on the object to join to it."""

    changed = Signal()
    """It began, took a step, or ended."""
    merged = Signal(int, int)
    """The number to keep, and the number that becomes it."""

    def __init__(
        self, annotation: AnnotationLayer, viewer: Viewer, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._annotation = annotation
        self._viewer = viewer
        self._kept: int | None = None
        self._tool: str | None = None

    @property
    def active(self) -> bool:
        """Whether it waits for clicks."""
        return self._tool is not None

    @property
    def hint(self) -> str:
        """What to click next; empty when it waits for nothing."""
        if not self.active:
            return ""
        if self._kept is None:
            return "Merge: click an object."
        return f"Merge: click the object that belongs to object {self._kept}."

    def start(self) -> None:
        """Put the tool in hand aside and wait for clicks."""
        layer = self._annotation.layer
        if layer is None or self.active:
            return
        self._tool, self._kept = str(layer.mode), None
        layer.mode = "pan_zoom"
        self._viewer.mouse_drag_callbacks.append(self._on_press)
        self.changed.emit()

    def stop(self) -> None:
        """Take the tool of before in hand again."""
        if not self.active:
            return
        tool, self._tool = self._tool, None
        self._viewer.mouse_drag_callbacks.remove(self._on_press)
        layer = self._annotation.layer
        if layer is not None and layer.editable and str(layer.mode) == "pan_zoom":
            layer.mode = tool
        self.changed.emit()

    def click(self, world: Any) -> None:
        """Take the object at a place in the world."""
        number = self._annotation.at(world)
        if number <= 0 or number == self._kept:
            return
        if self._kept is None:
            self._kept = number
            self.changed.emit()
            return
        kept = self._kept
        self.stop()
        self.merged.emit(kept, number)

    def _on_press(self, viewer: Viewer, event: Any) -> Iterator[None]:
        moved = False
        yield
        while event.type == "mouse_move":
            moved = True
            yield
        if not moved:
            self.click(event.position)
