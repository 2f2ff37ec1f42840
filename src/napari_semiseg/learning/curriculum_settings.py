"""Settings of curriculum learning: sizes first, then segmentation within their bounds.

Kervadec et al., "Curriculum semi-supervised segmentation" (MICCAI 2019). The weight of
the penalty is in its public code alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from annotated_types import Ge, Gt, Interval
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from napari_semiseg.errors import SemisegError
from napari_semiseg.learning.layer_words import ABOUT_INSTANCES, LayerWords
from napari_semiseg.learning.network_settings import NetworkSettings
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
    HalfLife,
    LearningRate,
    Tiles,
    UnlabelledTiles,
    WeightDecay,
)
from napari_semiseg.learning.typed_bounds import as_text, checked, region_names, typed

if TYPE_CHECKING:
    from napari_semiseg.learning.training_set import TrainingSet

_TURNED = GeometrySettings(
    rotation=45.0, scale=1.25, shear=0.0, translation=0.0, elastic=0.0
)


class RegressorSettings(Frozen):
    """The regressor, which learns the sizes of regions from the labelled tiles."""

    kind: Literal["counting", "trained"] = Field(
        "counting",
        description="Counting: least squares on the features of an encoder that stays "
        "as it is, without a gradient step. Trained: a whole network, as in the paper",
    )
    encoder: Annotated[str, Field(min_length=1)] = Field(
        "same",
        description="Encoder of segmentation-models-pytorch; same: that of the "
        "network, as it begins",
    )
    weights: Annotated[str, Field(min_length=1)] = Field(
        "auto", description="What another encoder starts from, as for the network"
    )
    crops: Count = Field(
        128, description="Counting: crops of the labelled tiles it learns from, about"
    )
    folds: Annotated[int, Ge(2)] = Field(
        5,
        description="Counting: in how many parts the tiles are left out in turn, to "
        "measure the error on tiles it has not seen",
    )
    ridge: Positive = Field(
        0.01, description="Counting: how strongly the weights are held back"
    )
    fraction: Fraction = Field(
        0.2, description="Trained: part of the steps, before the network learns"
    )
    batch: Count = Field(10, description="Trained: crops a step")
    learning_rate: Positive = Field(
        5e-6,
        description="Trained: SGD, halved at one half and at three quarters; for sizes "
        "in pixels of 256 x 256",
    )
    momentum: Fraction = Field(0.9, description="Trained: of SGD")
    weight_decay: Annotated[float, Ge(0)] = Field(1e-4, description="Trained: of SGD")
    geometry: GeometrySettings = _TURNED
    beyond: Literal["mirrored", "zero"] = Field(
        "mirrored", description="What a turned crop shows beyond its labelled tile"
    )


class CurriculumStageSettings(Frozen):
    """Segmentation, with a penalty on sizes outside of their bounds."""

    labelled_batch: Tiles = 8
    unlabelled_batch: UnlabelledTiles = 8
    size_weight: Annotated[float, Ge(0)] = Field(
        5.0,
        description="Weight of the squared violation, a share of the tile; 0 is the "
        "control arm, which learns from labelled tiles alone",
    )
    gamma: Annotated[float, Interval(ge=0, le=1)] = Field(
        0.1, description="Half-width of the bounds, relative to the size; at least"
    )
    measured: bool = Field(
        True,
        description="Widen the bounds by the regressor's own error on tiles it has not "
        "seen, and leave them out where that is too large",
    )
    error_factor: Positive = Field(
        1.5, description="Measured: half-width of the bounds, relative errors"
    )
    largest_error: Positive = Field(
        0.5, description="Measured: with a larger relative error, no bounds at all"
    )
    least_width: Fraction = Field(
        0.005, description="Least half-width of the bounds, share of the tile"
    )
    clip: Annotated[float, Gt(0)] | None = Field(
        0.1,
        description="Violation from which on the penalty grows as a straight line, "
        "share of the tile; not given: never",
    )
    ramp: Fraction = Field(
        0.2, description="Fraction of the stage over which the penalty rises"
    )
    learning_rate: LearningRate = 1e-3
    schedule: Literal["cosine", "plateau"] = Field(
        "cosine",
        description="Cosine decay; or halved whenever the score on validation tiles "
        "has not improved for a fifth of the stage",
    )
    final_learning_rate: FinalLearningRate = 1e-5
    second_moment: Annotated[float, Interval(gt=0, lt=1)] = Field(
        0.999, description="AdamW: decay of the mean of squared gradients (beta 2)"
    )
    weight_decay: WeightDecay = 1e-3
    class_weights: ClassWeights = (1.0, 1.0, 4.0)
    augmented: bool = Field(
        True,
        description="Labelled tiles are warped and altered in intensity as in the "
        "supervised method, unlabelled ones in intensity alone; off: neither",
    )
    average_half_life: HalfLife = 0.05
    geometry: GeometrySettings = GeometrySettings()
    intensity: IntensitySettings = IntensitySettings()


CURRICULUM_WORDS = LayerWords(
    label_name="prediction (sizes bounded)",
    about_label=(
        "The class the model predicts for each pixel. It is no target: on unlabelled "
        "images the loss only asks that each class covers about as much of a tile as "
        "its bounds say. A pixel you give a class here is labelled: the next run "
        "learns that class."
    ),
    about_selected=(
        "Only what you drew, accepted or erased yourself: of all else the loss bounds "
        "how much a class covers, not which pixels. What you mark here changes "
        "nothing in its loss; it is kept for a method that learns from "
        "pseudo-labels, such as ACTIS."
    ),
    about_instances=ABOUT_INSTANCES,
)

_PAPER_REGRESSOR = RegressorSettings(
    kind="trained",
    encoder="tu-resnext101_32x4d",
    weights="none",
    fraction=38_000 / 180_600,
    geometry=GeometrySettings(
        rotation=45.0,
        scale=1.0,
        shear=0.0,
        translation=0.0,
        elastic=0.0,
        probability=0.5,
    ),
    beyond="zero",
)
_PAPER_STAGE = CurriculumStageSettings(
    labelled_batch=1,
    unlabelled_batch=1,
    size_weight=655.0,
    measured=False,
    least_width=0.0,
    clip=None,
    ramp=0.0,
    learning_rate=5e-4,
    schedule="plateau",
    second_moment=0.99,
    weight_decay=0.0,
    class_weights=(1.0, 1.0, 1.0),
    augmented=False,
    average_half_life=0.0,
)


class CurriculumSettings(Settings):
    """Curriculum learning of Kervadec et al.: region sizes, then segmentation."""

    title: ClassVar[str] = "Curriculum of sizes"
    sentence: ClassVar[str] = (
        "Learns first how much of a tile each class covers, then to segment: in "
        "unlabelled images each class must cover about as much as that, or as you say."
    )
    layer_words: ClassVar[LayerWords] = CURRICULUM_WORDS

    name: Literal["curriculum"] = "curriculum"
    source: Literal["regressed", "oracle", "proposals"] = Field(
        "regressed",
        description="Sizes by a regressor; by the truth, in a benchmark only; or no "
        "sizes: the network's own frozen predictions of foreground are learned, which "
        "is the paper's comparison",
    )
    bounds: Annotated[str, BeforeValidator(as_text), AfterValidator(checked)] | None = (
        Field(
            None,
            description="Sizes that you know, in place of the regressor: percent of a "
            "tile that a class covers, such as nucleus 10-25, cytoplasm 20-40",
        )
    )
    proposals_from: Fraction = Field(
        0.5, description="Proposals: part of the steps before they are made"
    )
    regressor: RegressorSettings = RegressorSettings()
    curriculum: CurriculumStageSettings = CurriculumStageSettings()

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.bounds is not None and self.source != "regressed":
            raise ValueError(
                "bounds that you type take the place of a regressor: set source to "
                "regressed, or leave them out"
            )
        return self

    def check(self, training_set: TrainingSet) -> None:
        """Refuse bounds of unknown classes, and the truth where nobody knows it."""
        names = region_names(training_set)
        if self.bounds is not None:
            typed(self.bounds, names)
        unknown = [image for image in training_set.unlabelled if image.sizes is None]
        if self.source == "oracle" and unknown:
            raise SemisegError(
                "True sizes of unlabelled images are known in a benchmark only: set "
                "source to regressed, or type bounds."
            )

    @classmethod
    def paper_values(cls) -> dict[str, Any]:
        """Section 4.1 of the paper; the weight of the penalty from its public code.

        Steps for 10 labelled of 75 exams, with 19 slices each (1,902 slices of 100
        exams): 200 epochs of 190 batches for the regressor, 100 of 1,426 images.
        """
        return {
            "steps": 180_600,
            "tile_size": 256,
            "validate_every": 1426 / 180_600,
            "network": NetworkSettings(architecture="enet"),
            "regressor": _PAPER_REGRESSOR,
            "curriculum": _PAPER_STAGE,
        }
