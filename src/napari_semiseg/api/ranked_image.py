"""What is known of an image that stands in the queue."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_semiseg.geometry import Box


@dataclass(frozen=True)
class RankedImage:
    """How much an image is worth a look, and why.

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
    box
        The tile of it that is most worth a look. None: all tiles are finished or
        reviewed, or it could not be predicted.
    inconsistency
        How far its probabilities change when the image is turned, 0 to 1.
    instability
        How far its objects change when the image is turned, 0 to 1: mean over objects
        of 1 - IoU.
    fragility
        How far its objects change when the thresholds are shifted, 0 to 1. None: a
        model of classes of pixels has none.
    disagreement
        How far the probabilities of teacher and student differ, 0 to 1. None: the
        student was not asked, since its word has no weight, or the run kept none.
    outside
        How far its regions lie outside their expected sizes, relative to the bound that
        is missed; 0: inside. None: the run expects no sizes of it.
    score
        0 to 1: the higher, the more worth a look; see `runs.doubts`.
    reason
        What speaks most for a look, in a few words.
    """

    image_id: str
    name: str
    confidence: float | None
    n_objects: int | None
    finished: bool = False
    role: str = "pool"
    problem: str | None = None
    reliability: float | None = None
    box: Box | None = None
    inconsistency: float | None = None
    instability: float | None = None
    fragility: float | None = None
    disagreement: float | None = None
    outside: float | None = None
    score: float = 0.0
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON; the box as its origin and its size."""
        box = self.box
        listed = None if box is None else [list(box.origin), list(box.size)]
        return {**asdict(self), "box": listed}
