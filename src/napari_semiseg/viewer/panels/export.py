"""Step 5: write what was found as files that other programs read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from qtpy.QtCore import Qt, QTimer, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QLabel,
    QProgressBar,
)
from superqt import QElidingLabel

from napari_semiseg.api.outputs import MAIN_KIND
from napari_semiseg.viewer.exporting import ExportWish
from napari_semiseg.viewer.panels.export_words import (
    ABOUT,
    MAPS,
    MASK_TIPS,
    OWNERS_TIP,
    TABLE_TIPS,
    left_out_words,
)
from napari_semiseg.viewer.panels.first_help import FIRST_HELP
from napari_semiseg.viewer.widgets.buttons import allow, button, note, row
from napari_semiseg.viewer.widgets.fold import Fold
from napari_semiseg.viewer.widgets.object_options import ObjectOptionsForm
from napari_semiseg.viewer.widgets.panel import Panel
from napari_semiseg.viewer.widgets.tick_list import TickList
from napari_semiseg.viewer.widgets.wheel import guard_wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_semiseg.api.outputs import Kind
    from napari_semiseg.project.records import Task
    from napari_semiseg.viewer.desk import Desk

_ALL, _IN_VIEW, _CHOSEN = range(3)


class ExportPanel(Panel):
    """Which images, what, and where to; then how far it is and what came of it."""

    title: ClassVar[str] = "Export"
    about: ClassVar[str] = ABOUT["instances"]
    first_help: ClassVar[str] = FIRST_HELP["Export"]

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._folder: Path | None = None  # None: that of the project.
        self._add_scope()
        self._add_kinds()
        self._add_folder()
        self._add_progress()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        for signal, slot in self._connections():
            signal.connect(slot)
        self._fill()

    def fact(self) -> str:
        """What was written last, or how far it is."""
        if self._desk.session.project is None:
            return "no project yet"
        view = self._desk.exporting.view
        return view.sentence or "nothing written yet"

    def refresh(self) -> None:
        """Show how things stand now."""
        exporting, session = self._desk.exporting, self._desk.session
        view = exporting.view
        chosen = self.scope.currentIndex() == _CHOSEN
        self.images.setVisible(chosen)
        self.table.setEnabled(self._measurable)
        self._show_task()
        folder = self.folder
        self._folder_words.setText("" if folder is None else str(folder))
        self._folder_words.setToolTip("" if folder is None else str(folder))
        allow(self._choose, None if session.project else "Open a project first.")
        reason = exporting.why_not() or self._why_not()
        allow(self.start, reason)
        self._reason.setText("" if view.busy else reason or "")
        self._reason.setVisible(bool(self._reason.text()))
        self.start.setVisible(not view.busy)
        self.cancel.setVisible(view.busy)
        self._show_progress()
        super().refresh()

    def close_panel(self) -> None:
        """Let go of the controllers."""
        self._soon.stop()
        for signal, slot in self._connections():
            signal.disconnect(slot)

    @property
    def folder(self) -> Path | None:
        """Where results go; None without a project."""
        return self._folder or self._desk.exporting.default_folder

    def wish(self) -> ExportWish:
        """What is to be written, as the controls say."""
        main = MAIN_KIND[self._task]
        kinds: list[Kind] = [main] if self.masks.isChecked() else []
        kinds += [k for k, box in self.maps.items() if k != main and box.isChecked()]
        kinds += ["owners"] if self.owners.isChecked() else []
        return ExportWish(
            folder=self.folder or Path(),
            images=self._wanted(),
            save=tuple(kinds),
            objects=self.options.value(),
            measurements=self._measurable and self.table.isChecked(),
        )

    @property
    def _task(self) -> Task:
        project = self._desk.session.project
        return "instances" if project is None else project.task

    @property
    def _measurable(self) -> bool:
        pieces = self._task == "semantic" and self.maps["instances"].isChecked()
        return self.masks.isChecked() or pieces

    def _show_task(self) -> None:
        """Speak of objects, or of classes."""
        task = self._task
        self._about.setText(ABOUT[task])
        self.masks.setToolTip(MASK_TIPS[task])
        self.table.setToolTip(TABLE_TIPS[task])
        self.masks.setText("Class masks" if task == "semantic" else "Masks (TIFF)")
        for kind in ("instances", "classes"):
            self.maps[kind].setVisible(kind != MAIN_KIND[task])
        objects = task == "instances" or self.maps["instances"].isChecked()
        self._which.setVisible(objects)

    def set_folder(self, folder: Path | None) -> None:
        """Write to another folder; None: that of the project."""
        self._folder = folder
        self.refresh()

    def _connections(self) -> list[tuple[Any, Callable[..., object]]]:
        desk = self._desk
        return [
            (self._soon.timeout, self.refresh),
            (desk.exporting.changed, self._refresh_soon),
            (desk.session.project_changed, self._forget),
            (desk.session.images_changed, self._fill),
            (desk.session.image_changed, self._refresh_soon),
            (desk.session.model_changed, self._refresh_soon),
            (desk.training.ended, self._refresh_soon),
        ]

    def _add_scope(self) -> None:
        self._about = note(self.about)
        self.rows.addWidget(self._about)
        self.scope = QComboBox()
        self.scope.addItems(["All images", "The image in view", "Chosen images"])
        self.scope.setToolTip("Which images are written.")
        self.scope.setAccessibleName("Which images")
        guard_wheel(self.scope)
        self.scope.currentIndexChanged.connect(self._refresh_soon)
        self.images = TickList("Images to write", "Tick the images to write.")
        self.images.changed.connect(self._refresh_soon)
        self.rows.addWidget(self.scope)
        self.rows.addWidget(self.images)

    def _add_kinds(self) -> None:
        self.masks = _check("Masks (TIFF)", MASK_TIPS["instances"], True)
        self.table = _check("Table (CSV)", TABLE_TIPS["instances"], True)
        self.maps = {kind: _check(name, tip, False) for kind, name, tip in MAPS}
        self.owners = _check("Owners of pixels (TIFF)", OWNERS_TIP, False)
        for box in (self.masks, self.table, self.owners, *self.maps.values()):
            box.toggled.connect(self._refresh_soon)
        self.options = ObjectOptionsForm()
        self.options.min_area.valueChanged.connect(self._refresh_soon)
        self.options.max_area.valueChanged.connect(self._refresh_soon)
        self.rows.addWidget(row(self.masks, self.table))
        self.rows.addWidget(self.owners)
        self._which = Fold("Which objects", self.options)
        self._which.set_tip("Leave out objects by size or at the edge; fill holes.")
        self.rows.addWidget(self._which)
        more = Fold("Also save", row(*self.maps.values()))
        more.set_tip("What the model alone says, without your corrections.")
        self.rows.addWidget(more)

    def _add_folder(self) -> None:
        self._folder_words = QElidingLabel("")
        self._folder_words.setElideMode(Qt.TextElideMode.ElideMiddle)
        self._choose = button(
            "Change ...", "Choose another folder for the results.", self._ask_folder
        )
        label = QLabel("Into")
        line = row(label, self._folder_words, self._choose)
        layout = line.layout()
        if layout is not None:
            layout.setStretchFactor(self._folder_words, 3)  # type: ignore[attr-defined]
            layout.setStretchFactor(self._choose, 2)  # type: ignore[attr-defined]
        self.rows.addWidget(line)

    def _add_progress(self) -> None:
        exporting = self._desk.exporting
        self.start = button("Export", "Write the files now.", self._start)
        self.cancel = button(
            "Cancel", "Stop; images that are written stay.", exporting.cancel
        )
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.bar.setRange(0, 1000)
        self._reason, self.words, self.left_out = note(), note(), note()
        self.open = button(
            "Open folder", "Show the files in the file manager.", self._open_folder
        )
        for widget in (
            self.start,
            self._reason,
            self.bar,
            self.words,
            self.left_out,
            self.cancel,
            self.open,
        ):
            self.rows.addWidget(widget)

    def _show_progress(self) -> None:
        view = self._desk.exporting.view
        self.bar.setVisible(view.busy)
        # Without a number it moves: the model is being loaded.
        self.bar.setRange(0, 0 if view.fraction is None else 1000)
        self.bar.setValue(int(1000 * (view.fraction or 0)))
        self.words.setText(view.sentence)
        self.words.setVisible(bool(view.sentence))
        self.left_out.setText(left_out_words(view.skipped))
        self.left_out.setVisible(bool(view.skipped))
        self.open.setVisible(not view.busy and view.folder is not None)

    def _why_not(self) -> str | None:
        """Why the controls ask for nothing that could be written."""
        if self.scope.currentIndex() == _IN_VIEW and self._desk.session.item is None:
            return "Choose an image in step 1 first."
        if self.scope.currentIndex() == _CHOSEN and not self._wanted():
            return "Tick at least one image."
        if not self.wish().save:
            return "Tick what to write: masks, for example."
        return self.options.problem()

    def _wanted(self) -> tuple[str, ...]:
        if self.scope.currentIndex() == _IN_VIEW:
            item = self._desk.session.item
            return () if item is None else (item.id,)
        chosen = self.scope.currentIndex() == _CHOSEN
        return self.images.value() if chosen else ()

    def _start(self) -> None:
        self._desk.exporting.start(self.wish())

    def _ask_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Folder for the results")
        if name:
            self.set_folder(Path(name))

    def _open_folder(self) -> None:
        folder = self._desk.exporting.view.folder
        if folder is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    def _refresh_soon(self, *_what: object) -> None:
        if not self._soon.isActive():
            self._soon.start(50)

    def _forget(self) -> None:
        self._folder = None
        self._fill()

    def _fill(self) -> None:
        project = self._desk.session.project
        items = project.images if project else ()
        self.images.fill([(item.id, item.name) for item in items])
        words = f"All images ({len(items)})" if items else "All images"
        self.scope.setItemText(_ALL, words)
        self.refresh()


def _check(text: str, tip: str, on: bool) -> QCheckBox:
    made = QCheckBox(text)
    made.setToolTip(tip)
    made.setChecked(on)
    return made
