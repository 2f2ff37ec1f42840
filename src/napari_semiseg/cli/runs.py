"""Commands that watch and steer runs: status, pause, resume, stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from napari_semiseg.cli.application import app, example, say, say_json, say_table
from napari_semiseg.cli.options import JsonOption, ProjectArgument, RunArgument

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_semiseg.api import RunOverview
    from napari_semiseg.runs.status import RunStatus


@app.command(
    epilog=example(
        "napari-semiseg status my-project", "napari-semiseg status my-project --json"
    )
)
def status(
    project: ProjectArgument, run: RunArgument = None, as_json: JsonOption = False
) -> None:
    """List the runs of a project, what each round cost, and what was reviewed."""
    from napari_semiseg import api

    found = api.status(project, run)
    review = api.review_progress(project)
    if as_json:
        runs = [one.as_dict() for one in found]
        say_json({"review": review.as_dict(), "runs": runs})
        return
    say(f"{review.words[0].upper()}{review.words[1:]}.")
    if not found:
        say("This project has no run yet. Start one with: napari-semiseg train PROJECT")
        return
    rows = [
        (
            "*" if one.in_use else " ",
            one.run.id,
            one.status.state,
            _step(one.status),
            _left(one.status),
            one.status.sentence,
        )
        for one in found
    ]
    say_table([("", "run", "state", "step", "left", ""), *rows])
    if any(one.in_use for one in found):
        say("* its model is in use")
    for line in _economy(found):
        say(line)


@app.command(epilog=example("napari-semiseg pause my-project"))
def pause(project: ProjectArgument, run: RunArgument = None) -> None:
    """Pause a run after its step; by itself the one that is going on."""
    from napari_semiseg import api

    _say(api.pause(project, run))


@app.command(
    epilog=example(
        "napari-semiseg resume my-project",
        "napari-semiseg resume my-project 2026-11-20T19-40-12-actis",
    )
)
def resume(project: ProjectArgument, run: RunArgument = None) -> None:
    """Let a paused run go on; start one that stopped or broke in the background."""
    from napari_semiseg import api

    now = api.resume(project, run)
    _say(now)
    if now.state in ("failed", "died"):
        raise typer.Exit(1)


@app.command(epilog=example("napari-semiseg stop my-project"))
def stop(project: ProjectArgument, run: RunArgument = None) -> None:
    """Stop a run after its step; its model is evaluated and saved."""
    from napari_semiseg import api

    _say(api.stop(project, run))


def _economy(found: Sequence[RunOverview]) -> Iterator[str]:
    """What labelling cost and brought, and what unlabelled images did."""
    from napari_semiseg.runs.rounds import rounds

    shown = {one.run.id for one in found}
    for one in rounds(found[0].run.project_folder):
        if one.run in shown:
            yield one.words
    for overview in found:
        if overview.comparison is not None:
            yield f"{overview.run.id}: {overview.comparison.sentence}"


def _say(now: RunStatus) -> None:
    step = _step(now)
    say(f"{now.state}{f' at step {step}' if step else ''}. {now.sentence}")


def _step(now: RunStatus) -> str:
    return "" if now.step is None else f"{now.step}/{now.n_steps or '?'}"


def _left(now: RunStatus) -> str:
    from napari_semiseg.cli.showing import duration_words

    return "" if now.seconds_left is None else duration_words(now.seconds_left)
