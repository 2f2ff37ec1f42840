"""By which number a method chooses pixels of unlabelled images; needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import TYPE_CHECKING, Any, Literal

from napari_semiseg.learning.co_training_settings import CoTrainingSettings
from napari_semiseg.learning.curriculum_settings import CurriculumSettings
from napari_semiseg.learning.fixmatch_st_settings import FixMatchStSettings
from napari_semiseg.learning.methods import merge, parse_settings
from napari_semiseg.learning.settings import ActisSettings, Settings
from napari_semiseg.learning.transformation_settings import ConsistencySettings
from napari_semiseg.segmentation.selecting import Selecting

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class PixelChoice:
    """What decides which pixels of unlabelled images are in a method's loss.

    Attributes
    ----------
    about
        What the number means; where there is none, why there is nothing to choose.
    kind
        ``share``: so much of each class is left out, the least confident; ``limit``:
        the least confidence that counts; None: no number decides.
    place
        Where the number is in the settings, group by group.
    value
        The number, 0 to 1.
    beside
        Of a limit: the share of each class that it may leave out at most; None: any.
    """

    about: str
    kind: Literal["share", "limit"] | None = None
    place: tuple[str, ...] = ()
    value: float = 0.0
    beside: float | None = None

    def at(self, value: float) -> Selecting:
        """The rule with another number.

        Of a percentile, training takes the running mean over its batches; the rule
        takes that of the pixels it is given.
        """
        if self.kind == "share":
            return Selecting(left_out=value)
        return Selecting(value, self.beside)

    def settings(self, settings: Settings, value: float) -> Settings:
        """Settings with another number in this place."""
        change: Mapping[str, Any] = {self.place[-1]: value}
        for name in reversed(self.place[:-1]):
            change = {name: change}
        return parse_settings(merge(settings.model_dump(), change))


_SHARE = (
    "Of each class, the share of pixels that the training leaves out because the "
    "model is least sure of them. To the right, fewer pixels of unlabelled images "
    "count. In training it is taken over all images."
)
_LIMIT = (
    "How sure the model must be of a pixel of an unlabelled image, so that it counts "
    "in training. To the right, fewer pixels count."
)
_SELF_TRAINING = (
    " This is for its first stage, FixMatch: self-training after it uses all pixels."
)
_NO_LOSS = (
    "This method learns from no single pixel of unlabelled images: there is none to "
    "choose."
)
_SIZES = (
    "This method learns the sizes of regions in unlabelled images, not single pixels: "
    "there is none to choose."
)
_ALL = "This method uses all pixels of unlabelled images: there is none to choose."
_BY_ITSELF = (
    "This method sets its limits by itself, as the model grows surer: there is no "
    "number to choose."
)


@singledispatch
def pixel_choice(settings: Settings) -> PixelChoice:
    """How the method of these settings chooses pixels of unlabelled images."""
    return PixelChoice(_NO_LOSS)


@pixel_choice.register
def _(settings: CurriculumSettings) -> PixelChoice:
    return PixelChoice(_SIZES)


@pixel_choice.register
def _(settings: ConsistencySettings) -> PixelChoice:
    return PixelChoice(_ALL if settings.consistency.consistency_weight else _NO_LOSS)


@pixel_choice.register
def _(settings: ActisSettings) -> PixelChoice:
    stage, group = settings.consistency, "consistency"
    if not stage.unlabelled_weight:
        return PixelChoice(_NO_LOSS)
    if not stage.filtering:
        return PixelChoice(_ALL)
    if stage.filter == "adaptive":
        return PixelChoice(_BY_ITSELF)
    if stage.filter == "fixed":
        return PixelChoice(_LIMIT, "limit", (group, "threshold"), stage.threshold)
    return PixelChoice(_SHARE, "share", (group, "quantile"), stage.quantile)


@pixel_choice.register
def _(settings: FixMatchStSettings) -> PixelChoice:
    if settings.first == "supervised":
        return PixelChoice(_NO_LOSS if settings.self_training == "none" else _ALL)
    stage = settings.fixmatch
    return PixelChoice(
        _LIMIT if settings.self_training == "none" else _LIMIT + _SELF_TRAINING,
        "limit",
        ("fixmatch", "threshold"),
        stage.threshold,
        stage.quantile if stage.class_wise else None,
    )


@pixel_choice.register
def _(settings: CoTrainingSettings) -> PixelChoice:
    place = ("co_training", "confidence")
    return PixelChoice(_LIMIT, "limit", place, settings.co_training.confidence)
