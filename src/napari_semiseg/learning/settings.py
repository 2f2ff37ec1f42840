"""Settings of the methods: frozen, bounded values with units and the paper's defaults.

Two presets a method, no third word. ``paper`` is the literal paper; ``default`` is what
our measurements say is best for 1-20 labelled tiles and minutes of training
(``docs/benchmarks.md``). The class defaults are the preset ``default``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from annotated_types import Ge, Interval
from pydantic import Field

from napari_semiseg.learning.augmentation_settings import (
    Count,
    Fraction,
    Frozen,
    GeometrySettings,
    IntensitySettings,
    Positive,
)
from napari_semiseg.learning.consistency_settings import ConsistencyStageSettings
from napari_semiseg.learning.layer_words import (
    ACTIS_WORDS,
    SUPERVISED_WORDS,
    LayerWords,
)
from napari_semiseg.learning.network_settings import NetworkSettings
from napari_semiseg.learning.shared_settings import (
    ClassWeights,
    FinalLearningRate,
    HalfLife,
    LearningRate,
    WeightDecay,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_semiseg.learning.training_set import TrainingSet

__all__ = [
    "ActisSettings",
    "ConsistencyStageSettings",
    "Count",
    "Fraction",
    "Frozen",
    "GeometrySettings",
    "IntensitySettings",
    "LayerWords",
    "NetworkSettings",
    "Positive",
    "Preset",
    "Settings",
    "SupervisedSettings",
    "SupervisedStageSettings",
]

Preset = Literal["default", "paper"]


class SupervisedStageSettings(Frozen):
    """Weighted cross-entropy on the labelled tiles (ACTIS 3.2)."""

    batch: Annotated[int, Ge(2)] = Field(8, description="Tiles a step")
    learning_rate: LearningRate = 1e-3
    final_learning_rate: FinalLearningRate = 1e-5
    weight_decay: WeightDecay = 1e-3
    class_weights: ClassWeights = (1.0, 1.0, 4.0)
    average_half_life: HalfLife = 0.05
    copy_paste: Fraction = Field(
        0.0,
        description="Share of the tiles that get objects of other labelled tiles, "
        "with at most 3 of these",
    )
    geometry: GeometrySettings = GeometrySettings()
    intensity: IntensitySettings = IntensitySettings()


class Settings(Frozen):
    """What every method has in common."""

    title: ClassVar[str]
    sentence: ClassVar[str]
    layer_words: ClassVar[LayerWords]
    unlabelled_images: ClassVar[bool] = True
    """Whether it learns from unlabelled images, too."""

    name: str
    preset: Preset = Field("default", description="Where the values come from")
    steps: Annotated[int, Ge(1)] = Field(
        600, description="Gradient steps of the run, all stages together"
    )
    tile_size: Annotated[int, Interval(ge=32, le=1024), Field(multiple_of=32)] = Field(
        128, description="Side of a training tile, pixels"
    )
    boundary: Literal["inner", "outer"] = Field(
        "inner",
        description="Boundary class inside the object (1 px) or around it",
    )
    seed: Annotated[int, Ge(0)] = Field(0, description="Seed of all random draws")
    validate_every: Fraction = Field(
        0.1,
        description="Fraction of the steps between two looks at the validation tiles",
    )
    minimum_size: Annotated[int, Ge(0)] = Field(
        8, description="Objects smaller than this are dropped, pixels"
    )
    watershed: Literal["components", "mahotas"] = Field(
        "components",
        description="Flood inside the foreground, or the whole image as in the paper",
    )
    threshold_rule: Literal["plateau", "best"] = Field(
        "plateau", description="Middle of the best thresholds, or the single best pair"
    )
    class_weights: tuple[Positive, ...] = Field(
        (),
        description="Weight of each class of a semantic task in the loss, the "
        "background first; empty: all alike. More for a class that is rare",
    )
    accepted_weight: Fraction = Field(
        1.0,
        description="How much a pixel of an accepted object counts in the loss, beside "
        "one that you drew; 0: not at all",
    )
    network: NetworkSettings = NetworkSettings()

    def check(self, training_set: TrainingSet) -> None:
        """Refuse what cannot be learned so; raises `SemisegError`."""

    def remarks(self, shapes: Sequence[tuple[int, ...]]) -> list[str]:
        """What the user should know of them with unlabelled images of these shapes."""
        return []

    @classmethod
    def of_preset(cls, preset: Preset) -> Self:
        """The settings of a preset."""
        return cls(preset=preset, **(cls.paper_values() if preset == "paper" else {}))

    @classmethod
    def paper_values(cls) -> dict[str, Any]:
        """What the paper prints, where the default departs from it."""
        return {
            "boundary": "outer",
            "watershed": "mahotas",
            "threshold_rule": "best",
            "minimum_size": 0,
        }


_PAPER_SUPERVISED = SupervisedStageSettings(batch=5, average_half_life=0.0)
_PAPER_CONSISTENCY = ConsistencyStageSettings(
    optimizer="sgd",
    learning_rate=0.01,
    warped=False,
    labelled_batch=4,
    teacher_views=8,
    class_weights=(1.0, 1.0, 1.0),
    ramp=0.0,
    bias_correction=False,
    teacher_decay=0.99,
    teacher_interval=100,
    bank=8,
    fresh=8,
    predict_with="student",
)


class SupervisedSettings(Settings):
    """The supervised baseline of ACTIS: weighted cross-entropy on labelled tiles."""

    title: ClassVar[str] = "Supervised"
    sentence: ClassVar[str] = "Learns from the labelled tiles alone."
    layer_words: ClassVar[LayerWords] = SUPERVISED_WORDS
    unlabelled_images: ClassVar[bool] = False

    name: Literal["supervised"] = "supervised"
    supervised: SupervisedStageSettings = SupervisedStageSettings()

    @classmethod
    def paper_values(cls) -> dict[str, Any]:
        """ACTIS section 3.2: 100,000 steps of 5 tiles, checked every 200 steps."""
        return {
            **super().paper_values(),
            "steps": 100_000,
            "validate_every": 0.002,
            "supervised": _PAPER_SUPERVISED,
        }


class ActisSettings(Settings):
    """ACTIS: supervised baseline, then mean-teacher augmentation consistency."""

    title: ClassVar[str] = "ACTIS"
    sentence: ClassVar[str] = (
        "Learns from the labelled tiles, then also from all unlabelled images: a "
        "slowly moving teacher labels them, and only its confident pixels count."
    )
    layer_words: ClassVar[LayerWords] = ACTIS_WORDS

    name: Literal["actis"] = "actis"
    supervised_fraction: Fraction = Field(
        0.5, description="Part of the steps spent in the supervised stage"
    )
    restart_fraction: Fraction = Field(
        0.25, description="The same when a run starts from an earlier model"
    )
    supervised: SupervisedStageSettings = SupervisedStageSettings()
    consistency: ConsistencyStageSettings = ConsistencyStageSettings()

    @classmethod
    def paper_values(cls) -> dict[str, Any]:
        """ACTIS section 3.2: 100,000 supervised and 50,000 consistency steps."""
        return {
            **super().paper_values(),
            "steps": 150_000,
            "supervised_fraction": 2 / 3,
            "validate_every": 200 / 150_000,
            "supervised": _PAPER_SUPERVISED,
            "consistency": _PAPER_CONSISTENCY,
        }
