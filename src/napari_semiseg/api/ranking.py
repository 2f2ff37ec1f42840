"""Which images to look at first: those the model in use is least sure of."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from napari_semiseg.api.labelling import as_project
from napari_semiseg.api.outputs import Progress, memory_sentence
from napari_semiseg.api.proposals import Proposals
from napari_semiseg.errors import SemisegError
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.runs.reliability import read_reliability

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem


@dataclass(frozen=True)
class RankedImage:
    """How sure the model is of an image.

    Attributes
    ----------
    image_id, name
        Which image.
    confidence
        Mean over its foreground of the largest class probability; over all pixels where
        there is no foreground. None: it could not be predicted.
    n_objects
        That the model finds.
    finished
        Whether it has a finished tile.
    role
        ``pool`` or ``test``.
    problem
        Why it could not be predicted.
    reliability
        How well several stages of the training of the model in use agreed on it, 0 to
        1. None: that training compared no images, or not this one, or saw no object.
    """

    image_id: str
    name: str
    confidence: float | None
    n_objects: int | None
    finished: bool = False
    role: str = "pool"
    problem: str | None = None
    reliability: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


def rank(
    project: str | Path | Project,
    *,
    device: str = "auto",
    progress: Progress | None = None,
) -> list[RankedImage]:
    """The images of a project, those first that the model in use is least sure of.

    Where its training has ranked them (ST++), the least reliable come first, then the
    others by the model's confidence.

    What is found is stored, so that the next time only new images take time.

    Parameters
    ----------
    device
        Where to predict.
    progress
        Is told of each image.

    Returns
    -------
    list of RankedImage
        Images that could not be predicted come last, with the reason.

    Raises
    ------
    SemisegError
        When the project has no model in use, or no image.
    """
    opened = as_project(project)
    if not opened.images:
        raise SemisegError("This project has no image yet: add images first.")
    ranked = list(ranking(opened, Proposals(opened, device), opened.images, progress))
    return sorted(ranked, key=_least_sure_first)


def ranking(
    project: Project,
    proposals: Proposals,
    images: Sequence[ImageItem],
    progress: Progress | None = None,
) -> Iterator[RankedImage]:
    """Images one after the other, as soon as each is known.

    Those predicted before come at once, then the pool's without a finished tile.
    """
    show = progress or Progress()
    store = AnnotationStore(project)
    finished = {
        item.id: any(tile.finished for tile in store.tiles(item)) for item in images
    }
    order = _in_order(proposals, images, finished)
    scores = read_reliability(proposals.run)
    for number, item in enumerate(order):
        show.image(number, len(order), item.name)
        about = (item.id, item.name)
        rest = (finished[item.id], item.role)
        try:
            found = proposals.summary(item, show.tiles)
        except MemoryError:
            yield RankedImage(*about, None, None, *rest, memory_sentence(item.name))
        except SemisegError as error:
            yield RankedImage(*about, None, None, *rest, str(error))
        else:
            yield RankedImage(
                *about,
                found.confidence,
                found.n_objects,
                *rest,
                reliability=scores.get(item.id),
            )
    show.image(len(order), len(order), "")


def _least_sure_first(one: RankedImage) -> tuple[bool, bool, float]:
    if one.confidence is None:
        return True, True, 0.0
    if one.reliability is not None:
        return False, False, one.reliability
    return False, True, one.confidence


def _in_order(
    proposals: Proposals, images: Sequence[ImageItem], finished: dict[str, bool]
) -> list[ImageItem]:
    return sorted(
        images,
        key=lambda item: (
            not proposals.knows(item),
            item.role == "test",
            finished[item.id],
        ),
    )
