"""The command that scores masks: evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_semiseg.cli.application import (
    app,
    example,
    say,
    say_json,
    say_table,
    warn,
)
from napari_semiseg.cli.options import names

if TYPE_CHECKING:
    from napari_semiseg.api import ClassReport, EvaluationReport
    from napari_semiseg.segmentation.metrics import ImageScores
    from napari_semiseg.segmentation.object_classes import ObjectClassScores

_COLUMNS = {
    "ap_actis": "PxR",
    "precision": "prec.",
    "recall": "recall",
    "f1": "F1",
    "s_dsb": "S_DSB",
    "ap_actis_mean": "PxR .1-.9",
}
_MISTAKES = {
    "false_merges": "merges",
    "false_splits": "splits",
    "missed": "missed",
    "spurious": "spurious",
}
_MANY = 30  # Images whose scores are listed one by one.


@app.command(
    epilog=example(
        "napari-semiseg evaluate results truth",
        "napari-semiseg evaluate results truth --json scores.json",
        "napari-semiseg evaluate results truth --classes healthy,apoptotic",
        "napari-semiseg evaluate results truth --task semantic --classes "
        "cytoplasm,nucleus",
    )
)
def evaluate(
    predictions: Annotated[
        Path, typer.Argument(metavar="PREDICTIONS", help="Folder of masks, or a mask.")
    ],
    truth: Annotated[
        Path, typer.Argument(metavar="TRUTH", help="Folder of true masks, or a mask.")
    ],
    task: Annotated[
        str,
        typer.Option(
            "--task", help="instances (the default); semantic: masks of classes."
        ),
    ] = "instances",
    classes: Annotated[
        str | None,
        typer.Option(
            "--classes",
            metavar="A,B,C",
            help="Names, without the background. Of objects their class stands beside "
            "each mask: in STEM.json, or in STEM.csv (columns label and class).",
        ),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json", metavar="FILE", help="Write all scores as JSON; - prints them."
        ),
    ] = None,
) -> None:
    """Score masks against the truth; files are matched by stem."""
    if task not in ("instances", "semantic"):
        raise typer.BadParameter("choose instances or semantic", param_hint="--task")
    from napari_semiseg import api
    from napari_semiseg.cli.showing import display
    from napari_semiseg.files import make_folder, write_json

    report: EvaluationReport | ClassReport
    with display("Comparing") as shown:

        def progress(done: int, total: int, stem: str) -> None:
            words = f"{done} of {total} images {stem}".rstrip()
            shown.progress(done, total, words)

        if task == "semantic":
            report = api.evaluate_classes(
                predictions, truth, names(classes), progress=progress
            )
        else:
            report = api.evaluate(predictions, truth, names(classes), progress=progress)
    for name in report.without_truth:
        warn(f"No truth for {name}.")
    for name in report.without_prediction:
        warn(f"No prediction for {name}.")
    for stem, reason in (report.failed or {}).items():
        warn(f"Skipped {stem}: {reason}")
    if json_file == Path("-"):
        say_json(report.as_dict())
        return
    if json_file is not None:
        make_folder(json_file.parent)
        write_json(json_file, report.as_dict())
    if isinstance(report, api.ClassReport):
        say_class_scores(report)
    else:
        say_scores(report)


def say_scores(report: EvaluationReport) -> None:
    """Print a table of scores: image by image, averaged, and pooled."""
    say("Scores at IoU 0.5 (PxR .1-.9: precision x recall, mean over IoU 0.1 to 0.9)")
    rows = [("image", *_COLUMNS.values(), *_MISTAKES.values())]
    if len(report.images) <= _MANY:
        rows += [_row(stem, one) for stem, one in report.images.items()]
    total = report.total
    mean = [f"{total.mean[name]:.3f}" for name in _COLUMNS]
    rows.append((f"mean of {total.n_images} image(s)", *mean, *[""] * len(_MISTAKES)))
    rows.append(_row("all objects together", total.pooled))
    say_table(rows)
    if report.classes is not None:
        _say_object_classes(report.classes)


def _say_object_classes(scores: ObjectClassScores) -> None:
    right = scores.mean.get("class_accuracy")
    said = "-" if right is None else f"{right:.3f}"
    say(f"Classes of the objects: {said} of those found have the right one")
    head = ("class", "PxR", "prec.", "recall", "found", "invented", "missed")
    rows: list[tuple[str, ...]] = [head]
    for name, counts in zip(scores.names, scores.counts, strict=True):
        shares = (counts.ap_actis, counts.precision, counts.recall)
        numbers = (str(counts.tp), str(counts.fp), str(counts.fn))
        rows.append((name, *(f"{share:.3f}" for share in shares), *numbers))
    say_table(rows)


def say_class_scores(report: ClassReport) -> None:
    """Print a table of scores: image by image, and of all pixels together."""
    say("IoU of pixels (mean IoU: over the classes that occur, with the background)")
    columns = ("mean_iou", "mean_dice", *(f"iou {name}" for name in report.total.names))
    rows = [("image", "mean IoU", "mean Dice", *report.total.names)]
    shown = report.images if len(report.images) <= _MANY else {}
    for name, one in [*shown.items(), ("all pixels together", report.total)]:
        found = one.mean
        scores = (f"{found[c]:.3f}" if c in found else "-" for c in columns)
        rows.append((name, *scores))
    say_table(rows)


def _row(name: str, scores: ImageScores) -> tuple[str, ...]:
    known = scores.as_dict()
    return (
        name,
        *(f"{known[column]:.3f}" for column in _COLUMNS),
        *(f"{known[mistake]:.0f}" for mistake in _MISTAKES),
    )
