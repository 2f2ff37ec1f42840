"""Which image is most worth a look; knows no Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from napari_semiseg.runs.events import Event
    from napari_semiseg.runs.outside import Outside

_UNSURE = 0.75  # Mean confidence below which a model is called unsure,
_DOUBTFUL = 0.9  # and below which not quite sure; of its stages' agreement the same.


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
    """

    image_id: str
    confidence: float | None = None
    n_objects: int | None = None
    problem: str = ""
    reliability: float | None = None
    outside: Outside | None = None

    @classmethod
    def of(cls, event: Event) -> QueuedImage:
        """From a ``ranked`` event of the server."""
        return cls(
            event["image_id"],
            event["confidence"],
            event["n_objects"],
            event.get("sentence") or "",
        )

    @property
    def known(self) -> bool:
        """Whether there is anything to rank it by."""
        ranked_by = (self.outside, self.reliability, self.confidence)
        return any(found is not None for found in ranked_by)

    @property
    def urgency(self) -> tuple[int, float]:
        """The smaller, the sooner it is worth a look.

        What is wrong comes before what the training was in doubt of, and that before
        what the finished model is unsure of.
        """
        if self.outside is not None:
            return 0, -self.outside.excess
        if self.reliability is not None:
            return 1, self.reliability
        return 2, self.confidence or 0.0

    @property
    def reason(self) -> str:
        """Why to look at it, or why not, in a few words."""
        if self.outside is not None:
            return self.outside.reason
        if self.reliability is not None:
            return f"{_agreement(self.reliability)}, {self.reliability:.2f}"
        if self.confidence is None:
            return "cannot be predicted"
        share = f"{100 * self.confidence:.0f} %"
        if self.n_objects == 0:
            return "no object found"
        if self.confidence < _UNSURE:
            return f"unsure, {share}"
        return f"not quite sure, {share}" if self.confidence < _DOUBTFUL else share

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
        return " ".join([*parts, self.problem]).strip() or self.reason


class ImageQueue:
    """The images of a project, those first that are most worth a look."""

    def __init__(self) -> None:
        self._known: dict[str, QueuedImage] = {}
        self._visited: set[str] = set()
        self._reliability: Mapping[str, float] = {}
        self._outside: Mapping[str, Outside] = {}

    def __len__(self) -> int:
        """How many images are known."""
        return len({*self._known, *self._reliability, *self._outside})

    @property
    def looked_at(self) -> bool:
        """Whether the model was asked how sure it is of images."""
        return bool(self._known)

    @property
    def reliable(self) -> bool:
        """Whether a training has ranked images."""
        return bool(self._reliability)

    def put(self, image: QueuedImage) -> None:
        """Note how sure the model is of an image."""
        self._known[image.image_id] = image

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
        self._reliability = dict(reliability)
        self._outside = dict(outside)

    def clear(self) -> None:
        """Nothing is known of the model's sureness: another one is in use."""
        self._known.clear()
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
        known = {**dict.fromkeys([*self._reliability, *self._outside]), **self._known}
        return sorted(
            map(self._one, known),
            key=lambda one: (
                not one.known,
                one.image_id in finished,
                one.urgency,
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

    def _one(self, image_id: str) -> QueuedImage:
        return replace(
            self._known.get(image_id) or QueuedImage(image_id),
            reliability=self._reliability.get(image_id),
            outside=self._outside.get(image_id),
        )


def _agreement(reliability: float) -> str:
    if reliability < _UNSURE:
        return "checkpoints disagree"
    if reliability < _DOUBTFUL:
        return "checkpoints differ a little"
    return "checkpoints agree"
