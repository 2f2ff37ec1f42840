"""How good the training of a fold is on the tiles that it was not given."""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING, Any

from napari_semiseg.runs.checking.folds import judged_tiles
from napari_semiseg.runs.judging import (
    evaluate_model,
    predict_tiles,
    score_model,
    seen_anew,
)

if TYPE_CHECKING:
    from napari_semiseg.learning.training import Training
    from napari_semiseg.runs.checking.folds import Fold
    from napari_semiseg.runs.events import Event


def score_fold(training: Training, fold: Fold) -> dict[str, Any]:
    """Rows of ``scores.json`` for each tile held out, and their foreground; JSON.

    The thresholds are tuned on the tiles that the fold learned from, seen anew, as the
    run itself does without validation tiles. So nothing about a tile that is held out,
    neither its pixels nor its labels, goes into what finds objects in it.
    """
    model, settings = training.model(), fold.settings
    learned = judged_tiles(fold.training_set)
    known = predict_tiles(model, learned, _go_on, _say_nothing)
    altered = seen_anew(model, settings, learned)
    tuned = evaluate_model(model, settings, learned, known, altered)
    predicted = predict_tiles(model, fold.held_out, _go_on, _say_nothing)
    found = score_model(model, fold.held_out, predicted, tuned)
    rows = found.as_dict(fold.held_out)["tiles"]
    return {
        "fold": fold.number,
        "steps": settings.steps,
        **tuned.card_fields,
        "score_words": found.score_words,
        "foreground": list(astuple(found.foreground)),
        "tiles": [{**row, "fold": fold.number} for row in rows],
    }


def _go_on() -> bool:
    return False


def _say_nothing(name: str, **fields: Any) -> Event:
    return {"event": name, **fields}
