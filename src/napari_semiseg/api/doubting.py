"""What a model is in doubt of in an image, tile by tile, kept beside its objects."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.runs.doubts import ImageDoubts
from napari_semiseg.segmentation.doubts import (
    mean_confidence,
    object_change,
    object_changes,
    pixel_change,
    tile_grid,
)
from napari_semiseg.segmentation.texture import texture
from napari_semiseg.segmentation.watershed import (
    Thresholds,
    instances_from_probability,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_semiseg.api.proposals import Proposals
    from napari_semiseg.geometry import ImageSource
    from napari_semiseg.learning.model import ModelCard
    from napari_semiseg.prediction.prediction import Prediction
    from napari_semiseg.project.records import ImageItem
    from napari_semiseg.segmentation.doubts import Changes, Difference

    Report = Callable[[int, int], None]

_VERSION = 3
_FIELD = "doubts"
_MOST_TILES = 64  # Kept of an image: the most doubtful ones.
_READ_WHOLE = 2048 * 2048  # Up to here an image is read whole, decompressed once.
_DIGITS = 4
_CALM = 4  # Unchanged objects added to those of a tile, see `object_change`.
_SHIFT = 0.15  # Of both thresholds, up and down: what such a shift changes is fragile.
_LIMITS = (0.02, 0.98)


@dataclass(frozen=True)
class Doubted:
    """How sure a model is of an image.

    Attributes
    ----------
    confidence
        Mean over the foreground, or over all pixels where there is none.
    n_objects
        That it finds.
    whole
        By the name of a doubt its value over the whole image.
    tiles
        What is doubtful where.
    """

    confidence: float
    n_objects: int
    whole: dict[str, float]
    tiles: ImageDoubts = field(compare=False)


def known_doubts(
    proposals: Proposals, item: ImageItem, side: int, *, ask_student: bool = False
) -> Doubted | None:
    """What is stored of an image for tiles of this side; None: nothing that counts."""
    # A damaged file is as good as none: the image can be predicted again.
    with contextlib.suppress(
        SemisegError, AttributeError, KeyError, TypeError, ValueError
    ):
        notes = proposals.notes(item)
        kept = notes[_FIELD]
        if (kept["version"], kept["side"]) == (_VERSION, side):
            known = _of_json(item.id, notes, kept)
            asked = not ask_student or "disagreement" in known.whole
            return known if asked or proposals.student is None else None
    return None


def doubts(
    proposals: Proposals,
    item: ImageItem,
    side: int,
    progress: Report | None = None,
    *,
    ask_student: bool = False,
) -> Doubted:
    """What the model is in doubt of; found by two predictions unless stored.

    One of the image, and one of the image turned by a quarter.

    Parameters
    ----------
    side
        Of the tiles, px.
    ask_student
        Predict once more by the student of the model's training, where that is kept.
    """
    known = known_doubts(proposals, item, side, ask_student=ask_student)
    if known is not None:
        return known
    # Here, for these need torch.
    from napari_semiseg.prediction.second_view import (
        change_by_other,
        change_when_turned,
    )

    source = proposals.source(item)
    student = proposals.student if ask_student else None
    stages = _Stages(progress, 2 if student is None else 3)
    found = proposals.predict(item, stages.next())
    turned = change_when_turned(proposals.predictor, source, found, stages.next())
    other = None
    if student is not None:
        other = change_by_other(student, source, found, stages.next())
    foreground = 1 - found.probability[0] > proposals.card.thresholds[0]
    shifted = _shifted(found, proposals.card)
    seen = _Seen(found, foreground, turned, shifted, other)
    made = _measure(item, source, seen, side)
    proposals.note(item, {_FIELD: _as_json(made, side)})
    return made


@dataclass(frozen=True, eq=False)
class _Seen:
    """All that was found in an image."""

    found: Prediction
    foreground: NDArray[np.bool_]
    turned: Difference
    shifted: Sequence[Changes]
    other: Difference | None

    def of(self, box: Box, calm: int = 0) -> dict[str, float]:
        """Doubts in a box; ``calm`` as in `object_change`."""
        inside = box.slices
        sure = mean_confidence(self.found.confidence[inside], self.foreground[inside])
        here = {
            "unsureness": 1 - sure,
            "inconsistency": pixel_change(self.turned, box),
            "instability": object_change(self.turned.objects, box, calm),
        }
        if self.shifted:
            each = [object_change(changes, box, calm) for changes in self.shifted]
            here["fragility"] = sum(each) / len(each)
        if self.other is not None:
            here["disagreement"] = pixel_change(self.other, box)
        return {name: round(value, _DIGITS) for name, value in here.items()}


def _shifted(found: Prediction, card: ModelCard) -> list[Changes]:
    """What becomes of the objects at lower and at higher thresholds.

    Of a semantic model nothing: it has none.
    """
    if card.task == "semantic":
        return []
    changes = []
    for shift in (-_SHIFT, _SHIFT):
        levels = (min(max(t + shift, _LIMITS[0]), _LIMITS[1]) for t in card.thresholds)
        others = instances_from_probability(
            found.probability,
            Thresholds(*levels),
            min_size=card.min_size,
            form=card.watershed_form,
        )
        changes.append(object_changes(found.instances, others))
    return changes


class _Stages:
    """Passes on how far several predictions after one another are."""

    def __init__(self, progress: Report | None, n: int) -> None:
        self._progress, self._n, self._begun = progress, n, 0

    def next(self) -> Report:
        before = self._begun
        self._begun += 1

        def report(done: int, total: int) -> None:
            if self._progress is not None:
                self._progress(before * total + done, self._n * total)

        return report


def _measure(item: ImageItem, source: ImageSource, seen: _Seen, side: int) -> Doubted:
    shape = seen.found.instances.shape
    boxes = tile_grid(shape, side)
    rows = [seen.of(box, _CALM) for box in boxes]
    values = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    kept = _most_doubtful(values)
    boxes = [boxes[i] for i in kept]
    features, n_brightness = _looks(source, boxes)
    whole = seen.of(Box.whole(shape))
    del whole["unsureness"]  # Known with all its digits:
    confidence = mean_confidence(seen.found.confidence, seen.foreground)
    tiles = ImageDoubts(
        item.id,
        boxes,
        {name: of[kept] for name, of in values.items()},
        features=features,
        n_brightness=n_brightness,
    )
    n_objects = int(seen.found.instances.max(initial=0))
    return Doubted(confidence, n_objects, whole, tiles)


def _most_doubtful(values: dict[str, NDArray[np.float64]]) -> list[int]:
    """The tiles to keep, in their order: by the sum of their ranks in all doubts."""
    ranks = np.sum([of.argsort(kind="stable").argsort() for of in values.values()], 0)
    best = np.argsort(-ranks, kind="stable")[:_MOST_TILES]
    return sorted(int(i) for i in best)


def _looks(
    source: ImageSource, boxes: Sequence[Box]
) -> tuple[NDArray[np.float64], int]:
    """Features of boxes of one image, and how many are brightness."""
    whole = None
    if np.prod(source.shape) <= _READ_WHOLE:
        whole = source.read(Box.whole(source.shape))
    found = []
    for box in boxes:
        part = source.read(box) if whole is None else whole[(slice(None), *box.slices)]
        if part.ndim > 3:  # Of a volume, the plane in the middle.
            part = part[:, part.shape[1] // 2]
        found.append(texture(part))
    features = np.array([one.features for one in found]).round(_DIGITS)
    return features, found[0].n_brightness


def looks_of(source: ImageSource, boxes: Sequence[Box]) -> NDArray[np.float64]:
    """Features of boxes of one image, float64 ``(n, F)``."""
    return _looks(source, boxes)[0]


def _as_json(one: Doubted, side: int) -> dict[str, Any]:
    tiles = one.tiles
    features = tiles.features
    return {
        "version": _VERSION,
        "side": side,
        "whole": one.whole,
        "size": list(tiles.boxes[0].size),
        "origins": [list(box.origin) for box in tiles.boxes],
        "tiles": {name: values.tolist() for name, values in tiles.of_tiles.items()},
        "features": [] if features is None else features.tolist(),
        "n_brightness": tiles.n_brightness,
    }


def _of_json(image_id: str, notes: dict[str, Any], kept: dict[str, Any]) -> Doubted:
    size = tuple(kept["size"])
    boxes = [Box(tuple(origin), size) for origin in kept["origins"]]
    values = {str(name): np.array(of, np.float64) for name, of in kept["tiles"].items()}
    features = np.array(kept["features"], np.float64)
    if not boxes or any(len(of) != len(boxes) for of in (*values.values(), features)):
        raise ValueError("tiles and their values do not match")
    whole = {str(name): float(value) for name, value in kept["whole"].items()}
    tiles = ImageDoubts(
        image_id,
        boxes,
        values,
        features=features,
        n_brightness=int(kept["n_brightness"]),
    )
    return Doubted(float(notes["confidence"]), int(notes["n_objects"]), whole, tiles)
