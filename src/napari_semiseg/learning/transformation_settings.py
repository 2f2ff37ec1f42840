"""Settings of learning consistency under transformations."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Interval
from pydantic import Field

from napari_semiseg.learning.layer_words import ABOUT_INSTANCES, LayerWords
from napari_semiseg.learning.settings import (
    Count,
    Fraction,
    Frozen,
    GeometrySettings,
    IntensitySettings,
    Positive,
    Settings,
)
from napari_semiseg.learning.shared_settings import (
    ClassWeights,
    FinalLearningRate,
    LearningRate,
    WeightDecay,
)


class TransformationSettings(Frozen):
    """Under which transformations a prediction shall be consistent.

    Each has a switch. Near-isometries only: a zoom would change the width of the
    boundary class.
    """

    shift: bool = Field(True, description="Shift by whole pixels")
    largest_shift: Annotated[float, Interval(ge=0, le=0.5)] = Field(
        0.1, description="Fraction of the tile's side, along each axis"
    )
    rotation: bool = Field(True, description="Rotate in the plane of y and x")
    largest_angle: Annotated[float, Interval(ge=0, le=180)] = Field(
        180.0, description="Degrees, either way"
    )
    flip: bool = Field(True, description="Mirror each axis half of the times")
    elastic: bool = Field(True, description="Bend smoothly")
    elastic_deviation: Annotated[float, Interval(ge=0, le=4)] = Field(
        2.0, description="Standard deviation of the displacement, pixels"
    )
    elastic_spacing: Annotated[float, Interval(ge=16, le=256)] = Field(
        32.0, description="Between two control points of the displacement, pixels"
    )
    noise: bool = Field(False, description="Add normal noise to the transformed view")
    noise_deviation: Annotated[float, Interval(ge=0, le=1)] = Field(
        0.1, description="Standard deviation, fraction of the normalised range"
    )
    noise_clipped: bool = Field(
        False, description="Clip the noisy batch to the range of values it had"
    )


class TransformationStageSettings(Frozen):
    """Supervised and consistency loss on pairs of views of every tile."""

    labelled_batch: Count = Field(
        4, description="Labelled tiles a step, two views each"
    )
    unlabelled_batch: Count = Field(
        8, description="Unlabelled tiles a step, two views each"
    )
    sides: Literal["one", "two"] = Field(
        "one",
        description="Transform one view of a tile (the reproduction), or both, each in "
        "its own way (the original)",
    )
    learning_rate: LearningRate = 1e-3
    warm_learning_rate: Positive = Field(
        5e-4, description="The same where the network has learned before"
    )
    final_learning_rate: FinalLearningRate = 1e-5
    weight_decay: WeightDecay = 1e-3
    supervised_loss: Literal["cross-entropy", "symmetric-kl"] = Field(
        "cross-entropy",
        description="Of the labelled pixels, in both views; the paper's is the "
        "symmetric divergence from their labels, unweighted",
    )
    class_weights: ClassWeights = (1.0, 1.0, 4.0)
    divergence: Literal["stable", "clipped"] = Field(
        "stable",
        description="Clipped: both losses with the public code's clipped "
        "probabilities, which lets the network collapse to one class; for comparison",
    )
    consistency_weight: Annotated[float, Ge(0)] = Field(
        1.0, description="Weight of the consistency loss; 0 is the control arm"
    )
    ramp: Fraction = Field(
        0.2, description="Fraction of the stage over which that weight rises"
    )
    foreground_weight: Annotated[float, Ge(0)] = Field(
        1.0,
        description="How much more a pixel of foreground counts in the consistency "
        "loss: empty ground is consistent in any case",
    )
    beyond: Literal["mirrored", "zero"] = Field(
        "mirrored",
        description="What a transformed view shows beyond its tile; never compared",
    )
    augmented: bool = Field(
        True,
        description="Warp labelled tiles, and alter the intensities of every view, as "
        "in the supervised method; off: the transformations alone",
    )
    average_half_life: Fraction = Field(
        0.05,
        description="Half-life of the running mean of the weights, fraction of the "
        "stage's steps; the mean is what predicts, and is in no loss. 0 switches it "
        "off",
    )
    transformations: TransformationSettings = TransformationSettings()
    geometry: GeometrySettings = GeometrySettings()
    intensity: IntensitySettings = IntensitySettings()


CONSISTENCY_WORDS = LayerWords(
    label_name="prediction (no target)",
    about_label=(
        "The class the model predicts for each pixel. It is no target: on unlabelled "
        "images the loss asks two views of a tile to agree, whatever they say. A pixel "
        "you give a class here is labelled: the next run learns that class."
    ),
    about_selected=(
        "The pixels on which two views of an unlabelled image shall agree: all of "
        "them. Mark pixels as not trusted, such as dirt, and the next run leaves them "
        "out of that loss."
    ),
    about_instances=ABOUT_INSTANCES,
)

_PAPER_STAGE = TransformationStageSettings(
    labelled_batch=10,
    unlabelled_batch=118,
    learning_rate=1e-3,
    warm_learning_rate=1e-5,
    final_learning_rate=1e-3,
    weight_decay=0.0,
    supervised_loss="symmetric-kl",
    ramp=0.0,
    foreground_weight=0.0,
    beyond="zero",
    augmented=False,
    average_half_life=0.0,
    transformations=TransformationSettings(
        largest_shift=10 / 32,
        rotation=False,
        largest_angle=45.0,
        flip=False,
        elastic=False,
        noise_clipped=True,
    ),
)


class ConsistencySettings(Settings):
    """Consistency under transformations (Bortsova et al., and its reproduction)."""

    title: ClassVar[str] = "Consistency under transformations"
    sentence: ClassVar[str] = (
        "Learns from the labelled tiles, and that the prediction of any image moves "
        "along when the image is shifted, rotated or bent."
    )
    layer_words: ClassVar[LayerWords] = CONSISTENCY_WORDS

    name: Literal["consistency"] = "consistency"
    start: Literal["cold", "warm", "warm-early"] = Field(
        "cold",
        description="Both losses from the first step (SemiC); or after a supervised "
        "stage to its end (SemiCT), or to its best validation score (SemiTCE)",
    )
    warm_fraction: Fraction = Field(
        0.5, description="Part of the steps that are supervised with start warm"
    )
    early_fraction: Fraction = Field(
        25 / 145, description="The same with start warm-early"
    )
    consistency: TransformationStageSettings = TransformationStageSettings()

    @classmethod
    def paper_values(cls) -> dict[str, Any]:
        """120 epochs of 49,000 images in batches of 128: one transformation, the shift.

        Steps and batches are those for CIFAR-10, whose images are classified; the
        reproduction segments nothing, so that network and tile size stay ours.
        """
        return {
            **super().paper_values(),
            "steps": 120 * 383,
            "validate_every": 1 / 120,
            "consistency": _PAPER_STAGE,
        }
