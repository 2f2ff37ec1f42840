"""How good the model of a run is by its record, and how far that is to be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_semiseg.runs.record import RunRecord

_MAIN_SCORES = ("ap_actis", "mean_iou")


@dataclass(frozen=True)
class Measured:
    """The main score of a run's model, in [0, 1]; None: not measured.

    ``on`` are the tiles in words; ``validated``: nothing that was scored had learned
    from them.
    """

    score: float | None
    on: str | None
    validated: bool | None


def measured(record: RunRecord) -> Measured:
    """What is known of a run's model: by its cross-validation, if there was one.

    Without validation tiles its other scores are those on the tiles it learned from.
    """
    checked = record.cross_validated
    if checked is not None and not record.validated:
        return Measured(float(checked["score"]), str(checked["measured_on"]), True)
    return Measured(main_score(record.scores), record.tuned_on, record.validated)


def scores_of(record: RunRecord) -> dict[str, float | None]:
    """The scores to show of a run's model: of its cross-validation, if there was one.

    By names that end with what was measured.
    """
    checked = record.cross_validated
    if checked is not None and not record.validated:
        return {str(checked["score_name"]): float(checked["score"])}
    return dict(record.scores)


def main_score(scores: Mapping[str, float | None]) -> float | None:
    """The score of a run's record that models are compared by; None: none."""
    for name, value in scores.items():
        if name.rpartition(".")[2] in _MAIN_SCORES and value is not None:
            return value
    return None
