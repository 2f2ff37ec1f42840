"""Settings of ACTIS's stage on unlabelled images."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from napari_semiseg.learning.augmentation_settings import (
    Count,
    Fraction,
    Frozen,
    IntensitySettings,
    Positive,
)
from napari_semiseg.learning.shared_settings import (
    ClassWeights,
    FinalLearningRate,
    LearningRate,
    Momentum,
    Tiles,
    UnlabelledTiles,
    UnlabelledWeight,
    WeightDecay,
)


class ConsistencyStageSettings(Frozen):
    """Mean-teacher consistency on unlabelled tiles (ACTIS 3.1)."""

    labelled_batch: Tiles = 8
    unlabelled_batch: UnlabelledTiles = 8
    optimizer: Literal["adamw", "sgd"] = Field(
        "adamw", description="AdamW, or the paper's SGD with Nesterov momentum"
    )
    learning_rate: LearningRate = 5e-4
    final_learning_rate: FinalLearningRate = 1e-5
    momentum: Momentum = 0.9
    weight_decay: WeightDecay = 1e-3
    class_weights: ClassWeights = (1.0, 1.0, 4.0)
    unlabelled_class_weights: tuple[Positive, Positive, Positive] = Field(
        (1.0, 1.0, 1.0),
        description="The same on unlabelled tiles: a teacher that learned with weights "
        "prefers the boundary already, weighting its labels again would compound that",
    )
    unlabelled_weight: UnlabelledWeight = 1.0
    ramp: Fraction = Field(
        0.1, description="Fraction of the stage over which that weight rises from 0"
    )
    filter: Literal["percentile", "fixed", "adaptive"] = Field(
        "percentile",
        description="Which pixels are confident: of each class all but a share, those "
        "above one threshold, or above a threshold of each class that follows the "
        "teacher's mean confidence",
    )
    threshold: Fraction = Field(
        0.95, description="Confidence that the fixed filter asks for"
    )
    quantile: Fraction = Field(
        0.2, description="Share of each class's pixels left out as least confident (k)"
    )
    quantile_decay: Fraction = Field(
        0.99, description="Decay a step of the running mean of these percentiles"
    )
    bias_correction: bool = Field(
        True,
        description="Average the first percentiles evenly, so that the running mean "
        "follows from the first step on",
    )
    filtering: bool = Field(True, description="Leave out unconfident pixels at all")
    teacher_views: Literal[1, 2, 4, 8] = Field(
        4, description="Flips and rotations the teacher's probability is averaged over"
    )
    teacher_half_life: Fraction = Field(
        0.05,
        description="Half-life of the teacher, fraction of the stage's steps; "
        "not used when a fixed decay is given",
    )
    teacher_decay: Fraction | None = Field(
        None, description="Fixed decay of the teacher at each of its updates"
    )
    teacher_warm_up: bool = Field(
        False,
        description="Let the teacher's first updates average evenly (bias correction)",
    )
    teacher_interval: Count = Field(1, description="Steps between teacher updates")
    momentum_teacher: bool = Field(
        True, description="Let the teacher follow the student; off: it stays frozen"
    )
    bank: Count = Field(
        24, description="Unlabelled tiles whose pseudo-labels are kept for some steps"
    )
    fresh: Count = Field(
        2,
        description="Tiles a step that the teacher labels anew, oldest first; "
        "as many as the unlabelled batch: none is ever used twice",
    )
    warped: bool = Field(
        True,
        description="Augment the labelled tiles as in the supervised stage (affine, "
        "elastic); off: flips and turns only, as the paper has it",
    )
    copy_paste: Fraction = Field(
        0.0,
        description="Share of the labelled tiles that get objects of other ones, with "
        "at most 3 of these",
    )
    cutmix: Fraction = Field(
        0.0,
        description="Share of the unlabelled tiles that get a box of another image's, "
        "with its pseudo-labels",
    )
    predict_with: Literal["teacher", "student"] = Field(
        "teacher", description="Which network the model is in the end"
    )
    intensity: IntensitySettings = IntensitySettings()
