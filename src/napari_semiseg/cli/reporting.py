"""The command that writes the report of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_semiseg.cli.application import app, example, say


@app.command(
    epilog=example(
        "napari-semiseg report my-project -o report.html",
        "napari-semiseg report my-project/runs/2026-11-20T19-40-12-actis",
    )
)
def report(
    place: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|PROJECT",
            help="Folder of a run, or of a project: the run whose model is in use.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="By itself report/report.html in the folder of the run.",
        ),
    ] = None,
) -> None:
    """Write a report for the browser: settings, data, curves, examples, scores.

    It is one file that loads nothing else. Each run writes it when it ends; it is
    written anew with what is known now, such as later rounds.
    """
    from napari_semiseg import api

    say(str(api.report(place, output)))
