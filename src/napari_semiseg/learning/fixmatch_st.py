"""The six modes of FixMatch-ST as plans of stages; free of torch at import.

{supervised only, ST, ST++} x {without, with FixMatch in the first stage}: Luu et al.,
table 1. ST++ takes two images to tell reliable from unreliable ones: with one it is ST.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from napari_semiseg.learning.stage import (
    FROM_LABELS,
    FROM_UNLABELLED,
    PlannedStage,
)

if TYPE_CHECKING:
    from napari_semiseg.learning.equipment import Equipment
    from napari_semiseg.learning.fixmatch_st_settings import FixMatchStSettings
    from napari_semiseg.learning.stage import Stage

_STUDENTS = {
    "none": (),
    "st": ("self-training",),
    "st++": ("reliable half", "all images"),
}
_WORDS = {
    "supervised": FROM_LABELS,
    "fixmatch": FROM_UNLABELLED,
    "self-training": "A fresh network learning from pseudo-labels",
    "reliable half": "A fresh network learning from reliable pseudo-labels",
    "all images": "A fresh network learning from all pseudo-labels",
}


def plan_fixmatch_st(
    settings: FixMatchStSettings, unlabelled: int, restarted: bool
) -> list[PlannedStage]:
    """First stage and students, from the number of unlabelled images."""
    wanted = settings.self_training
    if unlabelled < 2 and wanted == "st++":
        wanted = "st"
    names = _STUDENTS[wanted] if unlabelled else ()
    first, *others = shares(settings.steps, len(names), settings.first_fraction)
    begin = "fixmatch" if unlabelled and settings.first == "fixmatch" else "supervised"
    return [
        _planned(settings, begin, first),
        *(
            replace(_planned(settings, name, steps), begins="fresh", taught=True)
            for name, steps in zip(names, others, strict=False)
        ),
    ]


def shares(n_steps: int, n_students: int, first: float | None) -> list[int]:
    """Steps of each stage, one at least; too few for all: the first has them all."""
    if n_steps <= n_students or not n_students:
        return [n_steps]
    share = 1 / (n_students + 1) if first is None else first
    begin = min(max(1, math.floor(n_steps * share)), n_steps - n_students)
    rest = n_steps - begin
    return [
        begin,
        *(
            rest * (i + 1) // n_students - rest * i // n_students
            for i in range(n_students)
        ),
    ]


def _planned(settings: FixMatchStSettings, name: str, n_steps: int) -> PlannedStage:
    make = partial(_make, settings, n_steps, name)
    return PlannedStage(name, n_steps, make, words=_WORDS[name])


def _make(
    settings: FixMatchStSettings, n_steps: int, name: str, tools: Equipment
) -> Stage:
    from napari_semiseg.learning import self_training, self_training_rounds
    from napari_semiseg.learning.fixmatch import FixMatchStage
    from napari_semiseg.learning.labelled_stage import LabelledStage

    if name == "supervised":
        return LabelledStage(tools, settings, n_steps)
    if name == "fixmatch":
        return FixMatchStage(tools, settings, n_steps)
    students = {
        "self-training": self_training.SelfTrainingStage,
        "reliable half": self_training_rounds.ReliableStage,
        "all images": self_training_rounds.AllImagesStage,
    }
    return students[name](tools, settings, n_steps, name)
