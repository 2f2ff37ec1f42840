"""What a run learns from, frozen at its start and kept in its folder.

Labelled tiles and what was said of the pixels of other images are copied, because the
user goes on labelling while the run trains.
Images are not: they are recognised by their content.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import make_folder, read_json, write_json
from napari_semiseg.geometry import Box
from napari_semiseg.learning.training_set import (
    LabelledTile,
    TrainingSet,
    UnlabelledImage,
)
from napari_semiseg.project.labelled import labelled_areas, wholly_labelled
from napari_semiseg.runs.frozen_corrections import (
    FrozenCorrections,
    freeze_corrections,
    load_corrections,
    load_old_trust,
    save_corrections,
)
from napari_semiseg.runs.tile_inputs import read_tile, tile_facts, write_tile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_semiseg.project.labelled import LabelledArea
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem
    from napari_semiseg.runs.folder import RunFolder
    from napari_semiseg.runs.lineage import LearnedBox

SCHEMA_VERSION = 3  # 1: neither class overrides nor trust. 2: trust alone.
EXCLUSION_MARGIN = 32
"""Pixels around validation tiles that are not drawn as unlabelled ones either."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A training set, the identity of its images, and what the user should know."""

    training_set: TrainingSet
    hashes: dict[str, str]
    messages: tuple[str, ...] = ()


def training_set(
    project: Project, *, ancestors: Sequence[LearnedBox] = ()
) -> TrainingSet:
    """What a project offers to learn from now; see :func:`take_snapshot`."""
    return take_snapshot(project, ancestors=ancestors).training_set


def take_snapshot(
    project: Project, *, ancestors: Sequence[LearnedBox] = ()
) -> Snapshot:
    """Collect the labelled tiles and the unlabelled images of a project.

    Parameters
    ----------
    project
        Test images and tiles *to do* are left out; so are, as unlabelled pixels,
        validation tiles with a margin.
    ancestors
        What the model to start from has learned from: a validation tile that touches
        it is not clean.

    Raises
    ------
    SemisegError
        When the project has no image, or an image with labels is missing.
    """
    pool = [item for item in project.images if item.role != "test"]
    if not pool:
        raise SemisegError("The project has no image to learn from. Add images first.")
    lost = {item.id for item in project.missing()}
    areas = list(labelled_areas(project))
    tiles = tuple(_tile(project, area, ancestors) for area in areas)
    present = [item for item in pool if item.id not in lost]
    unlabelled = tuple(
        UnlabelledImage(
            project.source(item),
            item.id,
            _excluded(item, areas),
            freeze_corrections(project, item),
        )
        for item in present
        if not wholly_labelled(item, areas)
    )
    found = TrainingSet(
        labelled=tiles,
        unlabelled=unlabelled,
        n_channels=pool[0].n_channels,
        classes=project.classes,
        task=project.task,
        **_pixel_size(pool),
    )
    hashes = {item.id: item.content_hash for item in present}
    return Snapshot(found, hashes, _about_missing(pool, lost))


def save_inputs(run: RunFolder, snapshot: Snapshot) -> None:
    """Write a snapshot into the run's ``inputs``: tiles as TIFF, the rest as JSON."""
    known = snapshot.training_set
    tiles = []
    for number, tile in enumerate(known.labelled):
        name = f"tile-{number:04d}"
        write_tile(run.inputs, name, tile)
        tiles.append({"name": name, **tile_facts(tile)})
    for image in known.unlabelled:
        if isinstance(image.corrections, FrozenCorrections):
            folder = make_folder(run.inputs / "corrections" / image.image_id)
            save_corrections(image.corrections, folder)
    content = {
        "schema_version": SCHEMA_VERSION,
        "images": snapshot.hashes,
        "n_channels": known.n_channels,
        "classes": list(known.classes),
        "task": known.task,
        "pixel_size": known.pixel_size and list(known.pixel_size),
        "pixel_unit": known.pixel_unit,
        "tiles": tiles,
        "unlabelled": [_unlabelled_facts(image) for image in known.unlabelled],
    }
    write_json(run.inputs / "inputs.json", content)


