"""Which confidence a finished model's training trusted, as its card says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.learning.conftest import quick

from napari_semiseg.learning.model import read_card
from napari_semiseg.learning.training import Training

if TYPE_CHECKING:
    from pathlib import Path

    from napari_semiseg.learning.training_set import TrainingSet


def test_card_tells_the_thresholds_the_loss_ended_with(
    training_set: TrainingSet, tmp_path: Path
) -> None:
    training = Training(training_set, quick(steps=6), device="cpu")
    for _ in training:
        if training.step <= 3:  # The supervised stage.
            assert training.model().card.selection is None
    training.model().save(tmp_path)
    selection = read_card(tmp_path).selection
    assert selection == tuple(training.stage.filter.thresholds)  # type: ignore[attr-defined]
    assert selection is not None
    assert any(threshold is not None for threshold in selection)

    training.save_checkpoint(tmp_path / "checkpoint")
    again = Training.resume(tmp_path / "checkpoint", training_set, device="cpu")
    assert again.model().card.selection == selection


def test_everything_is_trusted_without_the_filter(training_set: TrainingSet) -> None:
    settings = quick(steps=6, consistency={"filtering": False})
    training = Training(training_set, settings, device="cpu")
    coverages = [report.coverage for report in training]
    assert coverages[-1] == 1.0
    assert training.model().card.selection == (0.0, 0.0, 0.0)


def test_supervised_models_trusted_nothing(training_set: TrainingSet) -> None:
    training = Training(training_set, quick("supervised", steps=2), device="cpu")
    list(training)
    assert training.model().card.selection is None
