"""A benchmark's results as CSV, JSON and Markdown."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from napari_semiseg.api.benchmarking.cells import CellFolder
from napari_semiseg.api.benchmarking.judging import OBJECT_SCORES
from napari_semiseg.api.benchmarking.statistics import image_value
from napari_semiseg.api.benchmarking.summary import COSTS, tiles_words
from napari_semiseg.exchange.tables import write_table
from napari_semiseg.files import write_bytes, write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from napari_semiseg.api.benchmarking.cells import Cell
    from napari_semiseg.api.benchmarking.summary import Row, Summary

SCORE_WORDS = {
    "ap": "P x R",
    "s_dsb": "S_DSB",
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "ap_mean": "P x R, IoU 0.1-0.9",
    "mean_iou": "mean IoU",
}
_SHOWN = ("ap", "s_dsb", "f1", "mean_iou")


def write_tables(
    report: Path, cells: Iterable[Cell], summary: Summary, lines: Sequence[str]
) -> None:
    """Write ``scores.csv``, ``summary.csv``, ``summary.json`` and ``report.md``.

    ``lines`` say what was done, and stand at the top of the report.
    """
    write_table(report / "scores.csv", _columns(_image_rows(report, cells, summary)))
    write_table(report / "summary.csv", _columns(map(_flat, summary.rows)))
    write_json(
        report / "summary.json",
        {**_finite(asdict(summary)), "main_score": summary.main_score},
    )
    write_bytes(report / "report.md", markdown(summary, lines).encode())


def markdown(summary: Summary, lines: Sequence[str] = ()) -> str:
    """The report: what was done, scores, the teacher's confidence, what is missing."""
    parts = [
        "# Benchmark",
        "\n".join(f"- {line}" for line in lines),
        "\n".join(score_table(summary)),
        _about_scores(summary),
        "\n".join(_confidence_table(summary)),
        "\n".join(_reliability_table(summary)),
        "\n".join(_about_missing(summary)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def score_table(summary: Summary) -> Iterator[str]:
    """Lines of the Markdown table of scores."""
    if not summary.rows:
        return
    shown = [name for name in summary.rows[0].scores if _is_shown(name)]
    words = [SCORE_WORDS.get(name, name) for name in shown]
    main = SCORE_WORDS[summary.main_score]
    heads = [
        *("arm", "tiles", "seeds", *words),
        f"difference, {main} (95 %)",
        "better",
        "reference needs",
        *COSTS,
    ]
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    for row in summary.rows:
        scores = [_score(row, name, summary.main_score) for name in shown]
        cells = [
            row.arm,
            tiles_words(row.n_labelled, row.n_tiles),
            str(len(row.seeds)),
            *scores,
            *_comparison(row),
            *(f"{row.cost[name]:.0f}" for name in COSTS),
        ]
        yield f"| {' | '.join(cells)} |"


def _is_shown(name: str) -> bool:
    return name in _SHOWN or name not in OBJECT_SCORES


def _score(row: Row, name: str, main: str) -> str:
    value = f"{row.scores[name]:.3f}"
    return f"{value} ± {row.spread[name]:.3f}" if name == main else value


def _comparison(row: Row) -> tuple[str, str, str]:
    if row.difference is None:
        return "", "", ""
    found = row.difference
    interval = f"{found.mean:+.3f} ({found.low:+.3f} to {found.high:+.3f})"
    better = f"{found.n_better} of {found.n_seeds}"
    return interval, better, f"{row.tiles_needed} tiles" if row.tiles_needed else ""


def _about_scores(summary: Summary) -> str:
    if not summary.rows:
        return "Nothing has ended yet."
    what = (
        "P x R is precision times recall of objects at an IoU of 0.5, the mean over "
        f"{summary.n_images} test images"
        if summary.classes is None
        else "Mean IoU is over the classes with the background, from one confusion "
        f"matrix of all {summary.n_images} test images"
    )
    references = dict.fromkeys(row.against for row in summary.rows if row.against)
    against = f" Differences are to {', '.join(references)}" if references else ""
    how = (
        ", paired by seed and image; intervals are 95 % of a hierarchical bootstrap "
        "over seeds and images. *Better* counts seeds. *Reference needs* is how many "
        "labelled tiles that arm needs for the same score, read off its own curve."
    )
    return f"{what}; ± is the standard deviation between seeds.{against}" + (
        how if references else ""
    )


def _confidence_table(summary: Summary) -> Iterator[str]:
    rows = [(row, one) for row in summary.rows for one in row.confidence]
    if not rows:
        return
    names = (
        ("background", "interior", "boundary")
        if summary.classes is None
        else ("background", *summary.classes)
    )
    yield "## The teacher's confidence on unlabelled images"
    yield ""
    yield "| arm | tiles | class | pixels | share | accuracy | confidence | error |"
    yield "|---|---|---|---|---|---|---|---|"
    for row, one in rows:
        side = "selected" if one["selected"] else "not selected"
        numbers = ("share", "accuracy", "confidence", "calibration_error")
        values = " | ".join(f"{one[name]:.3f}" for name in numbers)
        tiles = tiles_words(row.n_labelled, row.n_tiles)
        yield f"| {row.arm} | {tiles} | {names[one['class']]} | {side} | {values} |"
    yield ""
    yield (
        "At the end of the training. *Error* is the expected calibration error: the "
        "distance between accuracy and confidence, in ten bins of confidence."
    )


def _reliability_table(summary: Summary) -> Iterator[str]:
    rows = [(row, one) for row in summary.rows for one in row.reliability]
    if not rows:
        return
    yield "## The ranking of unlabelled images"
    yield ""
    yield "| arm | tiles | images | Spearman's rho | p | true mean IoU by fifths |"
    yield "|---|---|---|---|---|---|"
    for row, one in rows:
        tiles = tiles_words(row.n_labelled, row.n_tiles)
        parts = ", ".join(f"{part:.3f}" for part in one["parts"])
        yield (
            f"| {row.arm} | {tiles} | {one['n']} | {one['rho']:+.2f} | "
            f"{one['p']:.2g} | {parts} |"
        )
    yield ""
    yield (
        "A row a seed: reliability of the images against the mean IoU of their "
        "pseudo-masks with the truth; the least reliable fifth first."
    )


def _about_missing(summary: Summary) -> Iterator[str]:
    if summary.missing:
        yield (
            f"{summary.missing} training(s) have not ended: this is a part of the "
            "benchmark. Repeat the command to go on."
        )
    for words, reason in summary.failures.items():
        yield f"- Failed: {words}. {reason}"


def _flat(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {
        "arm": row.arm,
        "method": row.method,
        "labelled": row.n_labelled,
        "tiles": row.n_tiles,
        "seeds": len(row.seeds),
        **row.scores,
        **{f"{name} spread": value for name, value in row.spread.items()},
        "against": row.against or "",
    }
    if row.difference is not None:
        found |= {f"difference {k}": v for k, v in asdict(row.difference).items()}
    return {**found, "reference needs": row.tiles_needed, **row.cost}


def _image_rows(
    report: Path, cells: Iterable[Cell], summary: Summary
) -> Iterator[dict[str, Any]]:
    names = ["mean_iou"] if summary.classes is not None else list(OBJECT_SCORES)
    for cell in cells:
        result = CellFolder.of(report, cell).result()
        for image, row in (result["images"] if result else {}).items():
            yield {
                "arm": cell.arm.name,
                "labelled": cell.n_labelled,
                "seed": cell.seed,
                "image": image,
                **{name: image_value(row, name) for name in names},
            }


def _columns(rows: Iterable[dict[str, Any]]) -> dict[str, list[Any]]:
    known = list(rows)
    names = dict.fromkeys(name for row in known for name in row)
    return {name: [row.get(name, math.nan) for row in known] for name in names}


def _finite(value: Any) -> Any:
    """None for what JSON has no number for."""
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
