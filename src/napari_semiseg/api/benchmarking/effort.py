"""How many steps an arm may make: equal gradient steps, or equal minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_semiseg.files import make_folder, read_json, write_json
from napari_semiseg.learning.methods import METHODS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_semiseg.learning.settings import Settings
    from napari_semiseg.learning.stage import PlannedStage
    from napari_semiseg.learning.training_set import TrainingSet


def for_steps(settings: Settings, n_steps: int, n_unlabelled: int) -> Settings:
    """Settings with so many gradient steps in all.

    The step of each network of a stage counts: a method that trains two of them at once
    makes half as many rounds.
    """
    rounds = n_steps
    for _ in range(8):  # Shares of stages are rounded; this settles at once.
        made = gradient_steps(_with_steps(settings, rounds), n_unlabelled)
        if made == n_steps or (rounds == 1 and made > n_steps):
            break
        rounds = max(1, round(rounds * n_steps / made))
    return _with_steps(settings, rounds)


def gradient_steps(settings: Settings, n_unlabelled: int) -> int:
    """Gradient steps of a run with so many unlabelled images."""
    return steps_of(METHODS[settings.name].plan(settings, n_unlabelled, False))


def steps_of(plan: Sequence[PlannedStage]) -> int:
    """Gradient steps of all networks of all stages together."""
    return sum(stage.n_steps * stage.n_networks for stage in plan)


def for_minutes(
    settings: Settings,
    minutes: float,
    images: TrainingSet,
    *,
    device: str,
    path: Path,
) -> Settings:
    """Settings with as many steps as fit into some minutes, measured once.

    The answer is kept in ``path``: a benchmark that goes on makes the same steps.
    """
    from napari_semiseg.learning.training import Training
    from napari_semiseg.runs.launch import steps_for

    if not path.is_file():
        n_steps, seconds = steps_for(Training(images, settings, device=device), minutes)
        make_folder(path.parent)
        write_json(
            path, {"minutes": minutes, "steps": n_steps, "seconds_per_step": seconds}
        )
    known: dict[str, Any] = read_json(path)
    return _with_steps(settings, known["steps"])


def _with_steps(settings: Settings, n_steps: int) -> Settings:
    return settings.model_copy(update={"steps": n_steps})
