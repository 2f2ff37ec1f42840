"""What a project offers to learn from, counted without reading a pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_semiseg.errors import SemisegError
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.corrections import CorrectionStore
from napari_semiseg.runs.checking.folds import USUAL_FOLDS
from napari_semiseg.runs.models import model_in_use
from napari_semiseg.viewer.counted import counted

if TYPE_CHECKING:
    from napari_semiseg.project.project import Project
    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.session import Session

_QUIET = 300  # Milliseconds without a change after which it is counted anew.


@dataclass(frozen=True)
class Ground:
    """Numbers of finished tiles, of corrected images; whether a model is in use.

    ``folds``: into how many parts the tiles can be dealt for a cross-validation.
    """

    training: int = 0
    validation: int = 0
    corrected: int = 0
    has_model: bool = False
    folds: int = 0

    @property
    def enough(self) -> bool:
        """Whether there is anything to learn from."""
        return self.training > 0 or self.corrected > 0

    @property
    def words(self) -> str:
        """What a run would do with it, a sentence."""
        parts = []
        if self.training:
            parts.append(counted(self.training, "tile"))
        if self.corrected:
            parts.append(f"corrections in {counted(self.corrected, 'image')}")
        words = f"Will learn from {' and '.join(parts) or 'nothing yet'}"
        if self.validation:
            words += f"; {counted(self.validation, 'validation tile')} will judge it"
        return f"{words}."


def count_ground(project: Project) -> Ground:
    """Count what may train; test images and tiles *to do* do not."""
    store = AnnotationStore(project)
    pool = [item for item in project.images if item.role != "test"]
    states: list[str] = []
    trained: list[int] = []  # Tiles that train, of each image that has some.
    for item in pool:
        try:
            found = [tile.state for tile in store.tiles(item)]
        except SemisegError:
            continue  # Tiles of other pixels: said where they are shown.
        states += found
        trained += [found.count("training")] if "training" in found else []
    corrected = {item.id for item in pool} & set(CorrectionStore(project).images())
    return Ground(
        states.count("training"),
        states.count("validation"),
        len(corrected),
        model_in_use(project) is not None,
        # Tiles of one image stay together where there are several images.
        min(USUAL_FOLDS, len(trained) if len(trained) > 1 else sum(trained)),
    )


def why_no_training(session: Session, ground: Ground | None) -> str | None:
    """Why nothing can be trained, a sentence; None: it can."""
    project = session.project
    if project is None:
        return "Open a project first, or make a new one."
    if session.read_only:
        return session.read_only
    if not project.images:
        return "The project has no image yet. Add images first."
    if ground is None:
        return "One moment: the labelled tiles are being counted."
    if not ground.enough:
        return (
            "No tile is labelled yet. Outline every object in one tile, mark it as "
            "done, then press Train."
        )
    return None


class GroundCount(QObject):
    """Keeps the count of the open project up to date.

    Attributes
    ----------
    ground
        None until it has been counted.
    """

    changed = Signal()

    def __init__(self, desk: Desk, parent: QObject) -> None:
        super().__init__(parent)
        self._desk = desk
        self.ground: Ground | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_QUIET)
        self._timer.timeout.connect(self.count)
        self._session = desk.session
        self._session.project_changed.connect(self._begin)
        self._session.images_changed.connect(self._timer.start)
        self._session.tiles_changed.connect(self._count_soon)
        self._session.corrections_changed.connect(self._count_soon)

    def count(self) -> None:
        """Count anew."""
        project = self._session.project
        if project is not None:
            self._desk.background.submit(
                lambda: count_ground(project), self._know, topic="ground"
            )

    def close(self) -> None:
        """Count no more."""
        self._timer.stop()
        self._session.project_changed.disconnect(self._begin)
        self._session.images_changed.disconnect(self._timer.start)
        self._session.tiles_changed.disconnect(self._count_soon)
        self._session.corrections_changed.disconnect(self._count_soon)

    def _begin(self) -> None:
        self.ground = None
        self._desk.background.forget("ground")
        self.count()

    def _count_soon(self, image_id: str) -> None:
        self._timer.start()

    def _know(self, ground: Ground) -> None:
        self.ground = ground
        self.changed.emit()
