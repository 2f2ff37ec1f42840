"""The arms of the curriculum as plans of stages; free of torch at import."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from napari_semiseg.learning.stage import FROM_LABELS, PlannedStage

if TYPE_CHECKING:
    from napari_semiseg.learning.curriculum_settings import CurriculumSettings
    from napari_semiseg.learning.equipment import Equipment
    from napari_semiseg.learning.stage import Stage

_WORDS = {
    "supervised": FROM_LABELS,
    "curriculum": "Learning within the bounds of sizes",
    "proposals": "Learning from frozen pseudo-labels",
}


def plan_curriculum(
    settings: CurriculumSettings, unlabelled: int, restarted: bool
) -> list[PlannedStage]:
    """Stages, from the number of unlabelled images.

    FS is one supervised stage: there is nothing to learn sizes for. A regressor that is
    trained by gradient steps has a stage of its own, whose steps count.
    """
    steps = settings.steps
    if not unlabelled:
        return [_planned("supervised", settings, steps)]
    if settings.source == "proposals":
        share = 0.0 if restarted else settings.proposals_from
        first = math.floor(steps * share)
        return [
            _planned("supervised", settings, first),
            _planned("proposals", settings, steps - first, taught=True),
        ]
    if not settings.curriculum.size_weight:
        return [_planned("supervised", settings, steps)]
    first = _regressor_steps(settings)
    return [
        PlannedStage(
            "sizes",
            first,
            partial(_make_regression, settings, first),
            validated=False,
            words="Learning the sizes of regions",
        ),
        _planned("curriculum", settings, steps - first),
    ]


def _regressor_steps(settings: CurriculumSettings) -> int:
    regressed = settings.source == "regressed" and settings.bounds is None
    if not regressed or settings.regressor.kind == "counting":
        return 0
    wanted = math.floor(settings.steps * settings.regressor.fraction)
    return min(max(1, wanted), settings.steps - 1)


def _planned(
    name: str, settings: CurriculumSettings, n_steps: int, *, taught: bool = False
) -> PlannedStage:
    make = partial(_make, settings, n_steps, name)
    return PlannedStage(name, n_steps, make, taught=taught, words=_WORDS[name])


def _make(
    settings: CurriculumSettings, n_steps: int, name: str, tools: Equipment
) -> Stage:
    from napari_semiseg.learning.curriculum import (
        CurriculumStage,
        Proposals,
        SizePenalty,
    )
    from napari_semiseg.learning.size_sources import make_bounds

    asked: SizePenalty | Proposals | None = None
    if name == "proposals":
        asked = Proposals(tools)
    if name == "curriculum":
        asked = SizePenalty(tools, settings.curriculum, make_bounds(tools, settings))
    return CurriculumStage(tools, settings, n_steps, name, asked)


def _make_regression(
    settings: CurriculumSettings, n_steps: int, tools: Equipment
) -> Stage:
    from napari_semiseg.learning.size_regression import SizeRegressionStage
    from napari_semiseg.learning.size_sources import labelled_crops

    _, crops = labelled_crops(tools, settings)
    if crops is None:  # There is nothing to learn sizes from: no step is wasted on it.
        return _make(settings, n_steps, "supervised", tools)
    return SizeRegressionStage(tools, settings, n_steps, crops)
