"""What is open: the project, the image in view and the tile in hand."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, ClassVar

from qtpy.QtCore import QObject, Signal

from napari_semiseg.errors import SemisegError
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.corrections import CorrectionStore
from napari_semiseg.project.locks import annotation_lock
from napari_semiseg.viewer.placement import Placement

if TYPE_CHECKING:
    from pathlib import Path

    from napari_semiseg.geometry import Box
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem


class Session(QObject):
    """The state that all steps of a dock share; controllers change it by its methods.

    While a project is open, its annotations are held: another viewer or command can
    read them, not change them. A project that somebody else holds is opened read-only.

    Attributes
    ----------
    project
        None: no project is open.
    item
        The image in view, of this project; None: none.
    tile
        The tile in hand, a box of ``item`` in working pixels; None: none.
    placement
        Where the pixels of ``item`` lie in the viewer's world.
    read_only
        Why nothing may be changed, a sentence; None: everything may.
    hands_off
        Why what a model sees cannot be corrected for the moment, a sentence.
    """

    project_changed = Signal()
    images_changed = Signal()
    image_changed = Signal()
    placed = Signal()
    """The image in view lies elsewhere in the viewer's world."""
    tile_changed = Signal()
    tiles_changed = Signal(str)
    """The id of the image whose tiles were added, moved, removed or changed state."""
    corrections_changed = Signal(str)
    """The id of the image whose corrections were changed by other than a stroke."""
    corrected = Signal(str, object)
    """A person corrected what a teacher sees: the id of the image, and the `Box`."""
    model_changed = Signal()
    """Another model is in use, or other thresholds."""
    said = Signal(str, bool)
    """A line for the panel, and whether it is a problem."""
    leaving = Signal()
    """The project or the image is about to be left: save strokes now."""

    # Locks are shared within a process: here is known who else in it has one open.
    _open_folders: ClassVar[set[Path]] = set()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.project: Project | None = None
        self.item: ImageItem | None = None
        self.tile: Box | None = None
        self.placement = Placement()
        self.read_only: str | None = None
        self.hands_off: str | None = None
        self._held = contextlib.ExitStack()

    @property
    def opened(self) -> Project:
        """The project.

        Raises
        ------
        SemisegError
            When none is open.
        """
        if self.project is None:
            raise SemisegError("Open a project first, or make a new one.")
        return self.project

    @property
    def annotations(self) -> AnnotationStore:
        """The labelled tiles of the project."""
        return AnnotationStore(self.opened)

    @property
    def corrections(self) -> CorrectionStore:
        """The corrections of the project."""
        return CorrectionStore(self.opened)

    @property
    def writable(self) -> bool:
        """Whether a project is open whose labels may be changed."""
        return self.project is not None and self.read_only is None

    def say(self, text: str, *, problem: bool = False) -> None:
        """Show a line in the panel, where it stays until it is read."""
        self.said.emit(text, problem)

    def open(self, project: Project) -> None:
        """Leave the present project and open another."""
        self.close()
        self.read_only = self._hold(project)
        self.project = project
        self.project_changed.emit()
        self.images_changed.emit()
        if self.read_only:
            self.say(f"Opened to look only. {self.read_only}", problem=True)

    def close(self) -> None:
        """Leave the project; strokes are saved first."""
        if self.project is None:
            return
        self.show(None)
        self.leaving.emit()
        self.project = None
        self.read_only = None
        self._held.close()
        self.project_changed.emit()
        self.images_changed.emit()

    def show(self, item: ImageItem | None, placement: Placement | None = None) -> None:
        """Put another image in view; None: none. Strokes are saved first."""
        if item is None and self.item is None:
            return
        self.leaving.emit()
        had_tile, self.tile = self.tile is not None, None
        self.item = item
        self.placement = placement or Placement()
        if had_tile:
            self.tile_changed.emit()
        self.image_changed.emit()

    def place(self, placement: Placement) -> None:
        """Note that the image in view lies elsewhere in the viewer's world."""
        if placement != self.placement:
            self.placement = placement
            self.placed.emit()

    def take(self, tile: Box | None) -> None:
        """Take another tile of the image in view in hand; strokes are saved first."""
        if tile == self.tile:
            return
        self.leaving.emit()
        self.tile = tile
        self.tile_changed.emit()

    def _hold(self, project: Project) -> str | None:
        """Hold the annotations of a project; a sentence when that cannot be."""
        folder = project.folder
        if folder in Session._open_folders:
            return "Another window of this napari has this project open."
        try:
            self._held.enter_context(annotation_lock(project))
        except SemisegError as error:
            return str(error)
        Session._open_folders.add(folder)
        self._held.callback(Session._open_folders.discard, folder)
        return None
