"""Which weights of a run become its model: those that score best while it trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_semiseg.learning.best import BestWeights
from napari_semiseg.learning.stage import Scored
from napari_semiseg.learning.validation import MAIN_SCORE, score_tiles

if TYPE_CHECKING:
    import torch

    from napari_semiseg.learning.settings import Settings
    from napari_semiseg.learning.stages import StageSequence
    from napari_semiseg.learning.training_set import TrainingSet


class ModelSelection:
    """Looks at the validation tiles now and then; without any it keeps no weights."""

    def __init__(self, training_set: TrainingSet, device: torch.device) -> None:
        self.training_set = training_set
        self.device = device
        self.best = BestWeights()

    def score(
        self, stages: StageSequence, settings: Settings, step: int
    ) -> dict[str, float] | None:
        """Scores on the validation tiles after ``step``; the best weights are kept.

        None where there are no such tiles, or the stage under way is not validated.
        """
        tiles = self.training_set.validation
        if not tiles or not stages.planned.validated:
            return None
        stage, task = stages.current, self.training_set.task
        scores = score_tiles(stage.predictor, tiles, settings, self.device, task)
        main = scores[MAIN_SCORE[task]]
        self.best.offer(main, step, stage.predictor)
        if isinstance(stage, Scored):
            stage.take_score(stages.within(step) - 1, main)
        return scores


def is_due(settings: Settings, step: int) -> bool:
    """Whether the validation tiles are looked at after ``step``, as after a stage."""
    every = max(1, round(settings.validate_every * settings.steps))
    return settings.validate_every > 0 and step % every == 0
