"""Settings that the stages of several methods have, each with its bounds and words."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Gt, Interval
from pydantic import Field

from napari_semiseg.learning.augmentation_settings import Positive

Tiles = Annotated[int, Ge(1), Field(description="Labelled tiles a step")]
UnlabelledTiles = Annotated[int, Ge(1), Field(description="Unlabelled tiles a step")]
LearningRate = Annotated[
    float, Gt(0), Field(description="At the first step of the stage")
]
FinalLearningRate = Annotated[
    float, Gt(0), Field(description="At the last step of the stage; cosine decay")
]
Momentum = Annotated[
    float, Interval(ge=0, le=1), Field(description="Of SGD; AdamW has its own")
]
WeightDecay = Annotated[
    float, Ge(0), Field(description="Of the optimizer; AdamW without any is Adam")
]
HalfLife = Annotated[
    float,
    Interval(ge=0, le=1),
    Field(
        description="Half-life of the running mean of the weights, fraction of the "
        "stage's steps; the mean is what predicts. 0 switches it off"
    ),
]
ClassWeights = Annotated[
    tuple[Positive, Positive, Positive],
    Field(
        description="Weight of background, interior and boundary on labelled tiles; "
        "the classes of a semantic task weigh alike"
    ),
]
UnlabelledWeight = Annotated[
    float,
    Ge(0),
    Field(description="Weight of the loss on unlabelled tiles; 0 is the control arm"),
]
