"""Settings of co-training with fixed and dynamic pseudo-labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Interval
from pydantic import Field

from napari_semiseg.learning.layer_words import ABOUT_INSTANCES, LayerWords
from napari_semiseg.learning.settings import (
    Count,
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
    WeightDecay,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


class CoTrainingStageSettings(Frozen):
    """Two networks that learn from labels, and from what the other one says."""

    labelled_batch: Count = Field(4, description="Labelled tiles a step, each network")
    unlabelled_batch: Annotated[int, Ge(2)] = Field(
        4, description="Unlabelled crops a step"
    )
    separate_batches: bool = Field(
        True, description="Each network has labelled tiles of its own in a step"
    )
    optimizer: Literal["adamw", "sgd"] = Field(
        "adamw", description="AdamW with cosine decay, or SGD with polynomial decay"
    )
    learning_rate: LearningRate = 1e-3
    final_learning_rate: FinalLearningRate = 1e-5
    momentum: Momentum = 0.9
    weight_decay: WeightDecay = 1e-3
    alpha: Fraction = Field(
        0.5,
        description="Weight of the cross-entropy in the supervised loss; what is left "
        "to 1 is that of the Dice loss",
    )
    class_weights: ClassWeights = (1.0, 1.0, 4.0)
    fixed_weight: Annotated[float, Ge(0)] = Field(
        1.0, description="Weight of the loss on fixed pseudo-labels; 0 leaves it out"
    )
    dynamic_weight: Annotated[float, Ge(0)] = Field(
        1.0, description="Weight of the loss on dynamic pseudo-labels; 0 leaves it out"
    )
    n_shifts: Literal[1, 4] = Field(
        1,
        description="Shifted crops a step: one at random, or all four, averaged where "
        "they overlap",
    )
    shift: Annotated[float, Interval(gt=0, lt=0.5)] = Field(
        0.25, description="How far crops are shifted, fraction of the tile's side"
    )
    cutmix: bool = Field(
        True,
        description="The second network sees each crop with a box of another one, and "
        "learns the pseudo-labels cut alike",
    )
    confidence: Fraction = Field(
        0.5, description="Pseudo-labels with less than this probability do not count"
    )
    warm_up: Fraction = Field(
        0.15, description="Fraction of the steps with the supervised loss alone"
    )
    ramp: Fraction = Field(
        0.2,
        description="Fraction of the other steps over which the loss on pseudo-labels "
        "rises to its weight",
    )
    warped: bool = Field(
        True,
        description="Labelled tiles are warped and altered in intensity as in the "
        "supervised method; off: flips and turns only",
    )
    average_half_life: Fraction = Field(
        0.05,
        description="Half-life of the running mean of the weights, fraction of the "
        "stage's steps; the mean is what predicts, and labels nothing. 0 switches it "
        "off",
    )
    geometry: GeometrySettings = GeometrySettings()
    intensity: IntensitySettings = IntensitySettings()


CO_TRAINING_WORDS = LayerWords(
    label_name="prediction of both networks",
    about_label=(
        "The class that the two networks predict on average. In the loss on unlabelled "
        "images the target of each is what the other one alone predicts, here and in "
        "crops shifted a little. A pixel you give a class here is labelled: the next "
        "run learns that class."
    ),
    about_selected=(
        "The pixels whose pseudo-labels the loss uses: those predicted with some "
        "confidence. Mark pixels as trusted or not trusted, and the next run always or "
        "never learns the networks' labels there."
    ),
    about_instances=ABOUT_INSTANCES,
)

_PAPER_STAGE = CoTrainingStageSettings(
    labelled_batch=2,
    unlabelled_batch=2,
    separate_batches=False,
    optimizer="sgd",
    learning_rate=0.01,
    weight_decay=1e-4,
    class_weights=(1.0, 1.0, 1.0),
    confidence=0.0,
    warm_up=0.0,
    ramp=0.4,
    warped=False,
    average_half_life=0.0,
)


class CoTrainingSettings(Settings):
    """Co-training with fixed and dynamic pseudo-labels (Kumari and Singh)."""

    title: ClassVar[str] = "Co-training"
    sentence: ClassVar[str] = (
        "Trains two networks that label unlabelled images for each other, each crop "
        "once as it is and once from crops shifted a little; their mean predicts."
    )
    layer_words: ClassVar[LayerWords] = CO_TRAINING_WORDS

    name: Literal["co-training"] = "co-training"
    co_training: CoTrainingStageSettings = CoTrainingStageSettings()

    def remarks(self, shapes: Sequence[tuple[int, ...]]) -> list[str]:
        """Whether there is room for shifted crops."""
        from napari_semiseg.learning.shift_sizes import reach

        fraction = self.co_training.shift
        narrow = [s for s in shapes if not any(reach(s, self.tile_size, fraction))]
        if not narrow or not self.co_training.dynamic_weight:
            return []
        which = "The" if len(narrow) == len(shapes) else f"{len(narrow)}"
        return [
            f"{which} unlabelled images are hardly larger than a training tile of "
            f"{self.tile_size} pixels: they get no dynamic pseudo-labels. Choose a "
            "smaller tile size."
        ]

    @classmethod
    def paper_values(cls) -> dict[str, Any]:
        """What is known of the paper; its numbers are not.

        Steps, batch, optimiser and ramp are those that its published relatives share
        (SSL4MIS, BCP, TraCoCo): no number here is the paper's own but the form.
        """
        return {**super().paper_values(), "steps": 15_000, "co_training": _PAPER_STAGE}
