"""What a model finds becomes a person's, and is given back: accept, give back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_semiseg.api.object_labels import not_first
from napari_semiseg.api.opening import as_box, as_project
from napari_semiseg.api.proposals import Proposals
from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.project import giving_back
from napari_semiseg.project.accepting import AcceptReport, accept_objects, accept_tile
from napari_semiseg.project.annotation import box_words, size_words
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.corrections import CorrectionStore
from napari_semiseg.project.locks import annotation_change

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem, TileState


@dataclass(frozen=True)
class AcceptedTile:
    """A tile that was accepted as a whole, and its number of objects."""

    box: Box
    n_objects: int


def accept(
    project: str | Path | Project,
    image: str | Path,
    *,
    tile: Box | Sequence[int] | None = None,
    objects: Iterable[int] | None = None,
    frame: int | None = None,
    role: TileState = "training",
    device: str = "auto",
) -> AcceptReport | AcceptedTile:
    """Make what the model in use proposes for an image a person's own.

    Parameters
    ----------
    tile
        Accept this box as a finished tile: its objects, and that there are no others.
    objects
        Accept these objects; ids as in the predicted or exported file. With neither
        tile nor objects: all objects of the image.
    role
        Of an accepted tile.

    Raises
    ------
    SemisegError
        When there is no model yet, or the tile does not fit.
    """
    opened = as_project(project)
    item = opened.image(image, frame)
    box = None if tile is None else as_box(tile)
    if box is not None and objects is not None:
        raise SemisegError("Accept either a tile or single objects, not both at once.")
    _check_inside(item, box)
    proposals, classes = Proposals(opened, device), None
    if opened.task == "semantic":
        found = proposals.predict(item)
        proposed, classes = found.instances, classes_of(found.instances, found.classes)
    else:
        proposed, kinds = proposals.objects(item)
        classes = not_first(kinds)
    if box is None:
        return accept_objects(opened, item, proposed, objects, classes=classes)
    record = accept_tile(opened, item, box, proposed[box.slices], role, classes=classes)
    accepted = AnnotationStore(opened).load(item, record.box)
    return AcceptedTile(record.box, accepted.n_objects)


def classes_of(
    instances: NDArray[np.int32], classes: NDArray[np.uint8]
) -> dict[int, int]:
    """Class of each object that is not of class 1, where objects have one each."""
    numbers, first = np.unique(instances, return_index=True)
    kinds = classes.ravel()[first].tolist()
    return {
        number: kind
        for number, kind in zip(numbers.tolist(), kinds, strict=True)
        if number > 0 and kind != 1
    }


@dataclass(frozen=True)
class GivenBack:
    """What is the model's again.

    Attributes
    ----------
    n_pixels
        Pixels about which a person had decided something outside of tiles.
    objects
        The objects of the person's of which nothing is left, ascending.
    tile
        The tile that was removed with its labels; None: there was none.
    n_tiles
        Tiles in the place asked for that keep their labels.
    """

    n_pixels: int
    objects: tuple[int, ...] = ()
    tile: Box | None = None
    n_tiles: int = 0


def give_back(
    project: str | Path | Project,
    image: str | Path,
    *,
    tile: Box | Sequence[int] | None = None,
    objects: Iterable[int] | None = None,
    frame: int | None = None,
) -> GivenBack:
    """Forget what a person decided about an image, so that the model decides again.

    Parameters
    ----------
    tile
        Only in this box. Where it is exactly that of a tile, this is removed with its
        labels, whether drawn or accepted.
    objects
        Only these objects; ids as in the viewer. With neither tile nor objects: all
        corrections of the image; its tiles keep their labels.

    Returns
    -------
    GivenBack
        What was given back. It cannot be undone.

    Raises
    ------
    SemisegError
        When a tile does not lie in the image, or an object is none of the person's.
    """
    opened = as_project(project)
    item = opened.image(image, frame)
    if tile is not None and objects is not None:
        raise SemisegError("Give back either a tile or objects, not both at once.")
    box = None if tile is None else as_box(tile)
    _check_inside(item, box)
    ids = None if objects is None else list(objects)
    if ids is not None:
        _check_own(opened, item, ids)
    where, tiles, removed = box or Box.whole(item.shape), AnnotationStore(opened), None
    with annotation_change(opened):
        found = giving_back.give_back(opened, item, where, ids=ids)
        if box is not None and any(one.box == box for one in tiles.tiles(item)):
            tiles.remove_tile(item, box)
            removed = box
    kept = [] if ids is not None else tiles.tiles(item)
    return GivenBack(
        int(np.count_nonzero(found.removed)),
        tuple(sorted(found.objects)),
        removed,
        sum(one.box.overlaps(where) for one in kept),
    )


def _check_own(project: Project, item: ImageItem, ids: Sequence[int]) -> None:
    known = CorrectionStore(project).objects(item)
    strange = [number for number in ids if number not in known]
    if strange:
        some = ", ".join(map(str, sorted(known)[:10])) or "none"
        raise SemisegError(
            f"Object {strange[0]} of {item.name} is none of yours outside of tiles: "
            f"yours are {some}{', ...' if len(known) > 10 else ''}."
        )


def _check_inside(item: ImageItem, box: Box | None) -> None:
    if box is not None and (box.empty or not Box.whole(item.shape).contains(box)):
        raise SemisegError(
            f"The tile {box_words(box)} does not lie inside {item.name}, which is "
            f"{size_words(item.shape)} pixels."
        )
