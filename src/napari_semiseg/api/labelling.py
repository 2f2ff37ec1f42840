"""Images and labels into a project: init, label."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.api.object_labels import (
    check_all_have_one,
    classes_of_labels,
    not_first,
)
from napari_semiseg.api.opening import as_box, as_project
from napari_semiseg.errors import SemisegError
from napari_semiseg.exchange.labels import as_labels, read_labels
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.class_tiles import classes_of_ids
from napari_semiseg.project.project import FILE_NAME, Project
from napari_semiseg.project.reduction import reduce_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from napari_semiseg.api.object_labels import ObjectClasses
    from napari_semiseg.geometry import Box
    from napari_semiseg.project.annotations import ImportReport
    from napari_semiseg.project.catalogue import SkippedImage
    from napari_semiseg.project.records import ImageItem, Role, Task, TileState


@dataclass(frozen=True, eq=False)
class InitReport:
    """A project and what became of the files to add.

    ``created`` is False where the project was there and only got further images;
    ``found`` of its images had moved and are known again, ``missing`` ones are not.
    """

    project: Project
    created: bool
    added: tuple[ImageItem, ...]
    skipped: tuple[SkippedImage, ...]
    found: int = 0
    missing: tuple[ImageItem, ...] = ()


def init(
    project: str | Path,
    images: Iterable[str | Path] = (),
    *,
    task: Task | None = None,
    classes: Sequence[str] | None = None,
    axes: str | None = None,
    channels: Sequence[int] | None = None,
    role: Role = "pool",
    reduction: int | None = None,
    on_file: Callable[[Path], None] | None = None,
) -> InitReport:
    """Make a project of images, or add images to the one that is there.

    Images of the project that are missing are looked for among the files and in the
    folders given, and known again by their pixels.

    Parameters
    ----------
    project
        Its folder.
    images
        Files, and folders of files; a bad one is skipped with the reason.
    task, classes
        None: ``instances`` and ``("object",)``, or those of the project.
    axes, channels
        How to read the files where a guess could be wrong, e.g. ``CYX`` and ``(0, 2)``.
    role
        ``test`` images never train, not even as unlabelled ones.
    reduction
        Scale to work at: so many pixels of the file, along Y and X, to a working pixel;
        None: full, or that of the project. Another one than that of the project is for
        all its images, as long as nothing is labelled.
    on_file
        Called with each file before it is read.

    Raises
    ------
    SemisegError
        When the project cannot be made, has another task or other classes, or is
        labelled at another scale.
    """
    created = not _is_project(Path(project))
    if created:
        opened = Project.create(project, task or "instances", classes or ("object",))
    else:
        opened = Project.open(project)
        _check_same(opened, task, classes)
        if reduction is not None:
            opened.set_reduction(reduction)
    paths = [images] if isinstance(images, (str, Path)) else list(images)
    found = _relocate(opened, paths)
    result = opened.add_images(paths, axes, channels, role, on_file, reduction)
    missing = tuple(opened.missing())
    return InitReport(opened, created, result.added, result.skipped, found, missing)


def _relocate(project: Project, paths: Sequence[str | Path]) -> int:
    """Look for missing images where others are; how many were found."""
    if not project.missing():
        return 0
    folders = {path if path.is_dir() else path.parent for path in map(Path, paths)}
    return sum(project.relocate(folder) for folder in sorted(folders))


def label(
    project: str | Path | Project,
    image: str | Path,
    labels: str | Path | NDArray[Any],
    *,
    tiles: Sequence[Box | Sequence[int]] | None = None,
    frame: int | None = None,
    role: TileState = "training",
    separate: bool = False,
    class_values: str | None = None,
    object_classes: ObjectClasses | None = None,
) -> ImportReport:
    """Take labelled tiles from a label image.

    Parameters
    ----------
    image
        Id, path, file name or stem of an image of the project.
    labels
        Label image of the whole image in its full size (or an array of it): 0 no
        object, negative ignore, ids >= 1. In a project of task ``semantic`` the numbers
        are the classes, in the order of their names, and 0 is the background.
    tiles
        Boxes, or ``(y, x, height, width)``, in working pixels; None: the whole image is
        one tile.
    frame
        Of a stack, counted from 0; of the image, and of the labels where they are a
        stack too.
    role
        ``training`` or ``validation``; ``to do`` never trains.
    separate
        Give each piece of an id that covers several an id of its own; not where the
        numbers are classes.
    class_values
        Which class each grey value of a semantic label image stands for, such as
        ``0:background,128:cytoplasm,255:nucleus``, or ``ignore``; None: the numbers are
        the classes. Of objects: the grey values of ``object_classes``.
    object_classes
        Of which class each object is, where objects have several: a table (CSV with
        ``label`` and ``class``), the JSON file of an exported mask, a label image of
        classes, or a class for each id. None: what stands beside the label image in
        such a table or JSON file; without any all are of the first class.

    Raises
    ------
    SemisegError
        When the labels do not fit the image, a tile does not, or a number stands for no
        class; nothing is written.
    """
    opened = as_project(project)
    item = opened.image(image, frame)
    if isinstance(labels, (str, Path)):
        which = item.frame if item.n_frames > 1 else None
        full = read_labels(labels, item.full_shape, which)
    else:
        full = as_labels(labels, item.full_shape)
    semantic = opened.task == "semantic"
    if class_values is not None and object_classes is None:
        full = _by_value(full, class_values, opened)
    if semantic:
        if object_classes is not None:
            raise SemisegError("The pixels of this project have classes, not objects.")
        _check_classes(full, opened.classes, separate=separate)
    found, vanished = reduce_labels(full, item.reduction)
    boxes = None if not tiles else [as_box(tile) for tile in tiles]
    store = AnnotationStore(opened)
    if semantic:
        return _import_classes(opened, item, found, boxes, role)
    kinds = None
    if object_classes is not None or len(opened.classes) > 1:
        kinds = classes_of_labels(
            full,
            object_classes,
            Path(labels) if isinstance(labels, (str, Path)) else None,
            opened.classes,
            class_values,
            item.frame if item.n_frames > 1 else None,
        )
    if kinds is not None:
        check_all_have_one(found, boxes, kinds)
    report = store.import_labels(
        item, found, boxes, role, fix_components=separate, classes=not_first(kinds)
    )
    counted = _counted(opened, item, report) if len(opened.classes) > 1 else None
    return dataclasses.replace(report, vanished_ids=vanished, of_classes=counted)


def _counted(project: Project, item: ImageItem, report: ImportReport) -> dict[str, int]:
    """Objects of each class in the tiles of a report."""
    store, counts = AnnotationStore(project), dict.fromkeys(project.classes, 0)
    for box in report.boxes:
        drawn = store.load(item, box)
        for number in np.unique(drawn.instances[drawn.instances > 0]).tolist():
            counts[project.classes[drawn.classes.get(number, 1) - 1]] += 1
    return counts


def _check_classes(
    labels: NDArray[np.int32], classes: Sequence[str], *, separate: bool
) -> None:
    """Refuse a label image whose numbers are not those of the classes."""
    if separate:
        raise SemisegError(
            "The numbers of this project's labels are classes, not objects: leave out "
            "the wish to separate pieces."
        )
    numbers = np.unique(labels)
    strange = numbers[numbers > len(classes)].tolist()
    if strange:
        known = ", ".join(f"{n} {name}" for n, name in enumerate(classes, start=1))
        raise SemisegError(
            f"The label image holds {', '.join(map(str, strange[:5]))}"
            f"{', ...' if len(strange) > 5 else ''}, but the classes of this project "
            f"are 0 background, {known}; negative numbers are ignored. Say what its "
            "numbers stand for (--class-values 0:background,...), or write these into "
            "it."
        )


def _by_value(
    labels: NDArray[np.int32], text: str, project: Project
) -> NDArray[np.int32]:
    """The project's class numbers in the place of grey values."""
    from napari_semiseg.api.benchmarking.class_values import ClassValues

    values = ClassValues.parse(text)
    strange = [name for name in values.classes if name not in project.classes]
    if project.task != "semantic" or strange:
        raise SemisegError(
            f"This project has not the classes {', '.join(strange or values.classes)}: "
            f"its task is {project.task}, its classes are {', '.join(project.classes)}."
        )
    numbers = np.full(256, -1, np.int32)
    numbers[0] = 0
    for number, name in enumerate(values.classes, start=1):
        numbers[number] = 1 + project.classes.index(name)
    found: NDArray[np.int32] = numbers[values.classes_of(labels)]
    return found