def load_inputs(run: RunFolder, project: Project) -> TrainingSet:
    """The training set a run was started with, whatever was labelled since.

    Raises
    ------
    SemisegError
        When an image of it has left the project, or the inputs were never written.
    """
    path = run.inputs / "inputs.json"
    if not path.is_file():
        raise SemisegError(
            f"The run {run.id} has no inputs to resume with. Start anew."
        )
    content = read_json(path)
    if content["schema_version"] > SCHEMA_VERSION:
        raise SemisegError(
            f"{path} was written by a newer version of napari-semiseg. "
            "Update napari-semiseg to resume this run."
        )
    images = {item.id: item for item in project.images}
    for image_id, content_hash in content["images"].items():
        if image_id not in images or images[image_id].content_hash != content_hash:
            raise SemisegError(
                f"The image {image_id} that this run learns from is no longer in the "
                "project. Add it again to resume, or start a new run."
            )
    unlabelled = tuple(
        UnlabelledImage(
            project.source(images[one["image_id"]]),
            one["image_id"],
            tuple(_box(box) for box in one["excluded"]),
            _corrections(run, one["image_id"]),
        )
        for one in content["unlabelled"]
    )
    return TrainingSet(
        labelled=tuple(
            _with_source(run.inputs, one, project, images) for one in content["tiles"]
        ),
        unlabelled=unlabelled,
        n_channels=content["n_channels"],
        classes=tuple(content["classes"]),
        task=content["task"],
        pixel_size=content["pixel_size"] and tuple(content["pixel_size"]),
        pixel_unit=content["pixel_unit"],
    )


def _tile(
    project: Project, area: LabelledArea, ancestors: Sequence[LearnedBox]
) -> LabelledTile:
    item = area.item
    source = project.source(item)
    known = (item.id, item.content_hash, area.box)
    return LabelledTile(
        image=np.ascontiguousarray(source.read(area.box), np.float32),
        instances=area.annotation.instances,
        annotated=area.annotation.annotated,
        classes=dict(area.annotation.classes),
        image_id=item.id,
        origin=area.box.origin,
        role=area.role,
        source=source,
        clean=not any(learned.touches(*known) for learned in ancestors),
        class_overrides=area.class_overrides,
        accepted=area.accepted_pixels,
    )


def _excluded(item: ImageItem, areas: Sequence[LabelledArea]) -> tuple[Box, ...]:
    return tuple(
        area.box.grow(EXCLUSION_MARGIN).clip(item.shape)
        for area in areas
        if area.item.id == item.id and area.role == "validation"
    )


def _pixel_size(items: Sequence[ImageItem]) -> dict[str, Any]:
    sizes = {(item.pixel_size, item.pixel_unit) for item in items}
    size, unit = sizes.pop()
    return {} if sizes else {"pixel_size": size, "pixel_unit": unit}


def _about_missing(pool: Sequence[ImageItem], lost: set[str]) -> tuple[str, ...]:
    names = [item.name for item in pool if item.id in lost]
    if not names:
        return ()
    some = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return (f"{len(names)} image(s) are missing and not learned from: {some}.",)


def _unlabelled_facts(image: UnlabelledImage) -> dict[str, Any]:
    return {
        "image_id": image.image_id,
        "excluded": [[list(box.origin), list(box.size)] for box in image.excluded],
    }


def _corrections(run: RunFolder, image_id: str) -> FrozenCorrections | None:
    found = load_corrections(run.inputs / "corrections" / image_id)
    return found or load_old_trust(run.inputs / "trust" / image_id)


def _box(content: Any) -> Box:
    return Box(tuple(content[0]), tuple(content[1]))


def _with_source(
    folder: Path, facts: dict[str, Any], project: Project, images: dict[str, ImageItem]
) -> LabelledTile:
    tile = read_tile(folder, facts)
    item = images.get(tile.image_id)
    return tile if item is None else replace(tile, source=project.source(item))
