"""The command that lists models, and chooses among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from napari_semiseg.cli.application import app, example, say, say_json, say_table
from napari_semiseg.cli.options import JsonOption, ProjectArgument

if TYPE_CHECKING:
    from napari_semiseg.api.models import ModelOverview

_AUTO = "auto"


@app.command(
    epilog=example(
        "napari-semiseg models my-project",
        "napari-semiseg models my-project --use 2026-11-20T19-40-12-actis",
        "napari-semiseg models my-project --use auto",
    )
)
def models(
    project: ProjectArgument,
    use: Annotated[
        str | None,
        typer.Option(
            "--use",
            metavar="RUN|auto",
            help="Use the model of this run from now on; auto: the newest that was not "
            "worse than the one before.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the models of a project with their scores; choose the one in use.

    A model chosen by hand stays in use until a later one is judged not to be worse.
    """
    from napari_semiseg import api

    if use is not None:
        api.use_model(project, None if use == _AUTO else use)
    found = api.models(project)
    if as_json:
        say_json([one.as_dict() for one in found])
        return
    if not found:
        say(
            "This project has no model yet. Make one with: napari-semiseg train PROJECT"
        )
        return
    say_table([("", "run", "score", "measured on", ""), *map(_row, found)])
    if any(one.in_use for one in found):
        by_hand = any(one.by_hand for one in found)
        say(f"* is in use{', chosen by hand' if by_hand else ''}")


def _row(one: ModelOverview) -> tuple[str, ...]:
    score = "-" if one.score is None else f"{one.score:.3f}"
    on = one.measured_on or "nothing"
    judged = on if one.validated is not False else f"{on} (not validated)"
    return ("*" if one.in_use else " ", one.run, score, judged, one.verdict or "")
