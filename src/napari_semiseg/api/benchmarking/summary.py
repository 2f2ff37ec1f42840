"""What came of a benchmark: one row for each arm and number of labelled tiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_semiseg.api.benchmarking.amounts import ALL
from napari_semiseg.api.benchmarking.arms import reference_of
from napari_semiseg.api.benchmarking.cells import Cell, CellFolder
from napari_semiseg.api.benchmarking.confidence import calibration
from napari_semiseg.api.benchmarking.ranked import summarise_reliability
from napari_semiseg.api.benchmarking.statistics import (
    Interval,
    of_all,
    paired_interval,
    scores_of,
    tiles_needed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from napari_semiseg.api.benchmarking.arms import Arm

    Results = Mapping[int, Mapping[str, Any]]

COSTS = ("steps", "forwards", "samples", "seconds")


@dataclass(frozen=True)
class Row:
    """An arm at one number of labelled tiles.

    Attributes
    ----------
    arm, method, n_labelled, n_tiles
        ``n_tiles`` is what ``n_labelled`` amounts to when it is ``all``.
    seeds
        Those that have ended.
    scores, spread
        Mean over the seeds, and standard deviation between them (0 of one seed).
    against, difference
        The arm it is compared with, and the difference of the main score over the seeds
        both have; None for that arm itself.
    tiles_needed
        How many labelled tiles that arm needs for the same score, in words.
    cost
        Mean of `COSTS`.
    confidence
        Of the teacher, see `confidence.calibration`, over all seeds.
    reliability
        Of its ranking of images, see `ranked.summarise_reliability`; empty without one.
    """

    arm: str
    method: str
    n_labelled: str
    n_tiles: int
    seeds: tuple[int, ...]
    scores: dict[str, float]
    spread: dict[str, float]
    against: str | None
    difference: Interval | None
    tiles_needed: str
    cost: dict[str, float]
    confidence: list[dict[str, Any]]
    reliability: list[dict[str, Any]]


@dataclass(frozen=True)
class Summary:
    """All rows, and what is not in them.

    ``classes`` are names without the background, None where objects were scored;
    ``missing`` counts cells that have not ended, ``failures`` are reasons by the cell's
    words.
    """

    rows: tuple[Row, ...]
    classes: tuple[str, ...] | None
    n_images: int
    missing: int
    failures: Mapping[str, str]

    @property
    def main_score(self) -> str:
        """Name of the score that arms are compared by."""
        return "ap" if self.classes is None else "mean_iou"


def summarise(
    report: Path,
    arms: Sequence[Arm],
    labelled: Sequence[str],
    seeds: Sequence[int],
    classes: tuple[str, ...] | None,
) -> Summary:
    """Read the results of all cells that have ended."""
    found: dict[tuple[str, str], Results] = {}
    failures: dict[str, str] = {}
    for arm in arms:
        for n in labelled:
            cells = [Cell(arm, n, seed) for seed in seeds]
            found[arm.name, n] = _results(report, cells)
            failures |= _failures(report, cells)
    rows = [
        _row(arm, n, found, arms, labelled, classes)
        for n in labelled
        for arm in arms
        if found[arm.name, n]
    ]
    done = [result for results in found.values() for result in results.values()]
    n_images = len(done[0]["images"]) if done else 0
    missing = len(arms) * len(labelled) * len(seeds) - len(done)
    return Summary(tuple(rows), classes, n_images, missing, failures)


def _results(report: Path, cells: Iterable[Cell]) -> Results:
    read = {cell.seed: CellFolder.of(report, cell).result() for cell in cells}
    return {seed: result for seed, result in read.items() if result is not None}


def _failures(report: Path, cells: Iterable[Cell]) -> dict[str, str]:
    reasons = {cell.words: CellFolder.of(report, cell).failure() for cell in cells}
    return {words: reason for words, reason in reasons.items() if reason}


def _row(
    arm: Arm,
    n: str,
    found: Mapping[tuple[str, str], Results],
    arms: Sequence[Arm],
    labelled: Sequence[str],
    classes: tuple[str, ...] | None,
) -> Row:
    results = found[arm.name, n]
    ours = list(results.values())
    n_images = len(ours[0]["images"])
    each = {
        name: of_all(score, n_images)
        for name, score in scores_of(ours, classes).items()
    }
    main = next(iter(each))
    mean = {name: float(values.mean()) for name, values in each.items()}
    reference = reference_of(arm, arms)
    theirs = found[reference.name, n] if reference else {}
    return Row(
        arm.name,
        arm.method,
        n,
        int(ours[0]["n_tiles"]),
        tuple(sorted(results)),
        mean,
        {name: float(values.std(ddof=len(ours) > 1)) for name, values in each.items()},
        reference.name if reference else None,
        _difference(results, theirs, n_images, classes),
        tiles_needed(_curve(reference, found, labelled, classes), mean[main]),
        {name: float(np.mean([one["cost"][name] for one in ours])) for name in COSTS},
        _confidence(ours),
        summarise_reliability(result.get("reliability", []) for result in ours),
    )


def _difference(
    ours: Results, theirs: Results, n_images: int, classes: tuple[str, ...] | None
) -> Interval | None:
    common = sorted(set(ours) & set(theirs))
    if not common:
        return None
    a, b = (
        next(iter(scores_of([one[seed] for seed in common], classes).values()))
        for one in (ours, theirs)
    )
    return paired_interval(a, b, n_images)


def _curve(
    arm: Arm | None,
    found: Mapping[tuple[str, str], Results],
    labelled: Sequence[str],
    classes: tuple[str, ...] | None,
) -> list[tuple[int, float]]:
    """Number of tiles and main score of an arm, where it was measured."""
    if arm is None:
        return []
    points = []
    for n in labelled:
        if results := list(found[arm.name, n].values()):
            score = next(iter(scores_of(results, classes).values()))
            mean = float(of_all(score, len(results[0]["images"])).mean())
            points.append((int(results[0]["n_tiles"]), mean))
    return points


def _confidence(results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    counted = [result["confidence"] for result in results if result["confidence"]]
    if not counted:
        return []
    return calibration({k: sum(np.array(c[k]) for c in counted) for k in counted[0]})


def tiles_words(n_labelled: str, n_tiles: int) -> str:
    """``all (312)``, or the number."""
    return f"all ({n_tiles})" if n_labelled == ALL else n_labelled
