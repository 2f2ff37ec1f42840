"""Which image is most worth a look; knows no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from napari_semiseg.runs.events import Event

_UNSURE = 0.75  # Mean confidence below which a model is called unsure,
_DOUBTFUL = 0.9  # and below which not quite sure.


@dataclass(frozen=True)
class QueuedImage:
    """How sure the model is of an image.

    Attributes
    ----------
    image_id
        Which image.
    confidence
        Mean over its foreground, 0..1; None: it could not be predicted.
    n_objects
        That the model finds; None: not known.
    problem
        Why it could not be predicted; empty: it could.
    """

    image_id: str
    confidence: float | None
    n_objects: int | None
    problem: str = ""

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
    def reason(self) -> str:
        """Why to look at it, or why not, in a few words."""
        if self.confidence is None:
            return "cannot be predicted"
        share = f"{100 * self.confidence:.0f} %"
        if self.n_objects == 0:
            return "no object found"
        if self.confidence < _UNSURE:
            return f"unsure, {share}"
        return f"not quite sure, {share}" if self.confidence < _DOUBTFUL else share


class ImageQueue:
    """The images of a project, those first that the model is least sure of."""

    def __init__(self) -> None:
        self._known: dict[str, QueuedImage] = {}
        self._visited: set[str] = set()

    def __len__(self) -> int:
        """How many images are known."""
        return len(self._known)

    def put(self, image: QueuedImage) -> None:
        """Note how sure the model is of an image."""
        self._known[image.image_id] = image

    def clear(self) -> None:
        """Nothing is known: another model is in use."""
        self._known.clear()
        self._visited.clear()

    def visit(self, image_id: str) -> None:
        """Note that the user has seen an image; it is not offered once more."""
        self._visited.add(image_id)

    def in_order(self, finished: Collection[str] = ()) -> list[QueuedImage]:
        """All that are known, the least sure first.

        Parameters
        ----------
        finished
            Ids of images with a finished tile, which come last but for those that
            cannot be predicted.
        """
        return sorted(
            self._known.values(),
            key=lambda one: (
                one.confidence is None,
                one.image_id in finished,
                one.confidence or 0.0,
                one.image_id,
            ),
        )

    def next_one(self, finished: Collection[str] = ()) -> QueuedImage | None:
        """The first that the user has not seen yet; None: there is none."""
        waiting = (
            one
            for one in self.in_order(finished)
            if one.image_id not in self._visited and one.confidence is not None
        )
        return next(waiting, None)
