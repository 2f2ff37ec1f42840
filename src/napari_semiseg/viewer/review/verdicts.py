"""How good the model in use is, in words; knows no Qt."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_semiseg.errors import SemisegError
from napari_semiseg.runs.folder import list_runs
from napari_semiseg.runs.measured import measured, scores_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SHOWN = {
    "ap_actis": "precision x recall",
    "f1": "F1",
    "mean_iou": "mean IoU of the classes",
}
"""Scores that are shown (of objects at an IoU of 0.5), and what they are called."""


@dataclass(frozen=True)
class Verdict:
    """What became of a training.

    Attributes
    ----------
    accepted
        Whether its model came into use.
    headline
        The same in some words.
    sentence
        Why, with the numbers of the comparison.
    measured
        Scores, and what they were measured on; empty: nothing was measured.
    """

    accepted: bool
    headline: str
    sentence: str
    measured: str


def verdict_of(
    accepted: bool | None,
    sentence: str | None,
    tuned_on: str | None,
    scores: Mapping[str, float | None],
) -> Verdict | None:
    """The verdict of a run that has ended; None when there is none.

    Parameters
    ----------
    accepted, sentence, tuned_on, scores
        As a run's record has them; the names of scores end with what was measured.
    """
    if accepted is None or not sentence:
        return None
    headline = (
        "The new model was taken." if accepted else "The new model was not taken."
    )
    found = {name.rpartition(".")[2]: value for name, value in scores.items()}
    parts = [
        f"{words} {value:.2f}"
        for name, words in _SHOWN.items()
        if (value := found.get(name)) is not None
    ]
    measured = ""
    if parts and tuned_on:
        measured = f"On {tuned_on}: {', '.join(parts)}. 1 would be without fault."
    return Verdict(accepted, headline, sentence, measured)


def last_verdict(project_folder: Path) -> Verdict | None:
    """The verdict on the newest run of a project that has one; no comparison arm."""
    for run in reversed(list_runs(project_folder)):
        with contextlib.suppress(SemisegError):
            record = run.record()
            if record.arm_of is not None:
                continue  # It was never meant to be taken.
            found = verdict_of(
                record.accepted,
                record.verdict,
                measured(record).on,
                scores_of(record),
            )
            if found is not None:
                return found
    return None
