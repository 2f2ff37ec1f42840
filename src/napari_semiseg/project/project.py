"""A project: a folder with everything the program knows about some images."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import make_folder
from napari_semiseg.project.catalogue import (
    AddedImages,
    SkippedImage,
    catalogue,
    fitting,
)
from napari_semiseg.project.labels_there import is_labelled
from napari_semiseg.project.locks import PROJECT_FILE
from napari_semiseg.project.opening import ImageOpener
from napari_semiseg.project.places import (
    expand,
    find_item,
    images_below,
    moved,
    possible_places,
)
from napari_semiseg.project.project_file import KeptFile, read_project
from napari_semiseg.project.records import ImageItem, ProjectFile, class_names
from napari_semiseg.project.reduction import at_reduction
from napari_semiseg.project.sources import NormalisedSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pydantic import JsonValue

    from napari_semiseg.exchange.images import LazyFrame
    from napari_semiseg.project.records import Role, Task

FILE_NAME = PROJECT_FILE


class Project:
    """A project folder that is open; make one with `create` or `open`.

    Attributes
    ----------
    folder
        Absolute path. It may be moved, copied or zipped while nobody works on it.
    """

    def __init__(self, folder: Path, file: ProjectFile) -> None:
        self.folder = folder
        self._kept = KeptFile(folder, file)
        self._opener = ImageOpener(folder)

    @classmethod
    def create(
        cls,
        folder: str | Path,
        task: Task = "instances",
        classes: Sequence[str] = ("object",),
    ) -> Project:
        """Make a project in a new or existing folder.

        Parameters
        ----------
        task
            Objects one by one, or one class per pixel.
        classes
            Names without the background, which is always class 0.

        Raises
        ------
        SemisegError
            When the folder is a project already, or the classes are not distinct names.
        """
        place = Path(folder).expanduser().resolve()
        if (place / FILE_NAME).exists():
            raise SemisegError(f"{place} is a project already: open it instead.")
        names = class_names(classes)
        make_folder(place)
        created = datetime.now(UTC).isoformat(timespec="seconds")
        project = cls(place, ProjectFile(task=task, classes=names, created=created))
        project._kept.write(project._kept.file)
        return project

    @classmethod
    def open(cls, folder: str | Path) -> Project:
        """Open a project by its folder, or by the ``project.json`` in it.

        Raises
        ------
        SemisegError
            When it is no project, damaged, or made by a newer version.
        """
        place = Path(folder).expanduser().resolve()
        place = place.parent if place.name == FILE_NAME else place
        if not (place / FILE_NAME).is_file():
            raise SemisegError(
                f"{place} is not a project: it holds no {FILE_NAME}. "
                "Make one with: napari-semiseg init PROJECT IMAGE..."
            )
        return cls(place, read_project(place))

    @property
    def task(self) -> Task:
        """``instances`` or ``semantic``."""
        return self._kept.file.task

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, without the background."""
        return self._kept.file.classes

    @property
    def images(self) -> tuple[ImageItem, ...]:
        """All images and frames, in the order they were added."""
        return self._kept.file.images

    @property
    def reduction(self) -> int:
        """So many pixels of the files, along Y and X, make a working pixel."""
        return self.images[0].reduction if self.images else 1

    @property
    def settings(self) -> Mapping[str, JsonValue]:
        """Choices that belong to the project, by name."""
        return self._kept.file.settings

    def image(
        self, name: str | Path | ImageItem, frame: int | None = None
    ) -> ImageItem:
        """The image with this id, path, file name or stem, and frame of a stack.

        Raises
        ------
        SemisegError
            When none fits, naming near matches, or several do.
        """
        if isinstance(name, ImageItem):
            name, frame = name.id, None
        return find_item(self.images, name, frame, self.folder)

    def add_images(
        self,
        paths: Iterable[str | Path],
        axes: str | None = None,
        channels: Sequence[int] | None = None,
        role: Role = "pool",
        progress: Callable[[Path], None] | None = None,
        reduction: int | None = None,
    ) -> AddedImages:
        """Add image files, and the images directly in folders; bad ones are skipped.

        Parameters
        ----------
        axes, channels
            How to read the files, where a guess could be wrong.
        role
            ``test`` images never train, not even as unlabelled ones.
        progress
            Called with each file before it is read.
        reduction
            Scale to work at: so many pixels of the file to a working pixel; None: as
            the other images.

        Returns
        -------
        AddedImages
            New items, one a frame, and the files skipped with the reason.
        """
        scale = self._scale_for_new(reduction)
        read, skipped = [], []
        for path in expand(paths):
            if progress:
                progress(path)
            try:
                items = catalogue(path, self.folder, axes, channels, role, scale)
                read.append(items)
            except SemisegError as error:
                skipped.append(SkippedImage(path, str(error), error))
        with self._kept.change() as change:
            present = self.images
            joined = fitting(read, present, self.folder)
            if joined.added:
                change["images"] = (*present, *joined.added)
        return AddedImages(joined.added, (*skipped, *joined.skipped))

    def frame(self, item: ImageItem) -> LazyFrame:
        """Pixels of the file, whatever the scale; it is made sure that they are right.

        Raises
        ------
        SemisegError
            When the file is missing, or holds other pixels than those that were added.
        """
        return self._opener.open(item)

    def source(self, item: ImageItem) -> NormalisedSource:
        """Working pixels, normalised by the stored percentiles (an `ImageSource`).

        Raises
        ------
        SemisegError
            As `frame` does.
        """
        return NormalisedSource(self._opener.pixels(item), item.low, item.high)

    def describe(self, item: ImageItem) -> str:
        """The image in words: name, channels, frames, size."""
        scale = "" if item.reduction == 1 else f", used at 1/{item.reduction} its size"
        return f"{item.name}: {item.words}{scale}"

    def missing(self) -> list[ImageItem]:
        """Images whose file is not where it was."""
        return [i for i in self.images if not any(possible_places(i, self.folder))]

    def relocate(self, folder: str | Path) -> int:
        """Search a folder and its subfolders for images that are missing or changed.

        An image is recognised by shape, type and pixels, whatever it is called now.

        Returns
        -------
        int
            How many images (frames) were found again.
        """
        lost = [item for item in self.images if not self._opener.present(item)]
        files = list(images_below(Path(folder).expanduser().resolve()))
        search = self._opener.search
        found = {item.id: path for item in lost if (path := search(item, files))}
        if found:
            self._change_images(lambda i: moved(i, found.get(i.id), self.folder))
            self._opener.forget()
        return len(found)

    def set_reduction(self, reduction: int) -> None:
        """Work on all images at another scale; see `add_images`.

        Raises
        ------
        SemisegError
            When something is labelled already, or an image is too small.
        """
        if reduction != self.reduction and is_labelled(self):
            raise SemisegError(
                "The scale cannot change any more: there are tiles or corrections that "
                "were drawn at the present one. Make a new project for another scale."
            )
        self._change_images(lambda item: at_reduction(item, reduction))

    def set_role(self, item: ImageItem, role: Role) -> ImageItem:
        """Make an image part of the pool, or hold it out for testing."""
        self._change_images(
            lambda i: i.model_copy(update={"role": role}) if i.id == item.id else i
        )
        return self.image(item)

    def change_classes(self, classes: Sequence[str]) -> None:
        """Rename classes, or add some behind them; none goes, as labels name it."""
        names = class_names(classes)
        with self._kept.change() as change:
            if len(names) < len(self.classes):
                raise SemisegError("A class cannot be removed: labels may be of it.")
            change["classes"] = names

    def update_settings(self, **settings: JsonValue) -> None:
        """Change some of the project's settings."""
        with self._kept.change() as change:
            change["settings"] = {**self.settings, **settings}

    def reload(self) -> ProjectFile:
        """Read ``project.json`` again, which another program may have changed."""
        return self._kept.reload()

    def _scale_for_new(self, reduction: int | None) -> int:
        if reduction is not None and self.images and reduction != self.reduction:
            raise SemisegError(
                f"The images of this project are used at 1/{self.reduction} of their "
                "size, and all need one scale: change it for all of them first."
            )
        return reduction or self.reduction

    def _change_images(self, change: Callable[[ImageItem], ImageItem]) -> None:
        with self._kept.change() as changes:
            changes["images"] = tuple(map(change, self.images))
