"""The images of a project, put in the order of what the model is in doubt of."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_semiseg.api.doubting import doubts, known_doubts, looks_of
from napari_semiseg.api.outputs import Progress, memory_sentence
from napari_semiseg.api.ranked_image import RankedImage
from napari_semiseg.errors import SemisegError
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.object_size import estimate_object_size, suggest_tile_size
from napari_semiseg.project.reviews import ReviewStore
from napari_semiseg.runs.doubts import ImageDoubts, QueueWeights, Scale, in_order
from napari_semiseg.runs.outside import outside
from napari_semiseg.runs.reasons import Known, reason_of
from napari_semiseg.runs.reliability import read_reliability
from napari_semiseg.runs.sizes import read_sizes

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_semiseg.api.doubting import Doubted
    from napari_semiseg.api.proposals import Proposals
    from napari_semiseg.geometry import Box
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem
    from napari_semiseg.runs.doubts import Placed
    from napari_semiseg.runs.outside import Outside

# A tile of which this share was finished or reviewed is no longer proposed.
_TAKEN = 0.25


class DoubtQueue:
    """The images of a project while they become known.

    Attributes
    ----------
    as_looked_at
        The images: those that are known already first, then the pool's without a
        finished tile.
    """

    def __init__(
        self,
        project: Project,
        proposals: Proposals,
        images: Sequence[ImageItem],
        weights: QueueWeights,
    ) -> None:
        self._project, self._proposals, self._weights = project, proposals, weights
        self._ask_student = weights.disagreement > 0
        store = AnnotationStore(project)
        tiles = {item.id: store.tiles(item) for item in project.images}
        self._finished = {
            key: [tile.box for tile in of if tile.finished] for key, of in tiles.items()
        }
        self._taken = {
            item.id: [*self._finished[item.id], *_reviewed(project, item)]
            for item in images
        }
        self._side = _side(project, [tile.box for of in tiles.values() for tile in of])
        self._reliability = read_reliability(proposals.run)
        self._excess, self._outside = _sizes(proposals, images)
        self._items = {item.id: item for item in images}
        self._doubts: dict[str, ImageDoubts] = {}
        self._ranked: dict[str, RankedImage] = {}
        self._scale, self._scaled = Scale(()), 0
        self.as_looked_at = sorted(
            images,
            key=lambda item: (
                self._known(item) is None,
                item.role == "test",
                bool(self._finished[item.id]),
            ),
        )

    def _known(self, item: ImageItem) -> Doubted | None:
        return known_doubts(
            self._proposals, item, self._side, ask_student=self._ask_student
        )

    def look(self, item: ImageItem, show: Progress) -> RankedImage:
        """How sure the model is of an image."""
        one = RankedImage(
            item.id,
            item.name,
            None,
            None,
            bool(self._finished[item.id]),
            item.role,
            reliability=self._reliability.get(item.id),
            outside=self._excess.get(item.id),
            reason="cannot be predicted",
        )
        try:
            found = doubts(
                self._proposals,
                item,
                self._side,
                show.tiles,
                ask_student=self._ask_student,
            )
        except MemoryError:
            one = replace(one, problem=memory_sentence(item.name))
        except SemisegError as error:
            one = replace(one, problem=str(error))
        else:
            one = self._take(one, found)
        self._ranked[item.id] = one
        return one

    def in_order(self) -> list[RankedImage]:
        """All images, those first that are most worth a look."""
        groups: dict[tuple[bool, bool], list[ImageDoubts]] = {}
        for image_id, known in sorted(self._doubts.items()):
            one = self._ranked[image_id]
            groups.setdefault((one.role == "test", one.finished), []).append(known)
        placed = in_order(
            [groups[key] for key in sorted(groups)], self._weights, self._labelled()
        )
        found = [self._placed(self._ranked[one.image_id], one) for one in placed]
        unknown = [one for one in self._ranked.values() if one.confidence is None]
        return [*found, *unknown]

    def _take(self, one: RankedImage, found: Doubted) -> RankedImage:
        one = replace(
            one,
            confidence=found.confidence,
            n_objects=found.n_objects,
            inconsistency=found.whole["inconsistency"],
            instability=found.whole["instability"],
            fragility=found.whole.get("fragility"),
            disagreement=found.whole.get("disagreement"),
        )
        of_image: dict[str, float] = {}
        if one.reliability is not None:
            of_image["unreliability"] = 1 - one.reliability
        if one.outside is not None:
            of_image["outside"] = one.outside
        taken = self._taken[one.image_id]
        free = [
            i for i, box in enumerate(found.tiles.boxes) if not _covered(box, taken)
        ]
        known = replace(found.tiles.only(free), of_image=of_image)
        self._doubts[one.image_id] = known
        if len(self._doubts) >= 2 * self._scaled:
            self._scale, self._scaled = Scale(self._doubts.values()), len(self._doubts)
        return self._placed(one, self._scale.place(known, self._weights))

    def _placed(self, one: RankedImage, place: Placed) -> RankedImage:
        known = self._doubts[one.image_id]
        box = None if place.tile is None else known.boxes[place.tile]
        about = Known(
            one.confidence,
            one.n_objects,
            reliability=one.reliability,
            outside=self._outside.get(one.image_id),
        )
        reason = reason_of(about, place.strongest)
        return replace(one, box=box, score=round(place.score, 4), reason=reason)

    def _labelled(self) -> list[NDArray[np.float64]]:
        """The looks of the finished tiles, as far as their images can be read."""
        looks: list[NDArray[np.float64]] = []
        for image_id, boxes in self._finished.items():
            if boxes:
                try:
                    source = self._proposals.source(self._project.image(image_id))
                    looks += list(looks_of(source, boxes))
                except (SemisegError, MemoryError):
                    continue  # Then others may be like it; nothing worse.
        return looks


def _reviewed(project: Project, item: ImageItem) -> list[Box]:
    """What a person has judged already, and did not put off."""
    try:
        reviews = ReviewStore(project).reviews(item)
    except SemisegError:  # Then a tile may be proposed twice; nothing worse.
        return []
    return [one.box for one in reviews if one.state != "needs work"]


def _side(project: Project, boxes: Sequence[Box]) -> int:
    """Side of the tiles to propose: of most that there are, else the one suggested."""
    sides = [max(box.size) for box in boxes]
    if sides:
        return max(sorted(set(sides)), key=sides.count)
    return suggest_tile_size(estimate_object_size(project))


def _sizes(
    proposals: Proposals, images: Sequence[ImageItem]
) -> tuple[dict[str, float], dict[str, Outside]]:
    """By image id how far it is outside its sizes, and of violators in words."""
    sizes = read_sizes(proposals.run)
    if sizes is None:
        return {}, {}
    known = {item.id for item in images}
    excess = {
        image_id: max(one.excess for one in of)
        for image_id, of in sizes.images.items()
        if image_id in known and any(one.size is not None for one in of)
    }
    return excess, outside(sizes, known)


def _covered(box: Box, taken: Sequence[Box]) -> bool:
    """Whether much of a box lies in those that are taken."""
    shared = sum(_volume(box.intersection(other)) for other in taken)
    return shared > _TAKEN * _volume(box)


def _volume(box: Box) -> int:
    product = 1
    for size in box.size:
        product *= size
    return product
