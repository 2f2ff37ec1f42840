"""Opening the window of the image in view, and keeping what is changed in it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_semiseg.geometry import Box
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.viewer.teacher.finished_tiles import read_finished
from napari_semiseg.viewer.teacher.teacher_planes import Rules
from napari_semiseg.viewer.teacher.windows import first_window, moved_window, open_view

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem
    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.teacher.finished_tiles import FinishedTile
    from napari_semiseg.viewer.teacher.layer_making import Plane
    from napari_semiseg.viewer.teacher.teacher_view import TeacherView

_OPEN, _TILES = "teacher window", "teacher tiles"  # Topics of background work.


class ViewKeeper(QObject):
    """Follows the session: one view at a time, read and saved beside the viewer.

    Attributes
    ----------
    item
        The image in view; None: there is none.
    window
        What of it is shown; known before its view is there.
    view
        None: there is none, or it is being read.
    """

    window_changed = Signal()
    """Another window is to be shown, or none: the old view is gone."""
    opened = Signal()
    """The view of the window is there."""
    moved = Signal()
    """The image lies elsewhere in the viewer's world."""
    redrawn = Signal(object)
    """The `Box` of the view in which finished tiles look different now."""

    def __init__(self, desk: Desk, parent: QObject) -> None:
        super().__init__(parent)
        self._desk = desk
        self.item: ImageItem | None = None
        self.window: Box | None = None
        self.view: TeacherView | None = None
        # Views that were left while the disk refused what was painted in them.
        self._kept: dict[str, TeacherView] = {}
        for signal, slot in self._connections():
            signal.connect(slot)

    def look_elsewhere(self, visible: Box) -> None:
        """Move the window of a large image to where the user looks, if need be."""
        if self.item is None or self.window is None:
            return
        window = moved_window(self.window, visible, self.item.shape)
        if window != self.window and self.flush():
            self._open(window)

    def value_at(self, plane: Plane, world: Sequence[float]) -> int:
        """What is shown at a place in the world; 0 outside the window."""
        if self.view is None:
            return 0
        y, x = self._desk.session.placement.to_pixel(world)
        pixel = Box((round(y), round(x)), (1, 1))
        if not self.view.window.contains(pixel):
            return 0
        shown = getattr(self.view.shown, plane)
        return int(shown[pixel.relative_to(self.view.window).slices].item())

    def mark(self) -> None:
        """Note that something is to be saved."""
        view, item = self.view, self.item
        if view is not None and item is not None and view.unsaved:
            take = partial(_take, view, self._desk.session.opened, item)
            self._desk.autosave.mark(("corrections", item.id), take)

    def flush(self) -> bool:
        """Save all that is unsaved; False when that was not possible."""
        if self.view is None or not self.view.unsaved:
            return True
        return self._desk.autosave.flush()

    def close(self) -> None:
        """Let go of the session."""
        for signal, slot in self._connections():
            signal.disconnect(slot)
        self._drop()

    def _connections(self) -> list[tuple[Any, Any]]:
        session = self._desk.session
        return [
            (session.leaving, self.flush),
            (session.image_changed, self._on_image),
            (session.placed, self._on_placed),
            (session.tile_changed, self._on_tile),
            (session.tiles_changed, self._on_tiles),
            (session.corrections_changed, self._on_corrections),
        ]

    def _drop(self) -> None:
        self._kept = {name: kept for name, kept in self._kept.items() if kept.unsaved}
        if self.item is not None and self.view is not None and self.view.unsaved:
            self._kept[self.item.id] = self.view
        self.item = self.window = self.view = None
        self._desk.background.forget(_OPEN)
        self._desk.background.forget(_TILES)

    def _on_image(self) -> None:
        item = self._desk.session.item
        if item is not None and item == self.item:
            self.moved.emit()
            return
        self._drop()
        self.item = item
        if item is None:
            self.window_changed.emit()
        else:
            self._open(first_window(item.shape))

    def _on_placed(self) -> None:
        self.moved.emit()

    def _open(self, window: Box) -> None:
        self.window, self.view, item = window, None, self.item
        self._desk.background.forget(_TILES)
        self.window_changed.emit()
        if item is None:
            return
        kept = self._kept.pop(item.id, None)
        if kept is not None and kept.unsaved:
            self.window = kept.window
            self._show(kept)
            return
        project = self._desk.session.opened
        self._desk.background.submit(
            partial(open_view, project, item, window, Rules(task=project.task)),
            self._show,
            self._complain,
            topic=_OPEN,
        )

    def _show(self, view: TeacherView) -> None:
        self.view = view
        view.in_hand = self._desk.session.tile
        self.opened.emit()

    def _on_tile(self) -> None:
        if self.view is not None:
            self.view.in_hand = self._desk.session.tile
            # It may have been painted on while it was in hand.
            self._read_tiles()

    def _on_tiles(self, image_id: str) -> None:
        if self.item is not None and self.item.id == image_id:
            self._read_tiles()

    def _on_corrections(self, image_id: str) -> None:
        if self.window is None or self.item is None or self.item.id != image_id:
            return
        if self.flush():
            self._open(self.window)

    def _read_tiles(self) -> None:
        view, item, window = self.view, self.item, self.window
        if view is None or item is None or window is None or not self.flush():
            return
        store = AnnotationStore(self._desk.session.opened)
        self._desk.background.submit(
            partial(read_finished, store, item, window),
            partial(self._put_tiles, view),
            self._complain,
            topic=_TILES,
        )

    def _put_tiles(self, view: TeacherView, tiles: list[FinishedTile]) -> None:
        if view is not self.view:
            return
        if view.unsaved:  # Painted on since: what was read is older.
            self._read_tiles()
            return
        box = view.put_tiles(tiles)
        if box is not None:
            self.redrawn.emit(box)

    def _complain(self, sentence: str) -> None:
        self._desk.session.say(sentence, problem=True)


def _take(view: TeacherView, project: Project, item: ImageItem) -> Callable[[], None]:
    """Copy what is unsaved; the function returned writes the copies."""
    copies = view.copy_unsaved()

    def write() -> None:
        copies.write(project, item)
        view.unsaved.written(copies)

    return write
