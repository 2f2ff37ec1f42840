"""Predictions as files: which kinds there are, where they go, what became of each."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from napari_semiseg.errors import SemisegError
from napari_semiseg.exchange.labels import read_labels
from napari_semiseg.exchange.tiff import (
    write_classes,
    write_confidence,
    write_instances,
    write_probability,
)
from napari_semiseg.files import write_json
from napari_semiseg.project.owners import Owner
from napari_semiseg.project.reduction import Scalar, enlarge

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_semiseg.api.subjects import Subject
    from napari_semiseg.exchange.tiff import ExportedMask
    from napari_semiseg.prediction.prediction import Prediction
    from napari_semiseg.project.catalogue import SkippedImage
    from napari_semiseg.project.owners import Conflict
    from napari_semiseg.project.records import Task

Kind = Literal["instances", "classes", "probability", "confidence", "owners"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class ObjectOptions:
    """Which objects are written, and how; see `exchange.tiff.write_instances`."""

    consecutive: bool = False
    drop_border: bool = False
    min_area: int = 0
    max_area: int | None = None
    fill_holes: bool = False


@dataclass(frozen=True)
class WrittenImage:
    """The files of one image, its number of objects (None: not saved) and a warning.

    ``conflicts`` are objects of the model that gave way to the person's.
    """

    name: str
    files: tuple[Path, ...]
    n_objects: int | None = None
    warning: str | None = None
    conflicts: tuple[Conflict, ...] = ()


@dataclass(frozen=True)
class OutputReport:
    """What became of the images: written, or skipped with the reason."""

    written: tuple[WrittenImage, ...]
    skipped: tuple[SkippedImage, ...]

    @property
    def n_conflicts(self) -> int:
        """Objects of the model that gave way to the person's, in all images."""
        return sum(len(one.conflicts) for one in self.written)

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "written": [
                {**asdict(one), "files": list(map(str, one.files))}
                for one in self.written
            ],
            "skipped": [
                {"path": str(one.path), "reason": one.reason} for one in self.skipped
            ],
        }


class Progress:
    """Tells somebody which image of how many is under way; by itself it is silent."""

    def image(self, number: int, total: int, name: str) -> None:
        """Image ``number`` (from 0) of ``total`` begins; ``number == total``: done."""

    def tiles(self, done: int, total: int) -> None:
        """So many tiles of the image are done."""


MAIN_KIND: dict[Task, Kind] = {"instances": "instances", "semantic": "classes"}
"""What is saved where nothing else is asked for, as ``STEM.tif``."""


def kinds_of(names: str | Iterable[str] | None, task: Task) -> tuple[Kind, ...]:
    """Kinds to save, from names or ``instances,classes``; None: the main kind.

    Raises
    ------
    SemisegError
        When there is no such kind, with the choices.
    """
    if names is None:
        return (MAIN_KIND[task],)
    parts = names.split(",") if isinstance(names, str) else list(names)
    wanted = [part.strip() for part in parts]
    unknown = [name for name in wanted if name not in KINDS]
    if unknown or not wanted:
        raise SemisegError(
            f"{', '.join(unknown) or 'Nothing'} cannot be saved: "
            f"choose among {', '.join(KINDS)}."
        )
    return tuple(kind for kind in KINDS if kind in wanted)


def check_targets(
    folder: Path, subjects: Sequence[Subject], stems: Sequence[str]
) -> None:
    """Refuse a folder in which a result would take the place of an image.

    Raises
    ------
    SemisegError
        Naming the image.
    """
    images = {subject.path.resolve() for subject in subjects}
    for stem in stems:
        if (folder / f"{stem}.tif").resolve() in images:
            raise SemisegError(
                f"The result {stem}.tif would replace the image of that name in "
                f"{folder}. Choose another folder for the results."
            )


