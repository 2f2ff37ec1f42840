"""The command that trains; also what a run's process is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_semiseg.cli.application import (
    app,
    calm_threads,
    example,
    say,
    say_json,
    warn,
)
from napari_semiseg.cli.options import DeviceOption, JsonOption, ProjectArgument
from napari_semiseg.cli.training_log import TrainingLog, closing_words
from napari_semiseg.learning.methods import METHODS

_OTHERS = [name for name in METHODS if name != "actis"]


@app.command(
    epilog=example(
        "napari-semiseg train my-project --minutes 10",
        "napari-semiseg train my-project --steps 600 --weights mobilenet_v2.pth",
        "napari-semiseg train my-project --resume 2026-11-20T19-40-12-actis",
    )
)
def train(
    project: ProjectArgument,
    method: Annotated[
        str | None,
        typer.Option("--method", help=f"actis (the default), {', '.join(_OTHERS)}."),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option("--preset", help="default, or paper: as it was published."),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps", min=1, metavar="N", help="Gradient steps, all stages together."
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            "--minutes", metavar="M", help="Instead of steps: as many as fit in."
        ),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            "--network",
            help="unet (the default), unetplusplus, fpn, deeplabv3, deeplabv3plus, "
            "deeplabv2, pspnet, linknet, manet or enet.",
        ),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            "--encoder",
            metavar="NAME",
            help="Encoder of segmentation-models-pytorch; by itself mobilenet_v2 on a "
            "CPU, efficientnet-b5 on a GPU.",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            metavar="auto|imagenet|none|FILE",
            help="What the encoder starts from; auto: imagenet if it can be had.",
        ),
    ] = None,
    device: DeviceOption = "auto",
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, metavar="S", help="Of all chance.")
    ] = None,
    settings: Annotated[
        Path | None,
        typer.Option(
            "--settings",
            metavar="FILE.toml",
            help="Settings that differ from the preset; other options win over them.",
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--start",
            metavar="last|scratch|MODEL",
            help="Weights to start from. By itself the last model if there is one and "
            "no other network is asked for, else scratch.",
        ),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume", metavar="RUN", help="Go on with a stopped or broken run."
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads", min=1, help="Of the CPU; by itself all cores but one."
        ),
    ] = None,
    compare: Annotated[
        bool,
        typer.Option(
            "--compare",
            help="Did the unlabelled images help? Afterwards train as many steps from "
            "the labelled tiles alone, from the same weights, and compare.",
        ),
    ] = False,
    cross_validate: Annotated[
        bool,
        typer.Option(
            "--cross-validate",
            help="How good is it, where there are no validation tiles? Train again, "
            "each time without another part of the labelled tiles, and score it there; "
            "--minutes are for all of it. A worse model does not come into use.",
        ),
    ] = False,
    folds: Annotated[
        int | None,
        typer.Option(
            "--folds",
            min=2,
            metavar="K",
            help="How often to train again for --cross-validate; by itself 3 times.",
        ),
    ] = None,
    run: Annotated[str | None, typer.Option("--run", hidden=True)] = None,
    as_json: JsonOption = False,
) -> None:
    """Learn from the labelled tiles and all unlabelled images.

    The run can be watched, paused and stopped from elsewhere: napari-semiseg status,
    pause, resume, stop.
    """
    calm_threads()
    from napari_semiseg import api
    from napari_semiseg.cli.showing import display
    from napari_semiseg.runs.folder import find_run

    if preset not in (None, "default", "paper"):
        raise typer.BadParameter("choose default or paper", param_hint="--preset")
    if minutes is not None and minutes <= 0:
        raise typer.BadParameter("must be above 0", param_hint="--minutes")
    with display("Training") as shown:
        record = api.train(
            project,
            method=method,
            preset=preset,  # type: ignore[arg-type]
            steps=steps,
            minutes=minutes,
            network=network,
            encoder=encoder,
            weights=weights,
            device=device,
            seed=seed,
            settings=settings,
            start=start,
            resume=resume,
            run=run,
            threads=threads,
            compare=compare,
            cross_validate=folds or cross_validate,
            on_event=TrainingLog(shown),
        )
    if record.state == "failed":
        warn(f"Error: {record.failure}")
        raise typer.Exit(1)
    folder = find_run(Path(project).expanduser().resolve(), record.id)
    if as_json:
        say_json({"run": str(folder.path), **record.model_dump(mode="json")})
        return
    for line in closing_words(record, folder):
        say(line)
