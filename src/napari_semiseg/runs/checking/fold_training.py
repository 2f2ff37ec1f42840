"""The trainings of a cross-validation, one behind the other, as one training of a run.

Whoever watches, pauses, stops or resumes it need not know how many there are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from napari_semiseg.learning.report import Report
from napari_semiseg.runs.checking.folds import make_folds
from napari_semiseg.runs.checking.scoring import score_fold

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import torch

    from napari_semiseg.geometry import Box, ImageSource
    from napari_semiseg.learning.report import PreviewArrays
    from napari_semiseg.learning.settings import Settings
    from napari_semiseg.learning.training import Training
    from napari_semiseg.learning.training_set import TrainingSet
    from napari_semiseg.runs.checking.folds import Fold


class ScoreFold(Protocol):
    """Scores the training of a fold on the tiles it was not given; JSON."""

    def __call__(self, training: Training, fold: Fold) -> dict[str, Any]: ...  # noqa: D102


class FoldTraining:
    """Trains each fold from the encoder weights, then scores it.

    Parameters
    ----------
    training_set, settings
        Of the run that is checked.
    asked
        How many folds at the most.
    device
        As of `Training`.
    score
        What is kept of a fold.

    Attributes
    ----------
    results
        Of the folds that have ended, what ``score`` gave.
    """

    def __init__(
        self,
        training_set: TrainingSet,
        settings: Settings,
        asked: int,
        *,
        device: str | torch.device = "auto",
        score: ScoreFold = score_fold,
    ) -> None:
        self.training_set, self.settings = training_set, settings
        self.folds = make_folds(training_set, settings, asked)
        self.results: list[dict[str, Any]] = []
        self._score = score
        self._batch_scale = 1.0
        self._training = self._begin(device)
        self.device = self._training.device
        self.messages = list(self._training.messages)

    @property
    def fold(self) -> Fold:
        """The fold under way, or the last one."""
        return self.folds[min(len(self.results), len(self.folds) - 1)]

    @property
    def total_steps(self) -> int:
        """Gradient steps of all folds together."""
        return sum(fold.settings.steps for fold in self.folds)

    @property
    def step(self) -> int:
        """Steps made of all folds."""
        before = self.folds[: self.fold.number - 1]
        return sum(fold.settings.steps for fold in before) + self._training.step

    @property
    def ended(self) -> bool:
        """Whether every fold has been trained and scored."""
        return len(self.results) == len(self.folds)

    @property
    def stage_words(self) -> dict[str, str]:
        """What is done in each stage of each fold."""
        stages = self._training.stage_words.items()
        return {
            _stage_name(fold, name): f"Check {fold.number} of {fold.total}: "
            f"{words[:1].lower()}{words[1:]}"
            for fold in self.folds
            for name, words in stages
        }

    def __iter__(self) -> Iterator[Report]:
        """Go on from where it stands to the last score."""
        while not self.ended:
            for report in self._training:
                yield self._placed(report)
            yield self._before_scoring()
            self._end_fold()

    def halve_batch(self) -> str | None:
        """Take smaller batches from now on; None at the minimum."""
        sentence = self._training.halve_batch()
        self._batch_scale = self._training.equipment.batch_scale
        return sentence

    def preview(
        self, source: ImageSource, box: Box, image_id: str = ""
    ) -> PreviewArrays:
        """What the training of the fold under way sees in a region."""
        return self._training.preview(source, box, image_id)

    def save_checkpoint(self, path: Path) -> None:
        """Write the training under way, and the scores of those before it."""
        from napari_semiseg.learning.checkpoint import save_state

        state = {"results": self.results, "training": self._training.state()}
        save_state(path, state)

    def load_checkpoint(self, path: Path) -> None:
        """Go on from `save_checkpoint`."""
        from napari_semiseg.learning.checkpoint import load_state
        from napari_semiseg.learning.training import Training

        state = load_state(path)
        self.results = list(state["results"])
        known = self.fold.training_set
        self._training = Training.from_state(
            state["training"], known, device=self.device
        )
        self._batch_scale = self._training.equipment.batch_scale

    def _begin(self, device: str | torch.device) -> Training:
        from napari_semiseg.learning.training import Training

        fold = self.fold
        training = Training(fold.training_set, fold.settings, device=device)
        training.equipment.batch_scale = self._batch_scale
        return training

    def _placed(self, report: Report) -> Report:
        """The report of a fold as one of all of them."""
        return replace(
            report,
            stage=_stage_name(self.fold, report.stage),
            step=self.step,
            n_steps=self.total_steps,
            reliability=(),
            sizes=None,
        )

    def _before_scoring(self) -> Report:
        """Says that a fold is scored: a stop is obeyed before it."""
        fold = self.fold
        return Report(
            _stage_name(fold, self._training.stage.name),
            self.step,
            self.total_steps,
            losses={},
            coverage=None,
            scores=None,
            seconds=0.0,
            forwards=0,
            samples=0,
            preparing=f"Scored on {len(fold.held_out)} of the labelled tiles.",
        )

    def _end_fold(self) -> None:
        """Score the fold that has made its steps, and begin the next."""
        self.results.append(self._score(self._training, self.fold))
        if not self.ended:
            self._training = self._begin(self.device)


def _stage_name(fold: Fold, stage: str) -> str:
    return f"fold {fold.number}, {stage}"
