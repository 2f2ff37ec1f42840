"""What earlier runs left: models to go on from, and scores to compare with."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import read_json
from napari_semiseg.learning.methods import METHODS
from napari_semiseg.runs.folder import RunFolder, list_runs
from napari_semiseg.runs.launch import FROM_SCRATCH
from napari_semiseg.runs.supervised_arm import compare_with_arm

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_semiseg.runs.supervised_arm import ArmComparison

_MOST = 20  # Models that are offered.


@dataclass(frozen=True)
class EarlierRuns:
    """Runs with a model.

    Attributes
    ----------
    models
        Id and words of each, the newest first.
    has_model
        Whether one of them is in use.
    comparison
        What labels alone reached on the tiles that the newest run was measured on;
        empty where nobody has tried.
    """

    models: tuple[tuple[str, str], ...] = ()
    has_model: bool = False
    comparison: str = ""


def earlier_runs(project_folder: Path) -> EarlierRuns:
    """Read the records of all runs of a project."""
    runs = [run for run in reversed(list_runs(project_folder)) if run.has_model]
    found: list[tuple[str, str]] = []
    accepted = False
    for run in runs:
        with contextlib.suppress(SemisegError, ValueError):
            record = run.record()
            accepted |= bool(record.accepted)
            made = datetime.fromisoformat(record.created).astimezone()
            title = title_of(record.method)
            found.append((run.id, f"{title}, {made:%Y-%m-%d %H:%M}"))
    return EarlierRuns(tuple(found[:_MOST]), accepted, comparison_words(runs))


def comparison_words(runs: Sequence[RunFolder]) -> str:
    """What a method without unlabelled images reached on the newest run's tiles.

    If a run was compared on purpose, what its supervised arm tells.

    Parameters
    ----------
    runs
        With a model, the newest first.
    """
    if runs and (arm := runs[0].record()).arm_of is not None:
        found = compare_with_arm(RunFolder(runs[0].path.parent / arm.arm_of))
        return "" if found is None else arm_words(found)
    if not runs or runs[0].record().method in FROM_SCRATCH:
        return ""
    tiles, _ = _measured(runs[0])
    for run in runs[1:]:
        method = run.record().method
        if method not in FROM_SCRATCH or not tiles:
            continue
        same, score = _measured(run)
        if same == tiles and score is not None:
            return f"{title_of(method)} alone: {score:.3f} on the same tiles."
    return ""


def arm_words(found: ArmComparison) -> str:
    """Both scores of a comparison with labels alone, and what can be said of them."""
    paired = found.paired
    scores = (
        f"With unlabelled images {paired.new:.2f}, from labels alone {paired.old:.2f} "
        f"(on {found.measured_on})."
    )
    if not found.validated:
        doubt = "These tiles were learned from: nobody can tell whether they helped."
    elif paired.noise is None:
        doubt = "One validation tile cannot tell whether they helped: mark more."
    elif not paired.clear:
        doubt = "That is too close to tell whether they helped."
    else:
        doubt = "They helped." if paired.difference > 0 else "They did harm."
    return f"{scores} {doubt}"


def title_of(method: str) -> str:
    """What people call a method."""
    known = METHODS.get(method)
    return method if known is None else known.settings.title


def _measured(run: RunFolder) -> tuple[list[Any], float | None]:
    """The tiles a run was measured on, and its score there."""
    try:
        scores = read_json(run.report / "scores.json")
        tiles = [
            (tile["image_id"], tile["origin"], tile["size"]) for tile in scores["tiles"]
        ]
        return tiles, float(scores["mean"]["ap_actis"])
    except (OSError, SemisegError, KeyError, TypeError, ValueError):
        return [], None
