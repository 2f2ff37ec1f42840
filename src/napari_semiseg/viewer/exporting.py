"""Writing results as files: what is asked for, how far it is, and what came of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_semiseg.api.outputs import ObjectOptions
from napari_semiseg.project.places import possible_places

if TYPE_CHECKING:
    from napari_semiseg.api.outputs import Kind
    from napari_semiseg.project.project import Project
    from napari_semiseg.runs.events import Event
    from napari_semiseg.viewer.desk import Desk

FOLDER = "results"
"""Where results go unless another folder is chosen, inside the project."""
_SAVING = 10.0  # Seconds that the last strokes may take to be written.


@dataclass(frozen=True)
class ExportWish:
    """What is to be written.

    Attributes
    ----------
    folder
        Where to.
    images
        Ids; none: all of the project.
    save
        Kinds of files.
    objects
        Which objects, and how.
    measurements
        Whether a table is written beside each mask.
    """

    folder: Path
    images: tuple[str, ...] = ()
    save: tuple[Kind, ...] = ("instances",)
    objects: ObjectOptions = field(default_factory=ObjectOptions)
    measurements: bool = True


@dataclass(frozen=True)
class ExportView:
    """How an export stands.

    Attributes
    ----------
    busy
        Whether one is under way.
    fraction
        Of the images that are done, 0..1; None: it has not begun yet.
    sentence
        The same in words; what came of the last one; empty before the first.
    problem
        Whether it says that something went wrong.
    folder
        That something was written to by the last one, None: none.
    skipped
        Name of each image that was left out, and why.
    """

    busy: bool = False
    fraction: float | None = None
    sentence: str = ""
    problem: bool = False
    folder: Path | None = None
    skipped: tuple[tuple[str, str], ...] = ()


class Exporting(QObject):
    """Has the server write files, one export at a time.

    Attributes
    ----------
    view
        How it stands.
    """

    changed = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.session)
        self._desk = desk
        self._request: str | None = None
        self._folder: Path | None = None
        self.view = ExportView()
        desk.server.export_event.connect(self._hear)
        desk.session.project_changed.connect(self._forget)

    @property
    def default_folder(self) -> Path | None:
        """Where results go unless told otherwise; None without a project."""
        project = self._desk.session.project
        return None if project is None else project.folder / FOLDER

    def why_not(self) -> str | None:
        """Why nothing can be exported now, a sentence; None: it can."""
        project = self._desk.session.project
        if project is None:
            return "Open a project first."
        if not project.images:
            return "Add images first."
        if self._desk.looking.model is None:
            return "Train a model first: it finds the objects that are written."
        return "It is being written already." if self.view.busy else None

    def why_not_into(self, folder: Path) -> str | None:
        """Why results must not go into a folder; None: they may."""
        if folder.exists() and not folder.is_dir():
            return f"{folder} is a file: choose a folder."
        if holds_images(self._desk.session.opened, folder):
            return (
                f"Your images lie in {folder}, and masks of the same names would "
                "replace them: choose another folder."
            )
        return None

    def start(self, wish: ExportWish) -> bool:
        """Begin to export; whether it has begun, else the view says why not."""
        reason = self.why_not() or self.why_not_into(wish.folder)
        if reason is None and not self._desk.autosave.flush(_SAVING):
            reason = (
                "The last strokes could not be saved, and would be missing in the "
                "results: make room on the disk, then export again."
            )
        if reason is not None:
            self._show(ExportView(sentence=reason, problem=True))
            return False
        self._request = self._desk.server.ask_export(
            wish.folder,
            images=wish.images,
            save=wish.save,
            objects=asdict(wish.objects),
            measurements=wish.measurements,
        )
        if self._request is None:
            return False
        self._folder = wish.folder
        self._show(ExportView(busy=True, sentence="Starting ..."))
        return True

    def cancel(self) -> None:
        """Stop after the tile in hand; images that are written stay."""
        if self._request is not None:
            self._desk.server.cancel(self._request)
            self._show(replace(self.view, sentence="Stopping ..."))

    def close(self) -> None:
        """Let go of the server."""
        self._desk.server.export_event.disconnect(self._hear)
        self._desk.session.project_changed.disconnect(self._forget)

    def _hear(self, event: Event) -> None:
        if self._request is None or event.get("request") != self._request:
            return
        name = event["event"]
        if name == "exporting":
            self._show(_under_way(event))
            return
        self._request = None
        if name == "exported":
            self._show(_done(event["report"], Path(event["folder"])))
        elif name == "refused":
            self._show(ExportView(sentence=event["sentence"], problem=True))
        else:
            self._show(
                ExportView(
                    sentence="Stopped. Images that were written before stay there.",
                    folder=self._written_folder(),
                )
            )

    def _forget(self) -> None:
        self._request = None
        self._show(ExportView())

    def _written_folder(self) -> Path | None:
        there = self._folder is not None and self._folder.is_dir()
        return self._folder if there else None

    def _show(self, view: ExportView) -> None:
        self.view = view
        self.changed.emit()


def holds_images(project: Project, folder: Path) -> bool:
    """Whether images of a project lie directly in a folder."""
    places = (
        path for i in project.images for path in possible_places(i, project.folder)
    )
    return any(path.parent == folder.resolve() for path in places)


def _under_way(event: Event) -> ExportView:
    number, total = event["number"], max(event["total"], 1)
    tiles = max(event["tiles"], 1)
    sentence = f"Image {number + 1} of {total}: {event['image']}"
    return ExportView(
        busy=True,
        fraction=min(1.0, (number + event["done"] / tiles) / total),
        sentence=sentence,
    )


def _done(report: dict[str, Any], folder: Path) -> ExportView:
    written, skipped = report["written"], report["skipped"]
    counts = [one["n_objects"] for one in written if one["n_objects"] is not None]
    words = f"{_count(len(written), 'image')} written"
    if counts:
        words += f", {_count(sum(counts), 'object')}"
    if gave_way := sum(len(one.get("conflicts", ())) for one in written):
        words += f"; {_count(gave_way, 'object')} of the model gave way to yours"
    if skipped:
        words += f"; {_count(len(skipped), 'image')} left out"
    warnings = [(one["name"], one["warning"]) for one in written if one["warning"]]
    left_out = [(Path(one["path"]).name, one["reason"]) for one in skipped]
    return ExportView(
        sentence=f"{words}.",
        problem=bool(skipped),
        folder=folder if written else None,
        skipped=(*left_out, *warnings),
    )


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
