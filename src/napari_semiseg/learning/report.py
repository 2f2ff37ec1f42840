"""What a training run tells after every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from napari_semiseg.learning.size_report import SizeReport


@dataclass(frozen=True)
class ImageReliability:
    """How far the pseudo-labels of an image can be relied on.

    Attributes
    ----------
    image_id
        Which image.
    score
        How well several stages of a training agree on it, 0 to 1; None where they see
        no object that they could agree on.
    confidence
        Mean confidence of the last of them, 0 to 1.
    round
        In which round of training its pseudo-labels are used first, from 1.
    """

    image_id: str
    score: float | None
    confidence: float
    round: int


@dataclass(frozen=True)
class Report:
    """One gradient step, or a part of what a stage does before its first one.

    Attributes
    ----------
    stage
        Its name, such as ``supervised``.
    step, n_steps
        Steps done, of the whole run.
    losses
        Weighted terms and ``total``.
    coverage
        Share of the valid unlabelled pixels that the loss trusted; None without any.
    scores
        On the validation tiles, at the steps that look at them, else None.
    seconds
        This step took.
    forwards, samples
        Calls of a network, and tiles (each view counted) that went through one.
    message
        Something the user should read, else None.
    preparing
        How far the stage's preparation is, in words: then no step was made, and there
        are no losses. None of a gradient step.
    reliability
        Of the unlabelled images, the most reliable first, once a preparation has ranked
        them; else nothing.
    sizes
        What is known of the sizes of regions, when that has changed; else None.
    """

    stage: str
    step: int
    n_steps: int
    losses: Mapping[str, float]
    coverage: float | None
    scores: Mapping[str, float] | None
    seconds: float
    forwards: int
    samples: int
    message: str | None = None
    preparing: str | None = None
    reliability: tuple[ImageReliability, ...] = ()
    sizes: SizeReport | None = None


@dataclass(frozen=True, eq=False)
class PreviewArrays:
    """What the teacher says of a region, and what of it the loss would trust.

    ``probability`` float32 ``(K, *S)``, ``label`` uint8, ``confidence`` float32 and
    ``selected`` bool ``(*S)``. ``kind`` uint8 ``(*S)``: the most probable class, from
    1, of an object there; None where there is one class alone. ``thresholds``: of
    foreground and seeds, by which objects are best cut out now; None: nobody knows.
    """

    probability: NDArray[np.float32]
    label: NDArray[np.uint8]
    confidence: NDArray[np.float32]
    selected: NDArray[np.bool_]
    kind: NDArray[np.uint8] | None = None
    thresholds: tuple[float, float] | None = None
