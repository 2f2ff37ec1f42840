"""A desk with real tiles and annotation, and simple stand-ins for the rest."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from qtpy.QtCore import QObject, Signal

from napari_semiseg.project.project import Project
from napari_semiseg.viewer.autosave import Autosave
from napari_semiseg.viewer.background import Background
from napari_semiseg.viewer.classes.palette import Palette
from napari_semiseg.viewer.desk import Desk
from napari_semiseg.viewer.keys import Keys
from napari_semiseg.viewer.placement import Placement
from napari_semiseg.viewer.review.object_tool import ObjectTool
from napari_semiseg.viewer.session import Session
from napari_semiseg.viewer.tiles.annotating import Annotating
from napari_semiseg.viewer.tiles.tiles_layer import TilesLayer
from napari_semiseg.viewer.tools.toolbox import Toolbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_semiseg.geometry import Box
    from napari_semiseg.project.records import ImageItem, Task

SHAPE = (200, 240)
SCALE = (0.5, 0.5)


class Images(QObject):
    """Puts an image in view at once."""

    shown = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.session)
        self._desk = desk

    def show(self, item: ImageItem) -> None:
        placement = Placement(SCALE, (3.0, 7.0), item.reduction)
        self._desk.session.show(item, placement)
        self.shown.emit()


class Looking(QObject):
    """Knows somebody to ask, unless a test says otherwise."""

    teacher_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.teacher: Any = "somebody"


class Teacher(QObject):
    """Sees what a test tells it to see."""

    class_picked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.instances: Any = None
        self.painting = 0
        self.n_classes = 0
        self.ready = False

    def set_classes(self, n_classes: int) -> None:
        self.n_classes = n_classes

    def paint_class(self, number: int) -> None:
        self.painting = number

    def classes_in(self, box: Box) -> Any:
        return self.instances

    def instances_in(self, box: Box) -> Any:
        return self.instances


def make_project(
    folder: Path,
    n_images: int = 2,
    task: Task = "instances",
    classes: tuple[str, ...] = ("object",),
) -> Project:
    """A project beside images of noise."""
    images = folder / "images"
    images.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(n_images):
        pixels = rng.integers(100, 4000, SHAPE, dtype=np.uint16)
        tifffile.imwrite(images / f"{'abcdefgh'[number]}.tif", pixels)
    project = Project.create(folder / "project", task, classes)
    assert not project.add_images([images]).skipped
    return project


def make_bench(viewer: Any, teacher: Callable[[Desk], Any] | None = None) -> Desk:
    """A desk with what the annotate step needs, and maybe a real teacher's layers."""
    session = Session()
    desk = Desk(viewer, session, Background(session), Autosave(session))
    desk.keys = Keys(desk)
    desk.images = Images(desk)
    desk.tiles = TilesLayer(desk)
    desk.annotating = Annotating(desk)
    desk.teacher = Teacher() if teacher is None else teacher(desk)
    desk.looking = Looking()
    desk.training = SimpleNamespace(active=None)
    desk.palette = Palette(desk)
    desk.reviewing = SimpleNamespace(tool=ObjectTool(desk))
    desk.tools = Toolbox(desk)
    return desk


def close_bench(desk: Desk) -> None:
    """Close all, in the order of the dock."""
    desk.session.close()
    desk.tools.close()
    desk.palette.close()
    desk.annotating.close()
    desk.tiles.close()
    desk.keys.close()
    desk.autosave.close()
    desk.background.close()
