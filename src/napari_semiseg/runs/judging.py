"""What a model predicts in labelled tiles, and how good that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_semiseg.runs.class_evaluation import ClassEvaluation, evaluate_classes
from napari_semiseg.runs.evaluation import evaluate, score_tiles

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_semiseg.learning.model import Model
    from napari_semiseg.learning.settings import Settings
    from napari_semiseg.learning.training_set import LabelledTile
    from napari_semiseg.runs.evaluation import AnyEvaluation
    from napari_semiseg.runs.events import Event


def predict_tiles(
    model: Model,
    tiles: Sequence[LabelledTile],
    should_stop: Callable[[], bool],
    write: Callable[..., Event],
) -> list[NDArray[np.float32]]:
    """Probabilities of each tile, float32 ``(K + N, *S)``, seen with its surroundings.

    Behind those of the K classes of pixels are those of N classes of objects, if any.
    """
    from napari_semiseg.prediction.predictor import Predictor

    predictor = Predictor(model)
    found = []
    for number, tile in enumerate(tiles):
        write("evaluating", done=number, total=len(tiles))
        source, box = tile.region()
        found.append(predictor.all_probabilities(source, box, should_stop=should_stop))
    return found


def evaluate_model(
    model: Model,
    settings: Settings,
    tiles: Sequence[LabelledTile],
    predicted: Sequence[NDArray[np.float32]],
    altered: Sequence[Sequence[NDArray[np.float32]]] = (),
) -> AnyEvaluation:
    """Score a model, with thresholds that are tuned on the same tiles.

    Parameters
    ----------
    settings
        With which it was trained: how thresholds are chosen.
    tiles, predicted
        As of `predict_tiles`.
    altered
        Further views of the tiles, to tune on.
    """
    card = model.card
    classes, kinds = _split(model, predicted)
    if card.task == "semantic":
        return evaluate_classes(tiles, classes, card.classes)
    return evaluate(
        tiles,
        classes,
        form=card.watershed_form,
        min_size=card.min_size,
        rule=settings.threshold_rule,
        altered=altered,
        kinds=kinds,
        classes=card.classes,
    )


def score_model(
    model: Model,
    tiles: Sequence[LabelledTile],
    predicted: Sequence[NDArray[np.float32]],
    tuned: AnyEvaluation,
) -> AnyEvaluation:
    """Score a model, with the thresholds that were tuned on other tiles."""
    card = model.card
    classes, kinds = _split(model, predicted)
    if isinstance(tuned, ClassEvaluation):
        return evaluate_classes(tiles, classes, card.classes)
    return score_tiles(
        tiles,
        classes,
        tuned.search,
        form=card.watershed_form,
        min_size=card.min_size,
        kinds=kinds,
        classes=card.classes,
    )


def _split(
    model: Model, predicted: Sequence[NDArray[np.float32]]
) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """Probabilities of the classes of pixels, and of those of objects, if any."""
    n_classes = model.card.n_classes
    kinds = [one[n_classes:] for one in predicted] if model.card.n_kinds else []
    return [one[:n_classes] for one in predicted], kinds


def seen_anew(
    model: Model, settings: Settings, tiles: Sequence[LabelledTile]
) -> list[list[NDArray[np.float32]]]:
    """Further views of tiles that the model was trained on, to tune thresholds on."""
    from napari_semiseg.learning.tuning import altered_probabilities

    if model.card.task == "semantic":
        return []
    if settings.threshold_rule == "best":  # As it was published.
        return []
    return altered_probabilities(model.network, tiles, model.device)
