"""The report of a run: ``metrics.csv``, ``scores.json`` and ``curves.png``."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from napari_semiseg.files import make_folder, replace_file, write_bytes, write_json
from napari_semiseg.runs.events import EventFollower, without_repeats

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from napari_semiseg.runs.evaluation import AnyEvaluation, Judges
    from napari_semiseg.runs.events import Event
    from napari_semiseg.runs.folder import RunFolder
    from napari_semiseg.runs.verdict import Verdict

_FIRST = ("step", "stage", "seconds", "forwards", "samples", "coverage")


def step_events(run: RunFolder) -> list[Event]:
    """The steps of a run as they count, without those that a resume undid."""
    events = without_repeats(EventFollower(run.events).read())
    return [event for event in events if event.get("event") == "step"]


def write_report(run: RunFolder) -> None:
    """Write ``metrics.csv`` and ``curves.png`` from the run's events."""
    make_folder(run.report)
    steps = step_events(run)
    write_metrics(run.report / "metrics.csv", steps)
    draw_curves(run.report / "curves.png", steps)


def write_metrics(path: Path, steps: Sequence[Event]) -> None:
    """Write a row a step; losses are ``loss.<name>``, scores ``validation.<name>``."""
    rows = [_row(event) for event in steps]
    columns = list(_FIRST)
    for row in rows:
        columns += [name for name in row if name not in columns]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_bytes(path, text.getvalue().encode())


def write_scores(
    path: Path,
    judges: Judges,
    evaluation: AnyEvaluation,
    verdict: Verdict,
    previous: AnyEvaluation | None,
) -> None:
    """Write what was measured, on what, tile by tile, and what was concluded."""
    content = {
        "measured_on": judges.words,
        "tuned_on": judges.words,
        **evaluation.as_dict(judges.tiles),
        "model_in_use_before": None if previous is None else previous.mean,
        "collapsed": evaluation.collapsed,
        "accepted": verdict.accepted,
        "verdict": verdict.sentence,
        "compared": None if verdict.compared is None else verdict.compared.as_dict(),
    }
    make_folder(path.parent)
    write_json(path, content)


def draw_curves(path: Path, steps: Sequence[Event]) -> None:
    """Draw losses, coverage and validation scores over the steps, as a PNG."""
    # Figures without pyplot: no global state, no window.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 7), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    losses, coverage, scores = figure.subplots(3, 1, sharex=True)
    _curves(losses, steps, "losses", "loss")
    _curves(scores, steps, "scores", "score (validation tiles)")
    points = [
        (e["step"], e["coverage"]) for e in steps if e.get("coverage") is not None
    ]
    if points:
        coverage.plot(*zip(*points, strict=True))
    coverage.set_ylabel("coverage")
    coverage.set_ylim(0, 1)
    scores.set_ylim(0, 1)
    scores.set_xlabel("step")

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            canvas.print_png(file)  # type: ignore[no-untyped-call]

    replace_file(path, write)


def _row(event: Event) -> dict[str, Any]:
    row = {name: event.get(name) for name in _FIRST}
    losses = {f"loss.{k}": v for k, v in (event.get("losses") or {}).items()}
    scores = {f"validation.{k}": v for k, v in (event.get("scores") or {}).items()}
    return row | losses | scores


def _curves(axes: Axes, steps: Sequence[Event], group: str, label: str) -> None:
    names = dict.fromkeys(name for e in steps for name in e.get(group) or {})
    for name in names:
        found = ((e["step"], (e.get(group) or {}).get(name)) for e in steps)
        points = [(step, value) for step, value in found if value is not None]
        if points:
            axes.plot(*zip(*points, strict=True), label=name)
    if names:
        axes.legend(loc="upper right", fontsize="small")
    axes.set_ylabel(label)
