"""What a model says about a region of an image, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from napari_semiseg.geometry import Box


@dataclass(frozen=True, eq=False)
class Prediction:
    """A predicted region.

    Attributes
    ----------
    probability
        float32 ``(K, *S)``: of each class, the background first.
    confidence
        float32 ``(*S)``: the largest class probability.
    instances
        int32 ``(*S)``: 0 background, objects 1, 2, ... n.
    classes
        uint8 ``(*S)``: the most probable class.
    region
        Where S lies in the image.
    object_classes
        Class, from 1, of each object, where the model tells several apart; else empty.
    """

    probability: NDArray[np.float32]
    confidence: NDArray[np.float32]
    instances: NDArray[np.int32]
    classes: NDArray[np.uint8]
    region: Box
    object_classes: Mapping[int, int] = field(default_factory=dict)
