"""Who can be asked how the image is to be segmented, and by which rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from napari_semiseg.learning.layer_words import SUPERVISED_WORDS, LayerWords
from napari_semiseg.learning.methods import METHODS
from napari_semiseg.runs.models import read_card_json

if TYPE_CHECKING:
    from napari_semiseg.runs.folder import RunFolder

_UNTUNED = (0.5, 0.5)  # Thresholds are tuned at the end of a training.


@dataclass(frozen=True)
class Teacher:
    """Who is asked: a run that trains, or the model of a finished one.

    Attributes
    ----------
    run
        The run.
    lives
        Whether it trains, or pauses, and answers itself.
    """

    run: RunFolder
    lives: bool

    def rules(self) -> Rules:
        """What it says about its own predictions.

        Raises
        ------
        SemisegError
            When the run's record, or its model's card, cannot be read.
        """
        record = self.run.record()
        if self.lives:
            given = record.settings
            return Rules(
                boundary=given.get("boundary", "inner"),
                form=given.get("watershed", "components"),
                words=_words(record.method),
                thresholds=_UNTUNED,
                min_size=int(given.get("minimum_size", 0)),
            )
        card = read_card_json(self.run.model)
        foreground, seed = card.get("thresholds", _UNTUNED)
        return Rules(
            boundary=card.get("boundary_mode", "inner"),
            form=card.get("watershed_form", "components"),
            words=_words(card.get("method") or record.method),
            thresholds=(float(foreground), float(seed)),
            min_size=int(card.get("min_size", 0)),
        )


@dataclass(frozen=True)
class Rules:
    """How the probabilities of a teacher become objects, and what its layers mean.

    Attributes
    ----------
    boundary, form
        Where the boundary class lies, and how the watershed floods.
    words
        Names and tooltips of the layers.
    thresholds
        Of foreground and seeds, as they were tuned.
    min_size
        Smallest object, pixels.
    """

    boundary: Literal["inner", "outer"]
    form: Literal["components", "mahotas"]
    words: LayerWords
    thresholds: tuple[float, float]
    min_size: int


def _words(method: Any) -> LayerWords:
    known = METHODS.get(method)
    # A method of a newer version: say nothing of pseudo-labels it may not have.
    return SUPERVISED_WORDS if known is None else known.settings.layer_words
