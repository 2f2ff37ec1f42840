"""Export a project: what its model finds, with the person's own objects on top."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.api.merging import (
    MergedObjects,
    merged_objects,
    own_objects,
    with_own_classes,
)
from napari_semiseg.api.opening import as_project
from napari_semiseg.api.outputs import (
    ObjectOptions,
    OutputReport,
    Progress,
    WrittenImage,
    check_targets,
    kinds_of,
    memory_sentence,
    names_of,
    write_maps,
    write_mask,
    write_owners,
)
from napari_semiseg.api.predicting import known_subjects
from napari_semiseg.api.proposals import Proposals
from napari_semiseg.api.subjects import of_project, output_stems
from napari_semiseg.errors import SemisegError
from napari_semiseg.exchange.labels import read_labels
from napari_semiseg.exchange.tables import write_table
from napari_semiseg.geometry import Box
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.catalogue import SkippedImage
from napari_semiseg.project.reduction import enlarge
from napari_semiseg.segmentation.measurements import measure, measure_classes
from napari_semiseg.segmentation.watershed import connected_components

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_semiseg.api.outputs import Kind
    from napari_semiseg.api.subjects import Subject
    from napari_semiseg.exchange.tiff import ExportedMask
    from napari_semiseg.prediction.prediction import Prediction
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem


def export(
    project: str | Path | Project,
    output: str | Path,
    *,
    images: Iterable[str | Path] = (),
    save: str | Iterable[str] | None = None,
    options: ObjectOptions | None = None,
    measurements: bool = True,
    device: str = "auto",
    progress: Progress | None = None,
    proposals: Proposals | None = None,
) -> OutputReport:
    """Write the masks of a project's images, and a table of their objects.

    Parameters
    ----------
    output
        Folder: ``STEM.tif`` with ``STEM.json`` (options) and ``STEM.csv``
        (measurements), owners as ``STEM_owners.tif``, other kinds as
        ``KIND/STEM.tif``. In a project of task ``semantic`` it is the classes that are
        ``STEM.tif``, and their areas that are ``STEM.csv``.
    images
        Names of images; none: all.
    save
        Among instances, classes, probability, confidence, owners; None: that which
        becomes ``STEM.tif``. Probability and confidence are the model's alone, and so
        are classes where objects are the task; instances of a semantic task are
        connected pieces of one class. Owners are those of the pixels, see `Owner`.
    options
        Which objects are written, and how.
    measurements
        Write ``STEM.csv`` beside a mask: its objects, with the class of each where
        there are several, or the area of its classes.
    proposals
        Of this project, made before; ``device`` then does not count.

    Returns
    -------
    OutputReport
        A bad image is skipped with the reason.

    Raises
    ------
    SemisegError
        When there is no model, or no such image.
    """
    opened = as_project(project)
    kinds = kinds_of(save, opened.task)
    subjects = _chosen(opened, [str(name) for name in images])
    writer = _Exporter(
        opened,
        proposals or Proposals(opened, device),
        Path(output).expanduser(),
        kinds,
        options or ObjectOptions(),
        measurements,
    )
    show = progress or Progress()
    written, skipped = [], []
    stems = output_stems(subjects)
    check_targets(Path(output).expanduser(), of_project(opened, opened.images), stems)
    for number, (subject, stem) in enumerate(zip(subjects, stems, strict=True)):
        show.image(number, len(subjects), subject.name)
        try:
            written.append(writer.write(subject, stem, show))
        except MemoryError:
            reason = memory_sentence(subject.name)
            skipped.append(SkippedImage(subject.path, reason))
        except SemisegError as error:
            skipped.append(SkippedImage(subject.path, str(error), error))
    show.image(len(subjects), len(subjects), "")
    return OutputReport(tuple(written), tuple(skipped))


class _Exporter:
    """Writes one image after the other."""

    def __init__(
        self,
        project: Project,
        proposals: Proposals,
        folder: Path,
        kinds: tuple[Kind, ...],
        options: ObjectOptions,
        measurements: bool,
    ) -> None:
        self._project = project
        self._proposals = proposals
        self._folder = folder
        self._kinds = kinds
        self._options = options
        self._measurements = measurements

    def write(self, subject: Subject, stem: str, show: Progress) -> WrittenImage:
        """Predict (unless it is known), merge and write one image."""
        item = subject.item
        assert item is not None
        files: list[Path] = []
        if self._project.task == "semantic":
            found = self._with_own_classes(item, show)
            names = self._project.classes
            files += write_maps(self._folder, stem, subject, found, self._kinds, names)
            if self._measurements and "classes" in self._kinds:
                files.append(self._measure_classes(item, found.classes, stem))
            merged = self._pieces(item, found)
        else:
            if set(self._kinds) <= {"instances", "owners"}:
                proposed = self._proposals.objects(item, show.tiles)
            else:
                found = self._proposals.predict(item, show.tiles)
                files += write_maps(self._folder, stem, subject, found, self._kinds)
                proposed = found.instances, found.object_classes
            merged = merged_objects(self._project, item, *proposed)
        mask = None
        if "instances" in self._kinds:
            mask = self._write_objects(subject, item, stem, merged)
            files = [mask.path, *files]
            if self._measurements:
                files.append(self._measure(item, mask))
        if "owners" in self._kinds:
            objects = self._project.task == "instances"
            beside = mask.path if mask is not None and objects else None
            owned = merged.owners
            files.append(write_owners(self._folder, stem, subject, owned, beside))
        n_objects = None if mask is None else mask.n_objects
        return WrittenImage(
            subject.name, tuple(files), n_objects, conflicts=merged.conflicts
        )

    def _write_objects(
        self, subject: Subject, item: ImageItem, stem: str, merged: MergedObjects
    ) -> ExportedMask:
        """The mask of the objects, with the names of their classes."""
        task = self._project.task
        kinds = names_of(merged.classes, self._project.classes)
        return write_mask(
            self._folder,
            stem,
            subject,
            merged.instances,
            self._options,
            task,
            None if task == "semantic" else kinds,
        )

    def _pieces(self, item: ImageItem, found: Prediction) -> MergedObjects:
        """The pieces of classes, and who owns the pixels of these."""
        tiles = AnnotationStore(self._project).tiles(item)
        own = own_objects(self._project, item, tiles)
        owners = own.owners_over(found.classes.astype(np.int32))
        return MergedObjects(found.instances, {}, owners)

    def _with_own_classes(self, item: ImageItem, show: Progress) -> Prediction:
        """The prediction with the classes a person gave on top, and their pieces."""
        found = self._proposals.predict(item, show.tiles)
        classes = with_own_classes(self._project, item, found.classes)
        smallest = self._proposals.card.min_size
        pieces = connected_components(classes, min_size=smallest)
        return replace(found, classes=classes, instances=pieces)

    def _measure_classes(
        self, item: ImageItem, classes: NDArray[np.uint8], stem: str
    ) -> Path:
        full = enlarge(classes, item.full_shape, item.reduction)
        size, unit = item.full_pixel_size, item.pixel_unit or "pixel"
        table = measure_classes(full, self._project.classes, size, unit)
        return write_table(self._folder / f"{stem}.csv", table)

    def _measure(self, item: ImageItem, mask: ExportedMask) -> Path:
        pixels = self._project.frame(item).read(Box.whole(item.full_shape))
        objects = read_labels(mask.path, item.full_shape)
        size, unit = item.full_pixel_size, item.pixel_unit or "pixel"
        table = measure(objects, pixels, size, unit)
        if self._project.task == "instances" and len(self._project.classes) > 1:
            names = [mask.classes.get(n, "") for n in table["label"].tolist()]
            rest = {name: column for name, column in table.items() if name != "label"}
            table = {"label": table["label"], "class": np.array(names, str), **rest}
        return write_table(mask.path.with_suffix(".csv"), table)


def _chosen(project: Project, names: list[str]) -> list[Subject]:
    if not names:
        if not project.images:
            raise SemisegError("This project has no image yet: add images first.")
        return of_project(project, project.images)
    subjects: dict[str, Subject] = {}
    for name in names:
        found = known_subjects(project, name)
        if not found:
            project.image(name)  # Raises, naming near matches.
        subjects |= {one.item.id: one for one in found if one.item}
    return list(subjects.values())
