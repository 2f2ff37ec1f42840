"""The methods: a name, its settings, and the stages it trains in.

Methods are siblings: what two of them share is a stage or a function, never a base
class with flags. A new one is a settings class, a function that lists its stages, and a
line here.
"""

from __future__ import annotations

import json
import math
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from napari_semiseg.errors import SemisegError
from napari_semiseg.learning.co_training_settings import CoTrainingSettings
from napari_semiseg.learning.curriculum_plan import plan_curriculum
from napari_semiseg.learning.curriculum_settings import CurriculumSettings
from napari_semiseg.learning.fixmatch_st import plan_fixmatch_st
from napari_semiseg.learning.fixmatch_st_settings import FixMatchStSettings
from napari_semiseg.learning.settings import (
    ActisSettings,
    Preset,
    Settings,
    SupervisedSettings,
    SupervisedStageSettings,
)
from napari_semiseg.learning.stage import (
    FROM_LABELS,
    FROM_UNLABELLED,
    PlannedStage,
)
from napari_semiseg.learning.transformation_settings import ConsistencySettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Method:
    """Settings of a method and the plan of its stages.

    ``plan(settings, unlabelled, restarted)`` is told how many unlabelled images there
    are and whether the run starts from an earlier model.
    """

    settings: type[Settings]
    plan: Callable[[Any, int, bool], list[PlannedStage]]


def _plan_supervised(
    settings: SupervisedSettings, unlabelled: int, restarted: bool
) -> list[PlannedStage]:
    return [_supervised(settings, settings.supervised, settings.steps)]


def _plan_actis(
    settings: ActisSettings, unlabelled: int, restarted: bool
) -> list[PlannedStage]:
    from napari_semiseg.learning.consistency import ConsistencyStage

    share = settings.restart_fraction if restarted else settings.supervised_fraction
    first = settings.steps if not unlabelled else math.floor(settings.steps * share)
    rest = settings.steps - first
    return [
        _supervised(settings, settings.supervised, first),
        PlannedStage(
            ConsistencyStage.name,
            rest,
            lambda tools: ConsistencyStage(
                tools,
                settings,
                settings.consistency,
                settings.supervised.geometry,
                rest,
            ),
            words=FROM_UNLABELLED,
        ),
    ]


def _supervised(
    settings: Settings, stage: SupervisedStageSettings, n_steps: int
) -> PlannedStage:
    from napari_semiseg.learning.supervised import SupervisedStage

    return PlannedStage(
        SupervisedStage.name,
        n_steps,
        lambda tools: SupervisedStage(tools, settings, stage, n_steps),
        words=FROM_LABELS,
    )


def _plan_consistency(
    settings: ConsistencySettings, unlabelled: int, restarted: bool
) -> list[PlannedStage]:
    from napari_semiseg.learning.transformation_consistency import TransformationStage

    shares = {
        "cold": 0.0,
        "warm": settings.warm_fraction,
        "warm-early": settings.early_fraction,
    }
    # A model to start from has learned from labels already.
    share = 0.0 if restarted else shares[settings.start]
    first = settings.steps if not unlabelled else math.floor(settings.steps * share)
    rest, weight = settings.steps - first, settings.consistency.consistency_weight
    warm = restarted or first > 0
    return [
        PlannedStage(
            "supervised",
            first,
            lambda tools: TransformationStage(
                tools, settings, first, weight=0.0, warm=restarted
            ),
            words=FROM_LABELS,
        ),
        PlannedStage(
            "consistency" if weight else "supervised",
            rest,
            lambda tools: TransformationStage(
                tools, settings, rest, weight=weight, warm=warm
            ),
            # Over-fitted weights are what SemiCT is about.
            begins="latest" if settings.start == "warm" else "continue",
            words=FROM_UNLABELLED if weight else FROM_LABELS,
        ),
    ]


def _plan_co_training(
    settings: CoTrainingSettings, unlabelled: int, restarted: bool
) -> list[PlannedStage]:
    from napari_semiseg.learning.co_training import CoTrainingStage

    if not unlabelled:
        alone = SupervisedStageSettings()
        return [_supervised(settings, alone, settings.steps)]
    steps = settings.steps
    return [
        PlannedStage(
            CoTrainingStage.name,
            steps,
            lambda tools: CoTrainingStage(tools, settings, steps),
            n_networks=2,
            words="Two networks learning from each other",
        )
    ]


METHODS: dict[str, Method] = {
    "actis": Method(ActisSettings, _plan_actis),
    "co-training": Method(CoTrainingSettings, _plan_co_training),
    "consistency": Method(ConsistencySettings, _plan_consistency),
    "curriculum": Method(CurriculumSettings, plan_curriculum),
    "fixmatch-st": Method(FixMatchStSettings, plan_fixmatch_st),
    "supervised": Method(SupervisedSettings, _plan_supervised),
}


def method_of(name: str) -> Method:
    """The method of a name.

    Raises
    ------
    SemisegError
        When there is none, with the choices.
    """
    if name not in METHODS:
        raise SemisegError(f"There is no method {name}: choose {' or '.join(METHODS)}.")
    return METHODS[name]


def make_settings(
    method: str, preset: Preset = "default", changes: Mapping[str, Any] | None = None
) -> Settings:
    """Settings of a method and preset, with some values changed.

    Parameters
    ----------
    changes
        Nested like the settings: ``{"steps": 200, "network": {"encoder":
        "resnet18"}}``.

    Raises
    ------
    SemisegError
        When a name or value is refused, in words.
    """
    settings = method_of(method).settings.of_preset(preset)
    return parse_settings(merge(settings.model_dump(), changes or {}))


def parse_settings(values: Mapping[str, Any]) -> Settings:
    """Settings from what ``model_dump`` gave, or a settings file held."""
    kind = method_of(str(values.get("name"))).settings
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "settings"
        raise SemisegError(f"Setting {place}: {first['msg']}.") from error


def load_settings(path: Path) -> dict[str, Any]:
    """Changed values from a TOML or JSON file, for :func:`make_settings`.

    Raises
    ------
    SemisegError
        When the file cannot be read as such.
    """
    try:
        if path.suffix.lower() == ".json":
            return dict(json.loads(path.read_text(encoding="utf-8")))
        with path.open("rb") as file:
            return tomllib.load(file)
    except (OSError, ValueError, TypeError) as error:  # TOML's errors are values', too.
        raise SemisegError(
            f"The settings file {path} cannot be read: {error}."
        ) from error


def merge(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` with ``changes`` put in, group by group."""
    merged = dict(values)
    for name, change in changes.items():
        old = merged.get(name)
        if isinstance(change, dict) and isinstance(old, dict):
            merged[name] = merge(cast("dict[str, Any]", old), change)
        else:
            merged[name] = change
    return merged
