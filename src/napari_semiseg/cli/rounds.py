"""The command that lists rounds, and tells what changed from one to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from napari_semiseg.cli.application import (
    app,
    calm_threads,
    example,
    say,
    say_json,
    say_table,
    warn,
)
from napari_semiseg.cli.options import DeviceOption, JsonOption, ProjectArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_semiseg.api import ImageChanges, RoundComparison
    from napari_semiseg.runs.rounds import Round

_KINDS = ("gained", "lost", "split", "merged", "reshaped", "kept")


@app.command(
    epilog=example(
        "napari-semiseg rounds my-project",
        "napari-semiseg rounds my-project --diff 1 3",
        "napari-semiseg rounds my-project --diff 1 3 --image a.tif --json",
    )
)
def rounds(
    project: ProjectArgument,
    diff: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--diff",
            metavar="ROUND ROUND",
            help="Tell for each image which objects were gained, lost, split or merged "
            "from the first round to the second, by the models alone.",
        ),
    ] = None,
    image: Annotated[
        list[str] | None,
        typer.Option("--image", metavar="IMAGE", help="With --diff: only this one."),
    ] = None,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """List the rounds of a project: what was labelled, what score was reached.

    A round is a training that ended with a model. To go back to one: models --use.
    """
    from napari_semiseg import api

    if image and diff is None:
        raise typer.BadParameter("belongs to --diff", param_hint="--image")
    if diff is not None:
        calm_threads()
        from napari_semiseg.cli.showing import ShownImages, display

        with display("Comparing") as shown:
            compared = api.compare_rounds(
                project,
                *diff,
                images=image or None,
                device=device,
                progress=ShownImages(shown),
            )
        _say_changes(compared, as_json)
        return
    found = api.rounds(project)
    if as_json:
        say_json([one.as_dict() for one in found])
    elif found:
        _say_rounds(found)
    else:
        say("This project has no round yet. Begin with: napari-semiseg train PROJECT")


def _say_rounds(found: Sequence[Round]) -> None:
    columns = ("", "round", "method", "tiles", "objects", "minutes", "score", "on")
    say_table([columns, *map(_row, found)])
    if any(one.in_use for one in found):
        say("* is in use")


def _row(one: Round) -> tuple[str, ...]:
    score = "-" if one.score is None else f"{one.score:.3f}"
    on = one.measured_on or ""
    doubt = " (not validated)" if one.score is not None and not one.validated else ""
    return (
        "*" if one.in_use else " ",
        str(one.number),
        one.method,
        _number(one.tiles),
        _number(one.objects),
        _number(one.minutes),
        score,
        f"{on}{doubt}",
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def _say_changes(compared: RoundComparison, as_json: bool) -> None:
    for one in compared.images:
        if one.problem:
            warn(f"Not compared: {one.name}: {one.problem}")
    if as_json:
        say_json(compared.as_dict())
        return
    known = [one for one in compared.images if one.problem is None]
    before, after = compared.before.number, compared.after.number
    columns = ("image", f"round {before}", f"round {after}", *_KINDS)
    rows = [
        (one.name, str(one.n_before), str(one.n_after), *_counted([one]))
        for one in known
    ]
    totals = (
        str(sum(one.n_before or 0 for one in known)),
        str(sum(one.n_after or 0 for one in known)),
    )
    say_table([columns, *rows, ("all", *totals, *_counted(known))])


def _counted(images: Sequence[ImageChanges]) -> list[str]:
    return [str(sum(getattr(one, kind) for one in images)) for kind in _KINDS]
