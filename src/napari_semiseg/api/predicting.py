"""Predict images of a project, or any images with a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

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
)
from napari_semiseg.api.proposals import Proposals, load_predictor
from napari_semiseg.api.subjects import of_file, of_project, output_stems
from napari_semiseg.errors import SemisegError
from napari_semiseg.project.catalogue import SkippedImage
from napari_semiseg.project.places import expand
from napari_semiseg.project.project import FILE_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from napari_semiseg.api.subjects import Subject
    from napari_semiseg.prediction.prediction import Prediction
    from napari_semiseg.prediction.predictor import Predictor
    from napari_semiseg.project.project import Project


def predict(
    source: str | Path | Project,
    images: Iterable[str | Path] = (),
    *,
    output: str | Path,
    save: str | Iterable[str] | None = None,
    axes: str | None = None,
    channels: Sequence[int] | None = None,
    rescale: bool = False,
    device: str = "auto",
    progress: Progress | None = None,
) -> OutputReport:
    """Predict images and write the results as TIFF.

    Parameters
    ----------
    source
        A project, whose model in use predicts, or the folder of a model or run.
    images
        Files, folders, and names of the project's images; none: all of the project.
        A stack of frames gives a result for each, such as ``cells-t003.tif``.
    output
        Folder: instances become ``STEM.tif``, other kinds ``KIND/STEM.tif``. Of a
        semantic task the classes become ``STEM.tif``.
    save
        Among instances, classes, probability, confidence; None: that which becomes
        ``STEM.tif``. Instances of a semantic task are connected pieces of one class.
    axes, channels
        How to read files that are not in the project.
    rescale
        Predict at the model's pixel size where the image's is known and differs.

    Returns
    -------
    OutputReport
        A bad file is skipped with the reason.

    Raises
    ------
    SemisegError
        When there is no model, or no image.
    """
    if save is not None:
        kinds_of(save, "instances")  # A wrong name is refused before a model is loaded.
    if _is_model(source):
        project, proposals = None, None
        predictor = load_predictor(_model_folder(Path(str(source))), device)
    else:
        project = as_project(source)
        proposals = Proposals(project, device)
        predictor = proposals.predictor
    card = predictor.model.card
    kinds = kinds_of(save, card.task)
    if "owners" in kinds:
        raise SemisegError(
            "A prediction is the model's alone: export a project to save the owners of "
            "its pixels."
        )
    names = card.classes if card.task == "semantic" else None
    subjects, skipped = _subjects(project, list(images), axes, channels)
    if not subjects and not skipped:
        raise SemisegError("There is no image to predict: name image files.")
    folder = Path(output).expanduser()
    show = progress or Progress()
    written = []
    stems = output_stems(subjects)
    check_targets(folder, subjects, stems)
    for number, (subject, stem) in enumerate(zip(subjects, stems, strict=True)):
        show.image(number, len(subjects), subject.name)
        try:
            found, warning = _predict(
                predictor, proposals, subject, rescale, show.tiles
            )
            files = write_maps(folder, stem, subject, found, kinds, names)
            n_objects = None
            if "instances" in kinds:
                options = ObjectOptions()
                kinds_found = names_of(found.object_classes, card.classes)
                mask = write_mask(
                    folder,
                    stem,
                    subject,
                    found.instances,
                    options,
                    card.task,
                    kinds_found if card.n_kinds else None,
                )
                files, n_objects = [mask.path, *files], mask.n_objects
        except MemoryError:
            reason = memory_sentence(subject.name)
            skipped.append(SkippedImage(subject.path, reason))
        except SemisegError as error:
            skipped.append(SkippedImage(subject.path, str(error), error))
        else:
            one = WrittenImage(subject.name, tuple(files), n_objects, warning)
            written.append(one)
    show.image(len(subjects), len(subjects), "")
    return OutputReport(tuple(written), tuple(skipped))


def _predict(
    predictor: Predictor,
    proposals: Proposals | None,
    subject: Subject,
    rescale: bool,
    progress: Callable[[int, int], None],
) -> tuple[Prediction, str | None]:
    """The prediction, and the warning that the pixel size differs."""
    from napari_semiseg.prediction.rescale import rescale_factors, warn_pixel_size

    card, scale = predictor.model.card, (subject.pixel_size, subject.pixel_unit)
    factors = rescale_factors(card, *scale) if rescale else None
    warning = None if factors else warn_pixel_size(card, *scale)
    if proposals is not None and subject.item is not None:
        return proposals.predict(subject.item, progress, factors), warning
    found = predictor.predict(subject.open(), rescale=factors, progress=progress)
    return found, warning


def _subjects(
    project: Project | None,
    names: Sequence[str | Path],
    axes: str | None,
    channels: Sequence[int] | None,
) -> tuple[list[Subject], list[SkippedImage]]:
    """What was asked for, each image once, and the files that cannot be read."""
    if not names:
        items = () if project is None else project.images
        return ([] if project is None else of_project(project, items)), []
    reduction = 1 if project is None else project.reduction
    subjects: list[Subject] = []
    skipped: list[SkippedImage] = []
    for name in dict.fromkeys(map(str, names)):
        known = None if project is None else known_subjects(project, name)
        if known:
            subjects += known
            continue
        for path in expand([name]):
            try:
                subjects += of_file(path, axes, channels, reduction)
            except SemisegError as error:
                skipped.append(SkippedImage(path, str(error), error))
    unique = {(subject.path.resolve(), subject.frame): subject for subject in subjects}
    return list(unique.values()), skipped


def known_subjects(project: Project, name: str) -> list[Subject]:
    """The images of a project with a name; all frames of a stack; none if unknown."""
    try:
        found = [project.image(name)]
    except SemisegError:
        # A stack, or no image of the project.
        found = []
        for frame in range(max((item.n_frames for item in project.images), default=0)):
            try:
                found.append(project.image(name, frame))
            except SemisegError:
                break
    return of_project(project, found)


def _is_model(source: object) -> bool:
    if not isinstance(source, (str, Path)):
        return False
    folder = Path(source).expanduser()
    return not (folder / FILE_NAME).exists() and any(
        (place / "model.json").is_file() for place in (folder, folder / "model")
    )


def _model_folder(folder: Path) -> Path:
    place = folder.expanduser()
    return place if (place / "model.json").is_file() else place / "model"