def _import_classes(
    project: Project,
    item: ImageItem,
    classes: NDArray[np.int32],
    boxes: Sequence[Box] | None,
    role: TileState,
) -> ImportReport:
    """Take tiles whose numbers are classes: each number is of its own class."""
    of_numbers = classes_of_ids(len(project.classes))
    store = AnnotationStore(project)
    report = store.import_labels(item, classes, boxes, role, classes=of_numbers)
    parts = [classes[box.slices] for box in report.boxes]
    present = set(np.concatenate([np.unique(part) for part in parts]).tolist())
    names = ("background", *project.classes)
    labelled = tuple(name for n, name in enumerate(names) if n in present)
    return dataclasses.replace(report, split_ids=(), classes=labelled)


def _is_project(folder: Path) -> bool:
    place = folder.expanduser()
    return place.name == FILE_NAME or (place / FILE_NAME).exists()


def _check_same(
    project: Project, task: Task | None, classes: Sequence[str] | None
) -> None:
    if task not in (None, project.task):
        raise SemisegError(
            f"{project.folder} is a project of task {project.task} already: "
            "make another project for another task."
        )
    if classes is not None and tuple(classes) != project.classes:
        raise SemisegError(
            f"{project.folder} has the classes {', '.join(project.classes)} already: "
            "make another project for other classes."
        )
