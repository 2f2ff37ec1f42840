"""The rounds of a project, and what became of the objects from one to another."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.api.opening import as_project
from napari_semiseg.api.outputs import Progress, memory_sentence
from napari_semiseg.api.proposals import Proposals
from napari_semiseg.errors import SemisegError
from napari_semiseg.runs import rounds as told
from napari_semiseg.runs.folder import find_run
from napari_semiseg.segmentation.changes import changes

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem
    from napari_semiseg.runs.rounds import Round


@dataclass(frozen=True)
class ImageChanges:
    """What became of the objects of an image, see `segmentation.changes.Changes`.

    Attributes
    ----------
    image_id, name
        Which image.
    n_before, n_after
        Objects that the model of either round finds. None: it could not be predicted.
    gained, lost, split, merged, kept, reshaped
        Groups of objects of each kind; 0 where it could not be predicted.
    problem
        Why not, a sentence.
    """

    image_id: str
    name: str
    n_before: int | None
    n_after: int | None
    gained: int = 0
    lost: int = 0
    split: int = 0
    merged: int = 0
    kept: int = 0
    reshaped: int = 0
    problem: str | None = None


@dataclass(frozen=True)
class RoundComparison:
    """Two rounds on the same images."""

    before: Round
    after: Round
    images: tuple[ImageChanges, ...]

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


def rounds(project: str | Path | Project) -> tuple[Round, ...]:
    """The rounds of a project, the oldest first: labels, score, which one is in use."""
    return told.rounds(as_project(project).folder)


def compare_rounds(
    project: str | Path | Project,
    one: int | str,
    other: int | str,
    images: Iterable[str | Path] | None = None,
    *,
    device: str = "auto",
    progress: Progress | None = None,
) -> RoundComparison:
    """Tell what became of the objects from one round to another.

    Each round's model is asked anew, with the thresholds that are in force for it. What
    a person drew or corrected is left out on both sides, so that only the models are
    compared.

    Parameters
    ----------
    one, other
        Numbers of rounds, from 1, or the names of their runs.
    images
        Names, paths or ids; None: all of the project.
    device
        Where to predict.
    progress
        Is told of each image.

    Returns
    -------
    RoundComparison
        From ``one`` to ``other``.

    Raises
    ------
    SemisegError
        When there is no such round or image.
    """
    opened = as_project(project)
    known = told.rounds(opened.folder)
    before, after = (told.round_named(known, name) for name in (one, other))
    models = [
        Proposals(opened, device, find_run(opened.folder, each.run))
        for each in (before, after)
    ]
    items = (
        opened.images
        if images is None
        else tuple(opened.image(str(name)) for name in images)
    )
    show = progress or Progress()
    found = []
    for number, item in enumerate(items):
        show.image(number, len(items), item.name)
        found.append(_compare(models, item, show))
    show.image(len(items), len(items), "")
    return RoundComparison(before, after, tuple(found))


def _compare(models: list[Proposals], item: ImageItem, show: Progress) -> ImageChanges:
    try:
        maps = [model.instances(item, show.tiles) for model in models]
    except MemoryError:
        problem = memory_sentence(item.name)
    except SemisegError as error:
        problem = str(error)
    else:
        before, after = (int(np.unique(each[each > 0]).size) for each in maps)
        counts: dict[str, Any] = changes(*maps).counts()
        return ImageChanges(item.id, item.name, before, after, **counts)
    return ImageChanges(item.id, item.name, None, None, problem=problem)
