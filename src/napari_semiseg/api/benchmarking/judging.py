"""A trained model tuned on its own tiles, and scored on the test images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.runs.evaluation import evaluate, judges_of
from napari_semiseg.segmentation.classes import IGNORE
from napari_semiseg.segmentation.metrics import score_image
from napari_semiseg.segmentation.semantic import confusion

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_semiseg.api.benchmarking.examples import Example
    from napari_semiseg.learning.model import Model
    from napari_semiseg.learning.settings import Settings
    from napari_semiseg.learning.training_set import TrainingSet

OBJECT_SCORES = {
    "ap": "ap_actis",
    "s_dsb": "s_dsb",
    "f1": "f1",
    "precision": "precision",
    "recall": "recall",
    "ap_mean": "ap_actis_mean",
}
"""Scores of objects in the tables, and their names in `segmentation.metrics`."""


def tune(model: Model, training_set: TrainingSet, settings: Settings) -> str:
    """Set the thresholds of a model by its validation tiles, else its training tiles.

    The test images are never looked at. Of a semantic model there is nothing to tune.

    Returns
    -------
    str
        What they were tuned on, in words.
    """
    from napari_semiseg.learning.tuning import altered_probabilities
    from napari_semiseg.prediction.predictor import Predictor

    if training_set.task == "semantic":
        return "nothing"
    judges = judges_of(training_set)
    predictor = Predictor(model)
    altered: list[list[NDArray[np.float32]]] = []
    if judges.role == "training" and settings.threshold_rule != "best":
        altered = altered_probabilities(model.network, judges.tiles, model.device)
    found = evaluate(
        judges.tiles,
        [predictor.probability(*tile.region()) for tile in judges.tiles],
        form=model.card.watershed_form,
        min_size=model.card.min_size,
        rule=settings.threshold_rule,
        altered=altered,
    )
    thresholds = found.search.thresholds
    model.card = model.card.model_copy(
        update={
            "thresholds": (thresholds.foreground, thresholds.seed),
            "tuned_on": judges.words,
        }
    )
    return judges.words


def score_test(
    model: Model,
    test: Sequence[Example],
    *,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> dict[str, dict[str, Any]]:
    """Scores of each test image by its name.

    Returns
    -------
    dict[str, dict[str, Any]]
        Of objects the scores of `OBJECT_SCORES`; of a semantic model ``confusion``, a
        table of pixels with a row for each true class: tables of images add up, scores
        of images do not.

    Raises
    ------
    PredictionStoppedError
        When ``should_stop`` said so.
    """
    from napari_semiseg.prediction.predictor import Predictor

    predictor = Predictor(model)
    rows = {}
    for number, example in enumerate(test):
        probability = predictor.probability(example.source, should_stop=should_stop)
        rows[example.name] = _row(predictor, probability, example.truth)
        if progress:
            progress(number + 1, len(test))
    return rows


def _row(
    predictor: Any, probability: NDArray[np.float32], truth: NDArray[np.int32]
) -> dict[str, Any]:
    if predictor.model.card.task == "semantic":
        predicted = probability.argmax(0)
        true = true_classes(truth)
        return {"confusion": confusion(predicted, true, len(probability)).tolist()}
    scores = score_image(
        predictor.instances(probability), truth, annotated=truth >= 0
    ).as_dict()
    return {ours: scores[theirs] for ours, theirs in OBJECT_SCORES.items()}


def true_classes(truth: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Class numbers as `segmentation.semantic` wants them: `IGNORE` for -1."""
    return np.where(truth < 0, IGNORE, truth).astype(np.uint8)
