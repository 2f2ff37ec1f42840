"""Why an image is worth a look, in a few words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_semiseg.runs.outside import Outside

UNSURE = 0.75  # Mean confidence below which a model is called unsure,
DOUBTFUL = 0.9  # and below which not quite sure; of its stages' agreement the same.


@dataclass(frozen=True)
class Known:
    """What is known of an image; None: not that.

    Attributes
    ----------
    confidence, n_objects
        As in `RankedImage`.
    reliability
        How well stages of the training agreed on it, 0 to 1.
    outside
        Its regions are larger or smaller than expected.
    """

    confidence: float | None = None
    n_objects: int | None = None
    reliability: float | None = None
    outside: Outside | None = None


def reason_of(image: Known, strongest: str | None) -> str:
    """What speaks most for a look at an image, or why nothing does.

    Parameters
    ----------
    strongest
        Name of the doubt that stands out, see `QueueWeights`; None: none does.
    """
    if strongest == "outside" and image.outside is not None:
        return image.outside.reason
    if strongest == "unreliability" and image.reliability is not None:
        return f"{agreement(image.reliability)}, {image.reliability:.2f}"
    if image.n_objects == 0:
        return "no object found"
    if strongest in _WORDS:
        return _WORDS[strongest]
    if image.confidence is None:
        return "cannot be predicted"
    return sureness(image.confidence)


_WORDS = {
    "inconsistency": "changes when turned",
    "instability": "objects change when turned",
    "fragility": "depends on thresholds",
    "disagreement": "teacher and student differ",
}


def sureness(confidence: float) -> str:
    """How sure a model is: ``unsure, 61 %``."""
    share = f"{100 * confidence:.0f} %"
    if confidence < UNSURE:
        return f"unsure, {share}"
    return f"not quite sure, {share}" if confidence < DOUBTFUL else share


def agreement(reliability: float) -> str:
    """How well stages of a training agreed."""
    if reliability < UNSURE:
        return "checkpoints disagree"
    if reliability < DOUBTFUL:
        return "checkpoints differ a little"
    return "checkpoints agree"
