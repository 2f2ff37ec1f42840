"""Settings of FixMatch inside ST and ST++.

Luu et al., *Semi-supervised Semantic Segmentation using Redesigned Self-Training for
White Blood Cell*, with ST++ (Yang et al. 2022) and FixMatch (Sohn et al. 2020), which
it is built of. The paper prints the six modes, learning rate and schedule, batches and
networks; threshold, epochs, augmentations, checkpoints and optimiser are not in it.
Preset ``paper`` takes those from the public code of ST++, and the threshold 0.95 and
the weight 1 from FixMatch's.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Interval, Len
from pydantic import Field

from napari_semiseg.learning.layer_words import ABOUT_INSTANCES, LayerWords
from napari_semiseg.learning.network_settings import NetworkSettings
from napari_semiseg.learning.settings import (
    Fraction,
    Frozen,
    GeometrySettings,
    IntensitySettings,
    Settings,
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

Scale = Annotated[float, Interval(ge=0.25, le=4)]
Share = Annotated[float, Gt(0), Interval(le=1)]


class LearnerSettings(Frozen):
    """How the network of each stage learns, the first one's and the students' alike."""

    optimizer: Literal["adamw", "sgd"] = Field(
        "adamw", description="AdamW, or SGD with momentum as in ST++"
    )
    learning_rate: LearningRate = 1e-3
    schedule: Literal["cosine", "poly"] = Field(
        "cosine", description="Cosine, or the paper's (1 - step / steps)^0.9 (to 0)"
    )
    final_learning_rate: FinalLearningRate = 1e-5
    decoder_scale: Annotated[float, Interval(gt=0, le=100)] = Field(
        1.0,
        description="Learning rate of all but the encoder, times that of the encoder "
        "(ST++: 10 but for DeepLabV2)",
    )
    momentum: Momentum = 0.9
    weight_decay: WeightDecay = 1e-3
    average_half_life: Fraction = Field(
        0.05,
        description="Half-life of the running mean of the weights, fraction of the "
        "stage's steps; the mean predicts, and gives FixMatch its pseudo-labels. 0: "
        "the network itself does both",
    )


class LabelledSettings(Frozen):
    """Labelled tiles, in all stages."""

    class_weights: ClassWeights = (1.0, 1.0, 4.0)
    geometry: GeometrySettings = GeometrySettings()
    intensity: IntensitySettings = IntensitySettings()


class StrongViewSettings(Frozen):
    """Strong augmentation of unlabelled tiles, on top of the weak view.

    Its strength is that of ST++'s colour jitter; twice as much, which ACTIS has, made
    bright-field images black, and every student worse.
    """

    intensity: IntensitySettings = IntensitySettings(strength=0.5)
    grey: Fraction = Field(
        0.0, description="Chance that a colour image (3 channels) is made grey"
    )
    cutmix: Fraction = Field(
        0.5, description="Chance that a box is taken from another unlabelled image"
    )
    cutout: Fraction = Field(
        0.0, description="Chance that a box is filled with noise, and not learned"
    )


class FixMatchSettings(Frozen):
    """FixMatch in the first stage: confident labels of weak views teach strong ones."""

    labelled_batch: Tiles = 8
    unlabelled_batch: UnlabelledTiles = 8
    threshold: Fraction = Field(
        0.95, description="From which confidence a pseudo-label counts (tau)"
    )
    class_wise: bool = Field(
        True,
        description="Lower the threshold of a class that is rarely so confident, such "
        "as the boundary, to a percentile of its own confidences",
    )
    quantile: Fraction = Field(
        0.5, description="That percentile: the share of the class's pixels below it"
    )
    quantile_decay: Fraction = Field(
        0.99, description="Decay a step of the running mean of these percentiles"
    )
    unlabelled_weight: UnlabelledWeight = 1.0
    warm_up: Fraction = Field(
        0.25, description="Fraction of the stage that learns from labelled tiles alone"
    )
    ramp: Fraction = Field(
        0.05, description="Fraction of the stage over which the weight then rises"
    )
    strong: StrongViewSettings = StrongViewSettings()


class StudentSettings(Frozen):
    """Self-training: a fresh student learns labels and pseudo-labels alike."""

    labelled_batch: Tiles = 8
    unlabelled_batch: Annotated[int, Ge(1)] = Field(
        8, description="Pseudo-labelled tiles a step"
    )
    unlabelled_class_weights: ClassWeights = Field(
        (1.0, 1.0, 1.0),
        description="Weight of background, interior and boundary in pseudo-labels: a "
        "teacher that learned with weights prefers the boundary already",
    )
    unlabelled_weight: Annotated[float, Ge(0)] = Field(
        1.0,
        description="Weight of a pseudo-labelled pixel, times that of a labelled one; "
        "0 is the control arm",
    )
    views: Literal[1, 2, 4, 8] = Field(
        4, description="Flips and turns the teacher's probability is summed over"
    )
    scales: Annotated[tuple[Scale, ...], Len(1, 8)] = Field(
        (1.0,),
        description="Sizes of the image the teacher's probability is summed over",
    )
    strong: StrongViewSettings = StrongViewSettings()


class ReliabilitySettings(Frozen):
    """ST++: which images the first student learns, and which only the second."""

    checkpoints: Annotated[tuple[Share, ...], Len(2, 8)] = Field(
        (1 / 6, 1 / 3, 1.0),
        description="When the first stage is asked what it sees, fractions of it; the "
        "more it agrees with its end, the more reliable is the image",
    )
    reliable_fraction: Fraction = Field(
        0.5,
        description="Share of the images that the first student learns, one at least",
    )
    background: bool = Field(
        False, description="Count the background as a class that is to be agreed on"
    )


FIXMATCH_ST_WORDS = LayerWords(
    label_name="pseudo-labels",
    about_label=(
        "The class the teacher gives each pixel. With FixMatch it is the learning "
        "network itself, anew at every step; then the finished network of the stage "
        "before, once for all. It is the target of the loss on unlabelled images. A "
        "pixel you give a class here is labelled: the next run learns that class in "
        "the loss on labelled pixels."
    ),
    about_selected=(
        "The pixels whose pseudo-label the loss uses: with FixMatch the confident "
        "ones, in self-training all of each image in use (in the first round of ST++ "
        "the reliable images). Mark pixels as trusted or not trusted, and the next run "
        "always or never learns the teacher's label there."
    ),
    about_instances=ABOUT_INSTANCES,
)


class FixMatchStSettings(Settings):
    """FixMatch, then ST or ST++: the six modes of the paper."""

    title: ClassVar[str] = "FixMatch and self-training"
    sentence: ClassVar[str] = (
        "Learns from the labelled tiles and from what it is confident of in unlabelled "
        "images; then fresh networks learn what the one before says of these."
    )
    layer_words: ClassVar[LayerWords] = FIXMATCH_ST_WORDS

    name: Literal["fixmatch-st"] = "fixmatch-st"
    first: Literal["supervised", "fixmatch"] = Field(
        "fixmatch", description="First stage: labelled tiles alone, or FixMatch"
    )
    self_training: Literal["none", "st", "st++"] = Field(
        "st",
        description="After it: nothing; one student of all images; a student of the "
        "reliable images and then one of all",
    )
    first_fraction: Share | None = Field(
        None,
        description="Part of the steps in the first stage, the students share the "
        "rest; not given: all stages are equally long",
    )
    supervised_batch: Annotated[int, Ge(2)] = Field(
        8, description="Labelled tiles a step in a first stage without FixMatch"
    )
    labelled: LabelledSettings = LabelledSettings()
    learner: LearnerSettings = LearnerSettings()
    fixmatch: FixMatchSettings = FixMatchSettings()
    student: StudentSettings = StudentSettings()
    reliability: ReliabilitySettings = ReliabilitySettings()

    @classmethod
    def paper_values(cls) -> dict[str, Any]:
        """The paper's section 4.2; what it leaves open from the code of ST++.

        80 epochs a stage are about 1,800 steps with a quarter of Zheng 1 labelled.
        """
        return {
            "steps": 5400,
            "validate_every": 1 / 240,
            "supervised_batch": 16,
            "network": NetworkSettings(
                architecture="deeplabv3plus", encoder="resnet50"
            ),
            "labelled": _PAPER_LABELLED,
            "learner": _PAPER_LEARNER,
            "fixmatch": _PAPER_FIXMATCH,
            "student": _PAPER_STUDENT,
            "reliability": ReliabilitySettings(
                checkpoints=(1 / 3, 2 / 3, 1.0), background=True
            ),
        }


# ST++ resizes to 0.5 to 2 times, crops and mirrors; nothing strong on labelled tiles.
_PAPER_LABELLED = LabelledSettings(
    class_weights=(1.0, 1.0, 1.0),
    geometry=GeometrySettings(
        rotation=0.0,
        scale=2.0,
        shear=0.0,
        translation=0.0,
        elastic=0.0,
        probability=1.0,
    ),
    intensity=IntensitySettings(probability=0.0),
)
_PAPER_LEARNER = LearnerSettings(
    optimizer="sgd",
    learning_rate=0.009,
    schedule="poly",
    weight_decay=1e-4,
    average_half_life=0.0,
)
_PAPER_STRONG = StrongViewSettings(grey=0.2, cutmix=0.0, cutout=0.5)
_PAPER_FIXMATCH = FixMatchSettings(
    labelled_batch=16,
    unlabelled_batch=16,
    class_wise=False,
    ramp=0.0,
    strong=_PAPER_STRONG,
)
_PAPER_STUDENT = StudentSettings(
    views=2, scales=(0.5, 0.75, 1.0, 1.5, 2.0), strong=_PAPER_STRONG
)
