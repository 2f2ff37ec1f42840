"""What was reviewed: verdicts on tiles and objects, kept beside the labels."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, NamedTuple

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import make_folder, write_json
from napari_semiseg.geometry import Box  # noqa: TC001 (pydantic reads it)
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.labelling_time import LabellingTime
from napari_semiseg.project.locks import annotation_change
from napari_semiseg.project.migrations import read_record
from napari_semiseg.project.records import FrozenRecord

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem, TileRecord

ReviewState = Literal["accepted", "corrected", "needs work", "rejected"]
"""What a person said of a box; ``rejected``: there is no object."""

_VERSION = 1
_MOST_MINUTES = 90  # From here on, hours are easier to read.


class TileReview(FrozenRecord):
    """A verdict on a box of an image.

    ``when`` is an ISO time; ``model`` the run whose objects were judged, None where
    nobody knows.
    """

    box: Box
    state: ReviewState
    when: str
    model: str | None = None


class ImageReviews(FrozenRecord):
    """``reviews.json`` of an image."""

    schema_version: int = _VERSION
    image_id: str
    tiles: tuple[TileReview, ...] = ()


class Standing(NamedTuple):
    """How far the review of one image is.

    Attributes
    ----------
    reviewed
        Whether anything in it was accepted, corrected or rejected, or a tile finished.
    needs_work
        Tiles that were marked so, and are not finished yet.
    """

    reviewed: bool = False
    needs_work: int = 0


@dataclass(frozen=True)
class ReviewProgress:
    """How far the review of a project is.

    Attributes
    ----------
    reviewed, total
        Images, without those for testing.
    minutes
        Active time of labelling; None where none was recorded.
    needs_work
        Tiles that were marked so, and are not finished yet.
    """

    reviewed: int = 0
    total: int = 0
    minutes: float | None = None
    needs_work: int = 0

    @property
    def words(self) -> str:
        """The progress in one line."""
        noun = "image" if self.total == 1 else "images"
        parts = [f"{self.reviewed} of {self.total} {noun} reviewed"]
        if self.needs_work:
            verb = "tile needs" if self.needs_work == 1 else "tiles need"
            parts.append(f"{self.needs_work} {verb} work")
        if self.minutes is not None:
            parts.append(minutes_words(self.minutes))
        return ", ".join(parts)

    def as_dict(self) -> dict[str, float | int | None]:
        """Ready for JSON."""
        return asdict(self)


class ReviewStore:
    """The verdicts of a project; the one writer of the files ``reviews.json``.

    There is one verdict a box, the latest.

    Parameters
    ----------
    project
        Where the images are.
    """

    def __init__(self, project: Project) -> None:
        self._project = project

    def reviews(self, item: ImageItem) -> tuple[TileReview, ...]:
        """All verdicts on an image, in the order of their boxes.

        Raises
        ------
        SemisegError
            When the file is damaged, or of a newer version.
        """
        path = self._path(item)
        if not path.is_file():
            return ()
        return read_record(path, ImageReviews, _VERSION, {}).tiles

    def note(
        self, item: ImageItem, box: Box, state: ReviewState, model: str | None = None
    ) -> None:
        """Note a verdict in the place of an older one on the same box.

        Raises
        ------
        SemisegError
            When another program changes the annotations.
        """
        with annotation_change(self._project):
            self.write(item, with_review(self.reviews(item), box, state, model))

    def forget(self, item: ImageItem, box: Box) -> None:
        """Forget the verdict on exactly this box; raises as `note`."""
        with annotation_change(self._project):
            kept = [review for review in self.reviews(item) if review.box != box]
            self.write(item, kept)

    def write(self, item: ImageItem, reviews: Iterable[TileReview]) -> None:
        """Write all verdicts on an image; raises as `note`."""
        ordered = tuple(sorted(reviews, key=lambda review: review.box))
        found = ImageReviews(image_id=item.id, tiles=ordered)
        with annotation_change(self._project):
            make_folder(self._path(item).parent)
            write_json(self._path(item), found.model_dump(mode="json"))

    def _path(self, item: ImageItem) -> Path:
        return self._project.folder / "annotations" / item.id / "reviews.json"


def with_review(
    reviews: Iterable[TileReview],
    box: Box,
    state: ReviewState,
    model: str | None = None,
) -> list[TileReview]:
    """The verdicts, with a new one in the place of that on the same box."""
    when = datetime.now().astimezone().isoformat(timespec="seconds")
    new = TileReview(box=box, state=state, when=when, model=model)
    return [*(review for review in reviews if review.box != box), new]


def standing(tiles: Sequence[TileRecord], reviews: Iterable[TileReview]) -> Standing:
    """How far the review of an image is, by its tiles and the verdicts on it."""
    states = {tile.box: tile.state for tile in tiles}
    reviewed, needs_work = any(tile.finished for tile in tiles), 0
    for review in reviews:
        if review.state != "needs work":
            reviewed = True
        elif states.get(review.box) == "to do":
            needs_work += 1
    return Standing(reviewed, needs_work)


def standings(
    project: Project, image_ids: Collection[str] | None = None
) -> dict[str, Standing]:
    """How far the review of each image is, by its id; none for testing.

    Labels or verdicts that cannot be read count as none: who shows them says so.

    Parameters
    ----------
    image_ids
        Of these images alone; None: of all.
    """
    tiles, reviews = AnnotationStore(project), ReviewStore(project)
    found = {}
    for item in project.images:
        if item.role == "test" or (image_ids is not None and item.id not in image_ids):
            continue
        try:
            found[item.id] = standing(tiles.tiles(item), reviews.reviews(item))
        except SemisegError:
            found[item.id] = Standing()
    return found


def summed(found: Iterable[Standing], minutes: float | None) -> ReviewProgress:
    """The progress that standings of images add up to."""
    known = list(found)
    return ReviewProgress(
        sum(one.reviewed for one in known),
        len(known),
        minutes,
        sum(one.needs_work for one in known),
    )


def progress(project: Project) -> ReviewProgress:
    """How far the review of a project is, as it is on the disk."""
    seconds = LabellingTime(project).total()
    minutes = None if seconds is None else seconds / 60
    return summed(standings(project).values(), minutes)


def minutes_words(minutes: float) -> str:
    """A time of labelling as people say it: ``14 min``."""
    if minutes < 1:
        return "less than 1 min"
    if minutes < _MOST_MINUTES:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h"
