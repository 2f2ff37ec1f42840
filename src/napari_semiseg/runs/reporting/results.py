"""What came of a run: verdict, data, curves, examples, scores, rounds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.runs.comparison import NOISE_RULE, score_of_rows
from napari_semiseg.runs.reporting.figures import figure_png
from napari_semiseg.runs.reporting.markup import Markup, image, join, table, tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from napari_semiseg.runs.reporting.facts import RunFacts
    from napari_semiseg.runs.rounds import Round

_NAMES = {
    "ap_actis": "Precision x recall",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "s_dsb": "TP / (TP + FP + FN)",
    "ap_actis_mean": "Precision x recall, mean over IoU 0.1 to 0.9",
    "mean_iou": "Mean IoU of the classes",
    "mean_dice": "Mean Dice of the classes",
}
_OF_TILES = ("ap_actis", "precision", "recall", "f1", "tp", "fp", "fn")
_MOST_ROWS = 200


def verdict_section(facts: RunFacts) -> Markup:
    """What became of the model, with what was measured, and whether that is clean."""
    record = facts.record
    if record.failure:
        return tag("p", f"The run failed: {record.failure}", class_="doubt")
    used = any(one.run == record.id and one.in_use for one in facts.rounds)
    state = f"This run has {record.state}. " if record.state != "finished" else ""
    fate = "Its model is in use." if used else "Its model is not in use."
    if used and record.accepted is False:
        fate = "Its model is in use, chosen by hand. When the run ended, it was said:"
    verdict = tag("p", f"{state}{fate} {record.verdict or ''}", class_="verdict")
    if record.accepted is None:
        return verdict
    if record.validated:
        return join([verdict, tag("p", f"Validated on {record.tuned_on}.")])
    if facts.checked is not None:
        return join([verdict, tag("p", f"Validated {facts.checked.words}.")])
    words = (
        f"Not validated: scores are those on {record.tuned_on or 'nothing'}, which say "
        "little about other images. Mark a labelled tile as validation, or train with "
        "--cross-validate, to know more."
    )
    return join([verdict, tag("p", words, class_="doubt")])


def data_section(facts: RunFacts) -> Markup:
    """Images, tiles and objects that the run learned from."""
    inputs, labels = facts.inputs, facts.record.labels or {}
    tiles = [one for one in inputs.get("tiles", ()) if isinstance(one, dict)]
    minutes = labels.get("minutes")
    size = inputs.get("pixel_size")
    rows: list[tuple[object, object]] = [
        ("Task", inputs.get("task", "-")),
        ("Classes", ", ".join(map(str, inputs.get("classes", ())))),
        ("Images", len(inputs.get("images", {}))),
        ("of these with unlabelled ground", len(inputs.get("unlabelled", ()))),
        ("Pixel size", _pixel_words(size, str(inputs.get("pixel_unit", "")))),
        ("Tiles to learn from", labels.get("training_tiles", "-")),
        ("Tiles for validation", labels.get("validation_tiles", "-")),
        ("Objects in tiles", _number(labels.get("tile_objects"))),
        ("Objects drawn outside tiles", labels.get("drawn_objects", "-")),
        ("Objects accepted from a model", labels.get("accepted_objects", "-")),
        ("Minutes of labelling", "-" if minutes is None else f"{minutes:.0f}"),
    ]
    listed = table(
        ("Image", "Place", "Size", "For", ""), [_tile_row(facts, t) for t in tiles]
    )
    words = f"The {len(tiles)} labelled tiles and areas of corrections"
    folded = tag("details", tag("summary", words), listed)
    return join([tag("h2", "Data"), table((), rows), folded])


def curves_section(facts: RunFacts) -> Markup:
    """Losses, coverage, and validation scores over the steps."""
    title = tag("h2", "Training")
    if not facts.curves:
        return join([title, tag("p", "No step was made.")])
    words = (
        "Losses, share of the unlabelled pixels that the loss trusted (coverage), and "
        "scores on the validation tiles while it trained, where there are any."
    )
    return join([title, tag("p", words), image(facts.curves, "Curves of the training")])


def examples_section(facts: RunFacts) -> Markup:
    """Sheets of the worst, the middle and the best tile, and of unlabelled images."""
    title = tag("h2", "Examples")
    if not facts.sheets:
        return join([title, tag("p", "There are none of this run.")])
    words = (
        "The worst, the middle and the best of the tiles that were scored, a tile it "
        "learned from, and unlabelled images, drawn at random."
    )
    sheets = [
        join([tag("h3", sheet.title), *(_figure(*panel) for panel in sheet.panels)])
        for sheet in facts.sheets
    ]
    return join([title, tag("p", words), *sheets])


def scores_section(facts: RunFacts) -> Markup:
    """Mean scores, thresholds, and the tiles one by one."""
    scores = facts.scores
    title = tag("h2", "Scores")
    mean = scores.get("mean")
    if not isinstance(mean, dict):
        return join([title, tag("p", "Nothing was measured.")])
    on = scores.get("measured_on", "-")
    words = f"On {on}."
    if "thresholds" in scores:
        words += (
            " Of objects at an IoU of 0.5 where nothing else is said. The thresholds "
            "were tuned on the same tiles, so that scores are a little too high."
        )
    named = [
        (_score_name(str(name)), _number(value))
        for name, value in mean.items()
        if name in _NAMES or str(name).startswith("iou ")
    ]
    guard = tag("p", NOISE_RULE, class_="quiet")
    return join(
        [
            title,
            tag("p", words),
            table((), named),
            _thresholds(scores),
            _of_tiles(facts, scores),
            tag("h3", "Replacing the model in use"),
            guard,
        ]
    )


def comparison_section(facts: RunFacts) -> Markup:
    """Whether the unlabelled images helped."""
    title = tag("h2", "Did the unlabelled images help?")
    found, record = facts.comparison, facts.record
    if record.arm_of is not None:
        words = f"This run is the supervised arm of {record.arm_of}."
        return join([title, tag("p", words)])
    if found is None:
        words = (
            "The supervised arm has not finished."
            if record.compare
            else "Not measured: train with --compare to know."
        )
        return join([title, tag("p", words)])
    rows = [
        ("With the unlabelled images", f"{found.paired.new:.3f}"),
        ("From the labelled tiles alone", f"{found.paired.old:.3f}"),
        ("Difference", f"{found.paired.difference:+.3f}"),
        ("Noise", _number(found.paired.noise)),
        ("Measured on", found.measured_on),
        ("The other run", found.arm),
    ]
    return join([title, tag("p", found.sentence, class_="verdict"), table((), rows)])


def rounds_section(facts: RunFacts) -> Markup:
    """What labelling cost, and which score it reached, round by round."""
    title = tag("h2", "Label economy")
    if not facts.rounds:
        return join([title, tag("p", "No round has ended with a model yet.")])
    head = ("Round", "Run", "Tiles", "Objects", "Minutes", "Score", "Measured on", "")
    lines = table(head, [_round_row(one) for one in facts.rounds])
    words = (
        "Labelled when each round began, in all images of the project, and the score "
        "that the round reached. Scores are comparable where they were measured on the "
        "same tiles."
    )
    picture = _round_curve(facts.rounds)
    drawn = image(picture, "Score against labelled objects") if picture else ""
    return join([title, tag("p", words), lines, drawn])


def _score_name(name: str) -> str:
    return _NAMES.get(name) or f"IoU of {name.removeprefix('iou ')}"


def _figure(words: str, content: bytes) -> Markup:
    return tag("figure", image(content, words, "panel"), tag("figcaption", words))


def _tile_row(facts: RunFacts, tile: Mapping[str, Any]) -> tuple[object, ...]:
    clean = tile.get("role") != "validation" or tile.get("clean", True)
    return (
        facts.image(tile.get("image_id")),
        ", ".join(map(str, tile.get("origin", ()))),
        " x ".join(map(str, tile.get("size", ()))),
        tile.get("role", ""),
        "" if clean else "an earlier model has learned from it: it is no judge",
    )


def _of_tiles(facts: RunFacts, scores: Mapping[str, Any]) -> Markup:
    tiles = [one for one in scores.get("tiles", ()) if isinstance(one, dict)]
    semantic = "confusion" in scores
    names = ("mean_iou",) if semantic else _OF_TILES
    rows = []
    for tile in tiles[:_MOST_ROWS]:
        values = (score_of_rows([tile]),) if semantic else [tile.get(n) for n in names]
        place = ", ".join(map(str, tile.get("origin", ())))
        image_name = facts.image(tile.get("image_id"))
        rows.append((image_name, place, *map(_number, values)))
    return table(("Image", "Place", *(_NAMES.get(n, n.upper()) for n in names)), rows)


def _thresholds(scores: Mapping[str, Any]) -> Markup:
    found = scores.get("thresholds")
    if not isinstance(found, dict):
        return Markup("")
    both = (_number(found.get("foreground")), _number(found.get("seed")))
    return tag("p", f"Thresholds: foreground {both[0]}, seeds {both[1]}.")


def _round_row(one: Round) -> tuple[object, ...]:
    minutes = "-" if one.minutes is None else f"{one.minutes:.0f}"
    fates = {True: "", False: "not taken", None: "not decided yet"}
    fate = "in use" if one.in_use else fates[one.accepted]
    doubt = "" if one.validated else " (not validated)"
    on = f"{one.measured_on or '-'}{doubt}"
    counts = ("-" if n is None else n for n in (one.tiles, one.objects))
    return (one.number, one.run, *counts, minutes, _number(one.score), on, fate)


def _round_curve(found: Sequence[Round]) -> bytes:
    """Score against labelled objects as a PNG; nothing of less than two points.

    Where nobody counts objects, against labelled tiles.
    """
    counted = all(one.objects is not None for one in found)
    points = [
        (cost, one.score, one.number)
        for one in found
        if (cost := one.objects if counted else one.tiles) is not None
        and one.score is not None
    ]
    if len(points) < 2:
        return b""

    def draw(axes: Axes) -> None:
        axes.plot([p[0] for p in points], [p[1] for p in points], "o-", color="#1b7f79")
        for cost, score, number in points:
            place = (5, 5)
            axes.annotate(str(number), (cost, score), place, textcoords="offset points")
        axes.set(
            xlabel=f"labelled {'objects' if counted else 'tiles'}",
            ylabel="score",
            ylim=(0, 1.02),
        )

    return figure_png(draw, (6, 3))


def _number(value: object) -> str:
    if isinstance(value, int | np.integer):
        return str(value)
    if not isinstance(value, float) or math.isnan(value):
        return "-"
    return f"{value:.3f}"


def _pixel_words(size: object, unit: str) -> str:
    if not isinstance(size, list) or not size:
        return "not known, or mixed"
    return f"{' x '.join(f'{float(s):g}' for s in size)} {unit}"