def write_owners(
    folder: Path,
    stem: str,
    subject: Subject,
    owners: NDArray[np.uint8],
    mask: Path | None = None,
) -> Path:
    """Write who owns each pixel as ``STEM_owners.tif``, of the size of the mask.

    Parameters
    ----------
    owners
        uint8 ``(*S)``, values of `Owner`: 0 nobody, 1 the model, 2 accepted, 3 the
        person, 4 ignored.
    mask
        The mask written beside: of an object that is left out there nobody is the
        owner, where it has no other than the model. None: there is none.
    """
    full = _full(owners, subject)
    if mask is not None:
        objects = read_labels(mask, full.shape) > 0
        full = full.copy()
        full[~objects & (full == Owner.TEACHER)] = Owner.NOBODY
        full[objects & (full == Owner.NOBODY)] = Owner.TEACHER
    axes = "ZYX"[-full.ndim :]
    path = folder / f"{stem}_owners.tif"
    return write_classes(path, full, axes=axes, **_scale(subject))


def write_mask(
    folder: Path,
    stem: str,
    subject: Subject,
    instances: NDArray[np.int32],
    options: ObjectOptions,
    task: Task = "instances",
    classes: Mapping[int, str] | None = None,
) -> ExportedMask:
    """Write objects as ``STEM.tif`` with their sidecar ``STEM.json``.

    The sidecar has the names of the objects' ``classes``, if they have any.

    Objects in working pixels come out in those of the file, as do all results. Of a
    semantic task, whose main result are classes, they go to ``instances/STEM.tif``.
    """
    return write_instances(
        _place(folder, stem, "instances", task),
        _full(instances, subject),
        axes="ZYX"[-instances.ndim :],
        classes=classes,
        **asdict(options),
        **_scale(subject),
    )


def names_of(classes: Mapping[int, int], names: Sequence[str]) -> dict[int, str] | None:
    """The name of each object's class; None where there is but one class."""
    if len(names) < 2:
        return None
    return {number: names[kind - 1] for number, kind in classes.items()}


def write_maps(
    folder: Path,
    stem: str,
    subject: Subject,
    found: Prediction,
    kinds: Iterable[Kind],
    class_names: Sequence[str] | None = None,
) -> list[Path]:
    """Write classes, probability and confidence as ``KIND/STEM.tif``.

    With ``class_names``, without the background, the task is semantic: its classes are
    ``STEM.tif``, and ``STEM.json`` names them.
    """
    task: Task = "instances" if class_names is None else "semantic"
    scale, axes = _scale(subject), "ZYX"[-found.classes.ndim :]
    written = []
    for kind in kinds:
        path = _place(folder, stem, kind, task)
        if kind == "classes":
            write_classes(path, _full(found.classes, subject), axes=axes, **scale)
            if class_names is not None:
                names = dict(enumerate(("background", *class_names)))
                write_json(path.with_suffix(".json"), {"classes": names})
        elif kind == "probability":
            probability = _full(found.probability, subject)
            write_probability(path, probability, axes=f"C{axes}", **scale)
        elif kind == "confidence":
            write_confidence(path, _full(found.confidence, subject), axes=axes, **scale)
        else:
            continue
        written.append(path)
    return written


def _place(folder: Path, stem: str, kind: Kind, task: Task) -> Path:
    """The main kind lies in the folder itself, every other one in its own."""
    inner = folder if kind == MAIN_KIND[task] else folder / kind
    return inner / f"{stem}.tif"


def memory_sentence(name: str) -> str:
    """For an image that is too large for this computer."""
    return f"{name} does not fit into the memory: cut it into smaller images."


def _full(pixels: NDArray[Scalar], subject: Subject) -> NDArray[Scalar]:
    return enlarge(pixels, subject.full_shape, subject.reduction)


def _scale(subject: Subject) -> dict[str, Any]:
    size = subject.full_pixel_size
    known = size is not None and subject.pixel_unit != "pixel"
    if not known:
        return {"pixel_size": None, "unit": None}
    return {"pixel_size": size, "unit": subject.pixel_unit}
