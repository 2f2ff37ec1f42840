"""Which images to look at first, and where in them: what the model is in doubt of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_semiseg.api.doubt_queue import DoubtQueue
from napari_semiseg.api.opening import as_project
from napari_semiseg.api.outputs import Progress
from napari_semiseg.api.proposals import Proposals
from napari_semiseg.api.ranked_image import RankedImage
from napari_semiseg.errors import SemisegError
from napari_semiseg.runs.doubts import DEFAULT_WEIGHTS, QueueWeights

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem

__all__ = ["QueueWeights", "RankedImage", "rank", "ranking"]


def rank(
    project: str | Path | Project,
    *,
    device: str = "auto",
    progress: Progress | None = None,
    weights: QueueWeights = DEFAULT_WEIGHTS,
) -> list[RankedImage]:
    """The images of a project in the order to work through, each with its worst tile.

    What is doubtful there counts (see `QueueWeights`), and how unlike a tile is to
    those that are labelled or come before it. Images with a finished tile come after
    the others, then those kept for tests.

    What is found is stored, so that the next time only new images take time.

    Parameters
    ----------
    device
        Where to predict.
    progress
        Is told of each image.
    weights
        How much each doubt counts.

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
    proposals = Proposals(opened, device)
    steps = ranking(opened, proposals, opened.images, progress, weights)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            ranked: list[RankedImage] = end.value
            return ranked


def ranking(
    project: Project,
    proposals: Proposals,
    images: Sequence[ImageItem],
    progress: Progress | None = None,
    weights: QueueWeights = DEFAULT_WEIGHTS,
) -> Generator[RankedImage, None, list[RankedImage]]:
    """Images one after the other, as soon as each is known; returns all in order.

    Those predicted before come at once, then the pool's without a finished tile. Score,
    reason and box may still change when others are known: what is returned counts.
    """
    show = progress or Progress()
    queue = DoubtQueue(project, proposals, images, weights)
    order = queue.as_looked_at
    for number, item in enumerate(order):
        show.image(number, len(order), item.name)
        yield queue.look(item, show)
    show.image(len(order), len(order), "")
    return queue.in_order()
