"""Which image is most worth a look; knows no Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_semiseg.geometry import Box
from napari_semiseg.runs.doubts import ImageDoubts, Scale
from napari_semiseg.runs.reasons import Known, reason_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from napari_semiseg.runs.events import Event
    from napari_semiseg.runs.outside import Outside


@dataclass(frozen=True)
class QueuedImage:
    """What speaks for a look at an image.

    Attributes
    ----------
    image_id
        Which image.
    confidence
        Mean over its foreground, 0..1; None: not known, or it could not be predicted.
    n_objects
        That the model finds; None: not known.
    problem
        Why it could not be predicted; empty: it could, or was not tried.
    reliability
        How well several stages of the training agreed on it, 0..1; None: not known.
    outside
        Its regions are larger or smaller than expected; None: not that is known.
    inconsistency, instability, fragility, disagreement
        As in `api.RankedImage`; None: not known.
    score
        0..1: the higher, the more it is worth a look.
    reason
        Why to look at it, or why not, in a few words.
    box
        The tile that is most worth it; None: not known.
    """

    image_id: str
    confidence: float | None = None
    n_objects: int | None = None
    problem: str = ""
    reliability: float | None = None
    outside: Outside | None = None
    inconsistency: float | None = None
    instability: float | None = None
    fragility: float | None = None
    disagreement: float | None = None
    score: float = 0.0
    reason: str = "cannot be predicted"
    box: Box | None = None

    @classmethod
    def of(cls, event: Event) -> QueuedImage:
        """From a ``ranked`` event of the server."""
        return cls(
            event["image_id"],
            event["confidence"],
            event["n_objects"],
            event.get("sentence") or "",
            inconsistency=event.get("inconsistency"),
            instability=event.get("instability"),
            fragility=event.get("fragility"),
            disagreement=event.get("disagreement"),
            score=event["score"],
            reason=event["reason"],
            box=_box(event.get("box")),
        )

    @property
    def known(self) -> bool:
        """Whether there is anything to rank it by."""
        ranked_by = (self.outside, self.reliability, self.confidence)
        return any(found is not None for found in ranked_by)

    @property
    def about(self) -> str:
        """All that is known of it, in sentences."""
        parts = [] if self.n_objects is None else [f"{self.n_objects} objects."]
        if self.outside is not None:
            parts.append(self.outside.about)
        if self.reliability is not None:
            parts.append(
                "Several stages of the training saw the same here to "
                f"{100 * self.reliability:.0f} %."
            )
        if self.confidence is not None:
            parts.append(f"The model is sure to {100 * self.confidence:.0f} %.")
        if self.instability is not None:
            parts.append(
                f"When it is turned, {100 * self.instability:.0f} % of its objects "
                f"and {100 * (self.inconsistency or 0):.0f} % of their pixels change."
            )
        if self.fragility is not None:
            parts.append(
                f"With other thresholds {100 * self.fragility:.0f} % of them change."
            )
        if self.disagreement is not None:
            parts.append(
                f"Teacher and student differ by {100 * self.disagreement:.0f} %."
            )
        return " ".join([*parts, self.problem]).strip() or self.reason


class ImageQueue:
    """The images of a project, those first that are most worth a look."""

    def __init__(self) -> None:
        self._known: dict[str, QueuedImage] = {}
        self._places: dict[str, int] = {}  # Once the order is known.
        self._visited: set[str] = set()
        self._reported: dict[str, QueuedImage] = {}

    def __len__(self) -> int:
        """How many images are known."""
        return len({*self._known, *self._reported})

    @property
    def looked_at(self) -> bool:
        """Whether the model was asked what it is in doubt of."""
        return bool(self._known)

    @property
    def reliable(self) -> bool:
        """Whether a training has ranked images."""
        return any(one.reliability is not None for one in self._reported.values())

    def put(self, image: QueuedImage) -> None:
        """Note what the model is in doubt of in an image."""
        self._places.clear()
        self._known[image.image_id] = image

    def settle(self, images: Collection[Mapping[str, Any]]) -> None:
        """Note the order in which to work through the images.

        Parameters
        ----------
        images
            ``image_id, score, reason, box`` of each, as in a ``ranked_all`` event.
        """
        self._places = {one["image_id"]: place for place, one in enumerate(images)}
        for one in images:
            known = self._known.get(one["image_id"])
            if known is not None:
                self._known[known.image_id] = replace(
                    known,
                    score=one["score"],
                    reason=one["reason"],
                    box=_box(one["box"]),
                )

    def report(
        self, reliability: Mapping[str, float], outside: Mapping[str, Outside]
    ) -> None:
        """Note what a training reports of images, in place of what it did before.

        Parameters
        ----------
        reliability
            By image id, how well stages of the training agreed on it.
        outside
            By image id, of those with regions of unexpected size.
        """
        doubts = []
        for image_id in {**dict.fromkeys([*reliability, *outside])}:
            of_image = {}
            if image_id in reliability:
                of_image["unreliability"] = 1 - reliability[image_id]
            if reliability or image_id in outside:
                violation = outside.get(image_id)
                of_image["outside"] = violation.excess if violation else 0.0
            doubts.append(ImageDoubts(image_id, of_image=of_image))
        scale = Scale(doubts)
        self._reported = {}
        for one in doubts:
            place = scale.place(one)
            known = Known(
                reliability=reliability.get(one.image_id),
                outside=outside.get(one.image_id),
            )
            strongest = "outside" if known.outside else "unreliability"
            self._reported[one.image_id] = QueuedImage(
                one.image_id,
                reliability=known.reliability,
                outside=known.outside,
                score=place.score,
                reason=reason_of(known, place.strongest or strongest),
            )

    def clear(self) -> None:
        """Nothing is known of the model's doubts: another one is in use."""
        self._known.clear()
        self._places.clear()
        self._visited.clear()

    def visit(self, image_id: str) -> None:
        """Note that the user has seen an image; it is not offered once more."""
        self._visited.add(image_id)

    def in_order(self, finished: Collection[str] = ()) -> list[QueuedImage]:
        """All that are known, those first that are most worth a look.

        Parameters
        ----------
        finished
            Ids of images with a finished tile, which come last but for those that
            cannot be predicted.
        """
        last = len(self._places)
        return sorted(
            map(self.of, {**self._reported, **self._known}),
            key=lambda one: (
                not one.known,
                one.image_id in finished,
                self._places.get(one.image_id, last),
                -one.score,
                one.image_id,
            ),
        )

    def next_one(self, finished: Collection[str] = ()) -> QueuedImage | None:
        """The first that the user has not seen yet; None: there is none."""
        waiting = (
            one
            for one in self.in_order(finished)
            if one.image_id not in self._visited and one.known
        )
        return next(waiting, None)

    def of(self, image_id: str) -> QueuedImage:
        """What is known of an image."""
        reported = self._reported.get(image_id)
        known = self._known.get(image_id)
        if known is None:
            return reported or QueuedImage(image_id)
        if reported is None:
            return known
        if known.confidence is None:
            return replace(reported, problem=known.problem)
        return replace(
            known, reliability=reported.reliability, outside=reported.outside
        )


def _box(listed: Any) -> Box | None:
    """From its origin and size, as events have it."""
    if listed is None:
        return None
    origin, size = listed
    return Box(tuple(origin), tuple(size))
