"""Train on a project in this process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_semiseg.api.opening import as_project
from napari_semiseg.errors import SemisegError
from napari_semiseg.learning.network_settings import NetworkSettings
from napari_semiseg.runs import launch
from napari_semiseg.runs.checking.folds import USUAL_FOLDS
from napari_semiseg.runs.folder import find_run
from napari_semiseg.runs.launch import FROM_SCRATCH
from napari_semiseg.runs.models import model_in_use
from napari_semiseg.runs.supervised_arm import check_comparable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_semiseg.learning.settings import Preset, Settings
    from napari_semiseg.project.project import Project
    from napari_semiseg.runs.events import Event
    from napari_semiseg.runs.record import RunRecord


def train(
    project: str | Path | Project,
    *,
    method: str | None = None,
    preset: Preset | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    network: str | None = None,
    encoder: str | None = None,
    weights: str | None = None,
    device: str = "auto",
    seed: int | None = None,
    settings: str | Path | Mapping[str, Any] | None = None,
    start: str | Path | None = None,
    resume: str | None = None,
    run: str | None = None,
    threads: int | None = None,
    compare: bool = False,
    cross_validate: bool | int = False,
    on_event: Callable[[Event], None] | None = None,
) -> RunRecord:
    """Train until the end, in a run folder that others may watch.

    Settings come from the preset, then ``settings``, then the other arguments.

    Parameters
    ----------
    method
        A name of `learning.methods.METHODS`; None: ``actis``.
    preset
        ``default`` (None) or ``paper``.
    steps
        Gradient steps of all stages together.
    minutes
        Instead of steps: turned into a number of them after a short warm-up.
    network, encoder, weights
        Of the network, see `learning.network_settings.NetworkSettings`.
    device
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    seed
        Of all random draws.
    settings
        A TOML file, or nested values, such as ``{"tile_size": 64}``.
    start
        ``last`` (the model in use), ``scratch`` or a model folder. None: ``last`` if
        there is one and no other network is asked for, else ``scratch``.
    resume
        Name of a run to go on with; then only ``device`` and ``threads`` may be given.
    run
        Name of a new, empty run to train in.
    threads
        For the CPU; None: all cores but one.
    compare
        Did the unlabelled images help? Train from the labelled tiles alone afterwards,
        with the same tiles, seed, encoder weights and number of steps, and compare the
        two; see `napari_semiseg.api.status`. Both start from the encoder weights.
    cross_validate
        How good is it, and is it to replace the model in use, where no validation tile
        can tell? Train again so many times (True: three), each time without another
        part of the labelled tiles, and score it there; ``minutes`` are for all of it.
        Where there are validation tiles, or one labelled tile alone, nothing is added.
    on_event
        Called with each event of the run, and of those that follow it.

    Returns
    -------
    RunRecord
        How it ended; with ``state`` ``failed`` the reason stands in ``failure``.

    Raises
    ------
    SemisegError
        When the run cannot begin.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    opened = as_project(project)
    asked = {
        "method": method,
        "preset": preset,
        "steps": steps,
        "minutes": minutes,
        "network": network,
        "encoder": encoder,
        "weights": weights,
        "seed": seed,
        "settings": settings,
        "start": start,
        "compare": compare or None,
        "cross_validate": cross_validate or None,
    }
    if resume is not None:
        _check_alone([name for name, value in asked.items() if value is not None])
        return launch.train(
            opened.folder,
            device=device,
            threads=threads,
            run=find_run(opened.folder, resume),
            on_event=on_event,
        )
    if steps is not None and minutes is not None:
        raise SemisegError("Give either steps or minutes, not both.")
    chosen = training_settings(
        method or "actis",
        preset or "default",
        settings,
        steps,
        seed,
        {"architecture": network, "encoder": encoder, "weights": weights},
    )
    if compare:
        check_comparable(chosen, None if start is None else str(start))
    return launch.train(
        opened.folder,
        chosen,
        device=device,
        start=start or ("scratch" if compare else _usual_start(opened, chosen)),
        minutes=minutes,
        threads=threads,
        run=None if run is None else find_run(opened.folder, run),
        compare=compare,
        cross_validate=_folds(cross_validate),
        on_event=on_event,
    )


def training_settings(
    method: str,
    preset: Preset,
    settings: str | Path | Mapping[str, Any] | None = None,
    steps: int | None = None,
    seed: int | None = None,
    network: Mapping[str, str | None] | None = None,
) -> Settings:
    """Settings from a preset, then a file or values, then single choices.

    Raises
    ------
    SemisegError
        When a name or a value is refused.
    """
    from napari_semiseg.learning.methods import load_settings, make_settings, merge

    changes: dict[str, Any] = {}
    if isinstance(settings, (str, Path)):
        changes = load_settings(Path(settings).expanduser())
    elif settings is not None:
        changes = dict(settings)
    if changes.get("name", method) != method:
        raise SemisegError(
            f"These settings are of the method {changes['name']}, not of {method}."
        )
    single = {"steps": steps, "seed": seed}
    changes = merge(changes, {k: v for k, v in single.items() if v is not None})
    net = {k: v for k, v in (network or {}).items() if v is not None}
    if net:
        changes = merge(changes, {"network": {**changes.get("network", {}), **net}})
    return make_settings(method, preset, changes)


def _folds(asked: bool | int) -> int | None:
    """How many folds at the most; None: no cross-validation."""
    if asked is True:
        return USUAL_FOLDS
    if asked == 1:
        raise SemisegError("A cross-validation has two folds or more.")
    return int(asked) or None


def _usual_start(project: Project, settings: Settings) -> str:
    """``last``, unless that would silently put another network in its place."""
    other_network = settings.network != NetworkSettings()
    compares = settings.name in FROM_SCRATCH
    if other_network or compares or model_in_use(project) is None:
        return "scratch"
    return "last"


def _check_alone(names: list[str]) -> None:
    if names:
        raise SemisegError(
            f"A resumed run keeps its own settings: leave out {', '.join(names)}, "
            "or start a new run."
        )
