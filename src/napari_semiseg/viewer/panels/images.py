"""Step 1: the images of the project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from napari_semiseg.errors import SemisegError
from napari_semiseg.viewer.classes.task_choice import TaskChoice
from napari_semiseg.viewer.counted import counted
from napari_semiseg.viewer.images.adding import Adding
from napari_semiseg.viewer.panels.axes_questions import AxesQuestions
from napari_semiseg.viewer.panels.first_help import FIRST_HELP
from napari_semiseg.viewer.panels.missing_images import MissingImages
from napari_semiseg.viewer.widgets.buttons import allow, button, note, row
from napari_semiseg.viewer.widgets.image_list import ImageList
from napari_semiseg.viewer.widgets.panel import Panel

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_semiseg.project.records import ImageItem
    from napari_semiseg.viewer.desk import Desk


class ImagesPanel(Panel):
    """Makes and opens projects, adds images, and puts one of them in view."""

    title: ClassVar[str] = "Images"
    about: ClassVar[str] = (
        "Choose the images to segment: the more, the better, since those that you do "
        "not label teach the model too."
    )
    first_help: ClassVar[str] = FIRST_HELP["Images"]

    def __init__(
        self,
        desk: Desk,
        on_new: Callable[[], object],
        on_open: Callable[[], object],
        on_sample: Callable[[], object],
    ) -> None:
        super().__init__()
        self._desk = desk
        self.adding = Adding(desk)
        self.choice = TaskChoice()
        self._begin = self._starting(on_new, on_open, on_sample)
        self._list = ImageList()
        self._list.chosen.connect(self._on_chosen)
        self._work = self._working()
        self.rows.addWidget(self._begin)
        self.rows.addWidget(self._work)
        session = desk.session
        session.project_changed.connect(self.refresh)
        session.images_changed.connect(self._fill)
        session.image_changed.connect(self._mark)
        session.tiles_changed.connect(self._count)
        desk.palette.changed.connect(self.refresh)
        self.adding.changed.connect(self.refresh)
        desk.viewer.layers.events.inserted.connect(self._on_layers)
        desk.viewer.layers.events.removed.connect(self._on_layers)
        self.refresh()

    def fact(self) -> str:
        """How many images there are, and what they are."""
        project = self._desk.session.project
        if project is None:
            return "no project yet"
        if self.adding.busy:
            return f"{self.adding.busy} ..."
        if not project.images:
            return "no image yet"
        first = project.images[0]
        parts = [
            counted(len(project.images), "image"),
            counted(first.n_channels, "channel"),
        ]
        if first.pixel_size and first.pixel_unit != "pixel":
            parts.append(f"{first.pixel_size[-1]:.3g} {first.pixel_unit}/px")
        held_out = sum(item.role == "test" for item in project.images)
        if held_out:
            parts.append(f"{held_out} held out")
        return ", ".join(parts)

    def refresh(self) -> None:
        """Show how things stand now."""
        session = self._desk.session
        has_project = session.project is not None
        self._begin.setVisible(not has_project)
        self._work.setVisible(has_project)
        self._on_choice()
        self._task.setText(self._task_words())
        self._task.setVisible(bool(self._task.text()))
        read_only = session.read_only
        for control in (self._files, self._folder):
            allow(control, read_only)
        no_layer = "Open an image in napari first, or drag one into the window."
        allow(self._layers, read_only or (None if self._open_layers() else no_layer))
        self._busy.setText(f"{self.adding.busy} ..." if self.adding.busy else "")
        self._busy.setVisible(bool(self.adding.busy))
        self._questions.refresh()
        self.missing.refresh()
        self._show_item()
        super().refresh()

    def close_panel(self) -> None:
        """Let go of the viewer's events."""
        events = self._desk.viewer.layers.events
        events.inserted.disconnect(self._on_layers)
        events.removed.disconnect(self._on_layers)

    def _starting(
        self,
        on_new: Callable[[], object],
        on_open: Callable[[], object],
        on_sample: Callable[[], object],
    ) -> QWidget:
        whole = QWidget()
        column = QVBoxLayout(whole)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(
            note(
                "A project is a folder that keeps your labels, models and results. "
                "Your images stay where they are."
            )
        )
        self._new = button(
            "New project ...",
            "Choose a new folder. Images that are open in napari join it at once.",
            on_new,
        )
        self._open = button(
            "Open project ...", "Choose the folder of a project.", on_open
        )
        column.addWidget(self.choice)
        self.choice.changed.connect(self._on_choice)
        column.addWidget(row(self._new, self._open))
        self._why_no_new = note()
        column.addWidget(self._why_no_new)
        column.addWidget(
            button(
                "Try it on sample images ...",
                "Choose a folder; some drawn images of nuclei are put into it, with a "
                "project.",
                on_sample,
            )
        )
        return whole

    def _working(self) -> QWidget:
        whole = QWidget()
        column = QVBoxLayout(whole)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self._task = note()
        self.missing = MissingImages(self._desk)
        self._questions = AxesQuestions(self.adding)
        self._busy = QLabel()
        self._files = button("Add files ...", "Add image files.", self._choose_files)
        self._folder = button(
            "Add folder ...", "Add all images of a folder.", self._choose_folder
        )
        self._layers = button(
            "Add open layers",
            "Add the images that are open in napari: their files, or copies of their "
            "pixels.",
            self._add_layers,
        )
        self._words = note()
        self._held_out = QCheckBox("Hold this image out for testing")
        self._held_out.setToolTip(
            "The image never trains, not even as an unlabelled one: it can tell at the "
            "end how good the model is."
        )
        self._held_out.clicked.connect(self._set_role)
        column.addWidget(self._task)
        column.addWidget(self.missing)
        column.addWidget(self._questions)
        column.addWidget(self._list)
        column.addWidget(self._words)
        column.addWidget(self._held_out)
        column.addWidget(row(self._files, self._folder))
        column.addWidget(self._layers)
        column.addWidget(self._busy)
        return whole

    def _task_words(self) -> str:
        """The classes; empty where there are only objects of one kind."""
        palette = self._desk.palette
        if not palette.shown:
            return ""
        what = "Classes of pixels" if palette.semantic else "Kinds of objects"
        return f"{what}: {', '.join(palette.names)}."

    def _on_choice(self) -> None:
        problem = self.choice.problem()
        allow(self._new, problem)
        self._why_no_new.setText(problem or "")
        self._why_no_new.setVisible(problem is not None)

    def _fill(self) -> None:
        project = self._desk.session.project
        items = () if project is None else project.images
        lost = set() if project is None else {item.id for item in project.missing()}
        self._list.fill(
            (item.id, item.name, f"{item.path}: {item.words}", item.id not in lost)
            for item in items
        )
        for item in items:
            self._count(item.id)
        self._mark()
        self.refresh()

    def _count(self, image_id: str) -> None:
        project = self._desk.session.project
        if project is None:
            return
        try:
            tiles = self._desk.session.annotations.tiles(project.image(image_id))
        except SemisegError as error:
            self._list.set_count(image_id, "!", str(error))
            return
        done = sum(tile.finished for tile in tiles)
        words = f"{done} of {len(tiles)} tiles are labelled"
        self._list.set_count(image_id, f"{done} / {len(tiles)}" if tiles else "", words)

    def _mark(self) -> None:
        item = self._desk.session.item
        self._list.mark(None if item is None else item.id)
        self._show_item()

    def _show_item(self) -> None:
        item = self._current()
        self._words.setText("" if item is None else item.words)
        self._words.setVisible(item is not None)
        self._held_out.setVisible(item is not None)
        if item is not None:
            self._held_out.setChecked(item.role == "test")
            allow(self._held_out, self._why_not_held_out(item))

    def _why_not_held_out(self, item: ImageItem) -> str | None:
        session = self._desk.session
        if session.read_only:
            return session.read_only
        if item.role == "test":
            return None
        try:
            finished = any(tile.finished for tile in session.annotations.tiles(item))
        except SemisegError:
            return None
        if finished:
            return "This image has labelled tiles that train: set them back first."
        return None

    def _current(self) -> ImageItem | None:
        session = self._desk.session
        if session.project is None or session.item is None:
            return None
        return session.project.image(session.item)

    def _on_chosen(self, image_id: str) -> None:
        project = self._desk.session.project
        if project is not None:
            self._desk.images.show(project.image(image_id))

    def _on_layers(self, _event: object = None) -> None:
        if self._desk.session.project is not None:
            self.refresh()

    def _open_layers(self) -> int:
        return len(self.adding.open_layers())

    def _choose_files(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, "Images to add")
        if names:
            self.adding.add_files([Path(name) for name in names])

    def _choose_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Folder of images to add")
        if name:
            self.adding.add_files([Path(name)])

    def _add_layers(self) -> None:
        self.adding.add_layers(self.adding.open_layers())

    def _set_role(self, held_out: bool) -> None:
        item = self._current()
        if item is not None:
            project = self._desk.session.opened
            project.set_role(item, "test" if held_out else "pool")
            self.refresh()
