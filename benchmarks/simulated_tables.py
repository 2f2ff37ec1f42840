"""Tables of what the simulated biologist did and reached, as Markdown."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.simulated_scores import (
    EffortToReach,
    at_effort,
    at_round,
    common_way,
)
from napari_semiseg.api.benchmarking.statistics import paired_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchmarks.simulated_scores import ArmRounds
    from napari_semiseg.api.benchmarking.statistics import Score

EFFORTS = {"objects": "touched", "minutes": "minutes"}


def tables(arms: Sequence[ArmRounds], target: float) -> str:
    """All of them."""
    parts = [
        f"{len(arms[0].seeds)} seeds, {arms[0].scores('ap').shape[2]} test images",
        by_round(arms),
        to_reach(arms, target),
        differences(arms, target),
        acts(arms),
    ]
    return "\n\n".join(parts)


def by_round(arms: Sequence[ArmRounds]) -> str:
    """What each arm had done and reached after each round, on average over seeds."""
    lines = [
        "| arm | round | tiles | objects touched | minutes "
        "| P x R (sd of seeds) | F1 |",
        "|---|---|---|---|---|---|---|",
    ]
    for arm in arms:
        ap, f1 = arm.scores("ap").mean(2), arm.scores("f1").mean(2)
        touched, minutes = arm.touched(), arm.minutes()
        tiles = np.mean([[work.tiles for work in row] for row in arm.total()], axis=0)
        for number in range(arm.n_rounds):
            spread = ap[:, number].std(ddof=1) if len(ap) > 1 else 0.0
            lines.append(
                f"| {arm.title} | {number} | {tiles[number]:.0f} "
                f"| {touched[:, number].mean():.1f} "
                f"| {minutes[:, number].mean():.1f} "
                f"| {ap[:, number].mean():.3f} ({spread:.3f}) "
                f"| {f1[:, number].mean():.3f} |"
            )
    return "\n".join(lines)


def to_reach(arms: Sequence[ArmRounds], target: float) -> str:
    """What each arm, and each seed, needed to reach a score."""
    lines = [
        f"| arm | seeds that reach {target:g} | objects touched | minutes "
        "| objects touched, seed by seed |",
        "|---|---|---|---|---|",
    ]
    for arm in arms:
        needed = {name: _needed(arm, name, target) for name in EFFORTS}
        each = {name: of(_even(arm))[0] for name, of in needed.items()}
        reached = arm.scores("ap").mean(2).max(1) >= target
        marks = [
            f"{value:.0f}" if ok else f"> {value:.0f}"
            for value, ok in zip(each["objects"], reached, strict=True)
        ]
        more = "" if reached.all() else "> "
        lines.append(
            f"| {arm.title} | {needed['objects'].n_reached} of {len(reached)} "
            f"| {more}{each['objects'].mean():.1f} "
            f"| {more}{each['minutes'].mean():.1f} "
            f"| {', '.join(marks)} |"
        )
    return "\n".join(lines)


def differences(arms: Sequence[ArmRounds], target: float) -> str:
    """Paired differences of arms, with their intervals."""
    lines = [
        "| difference | of | mean (95 %) | better for |",
        "|---|---|---|---|",
    ]
    n_images = arms[0].scores("ap").shape[2]
    for theirs, ours in itertools.combinations(arms, 2):
        rows: list[tuple[str, Score, Score, bool]] = [
            _after_last_round(ours, theirs, "ap", "P x R"),
            _after_last_round(ours, theirs, "f1", "F1"),
        ]
        for effort in EFFORTS:
            rows += _at_equal(ours, theirs, effort)
            a, b = (_needed(arm, effort, target) for arm in (ours, theirs))
            # A seed that never gets there has no effort to compare.
            if a.n_reached == b.n_reached == len(arms[0].seeds):
                rows.append((f"{effort} to reach {target:g}", a, b, False))
        for words, of_ours, of_theirs, more_is_better in rows:
            found = paired_interval(of_ours, of_theirs, n_images)
            digits = 3 if more_is_better else 1
            low, high = f"{found.low:+.{digits}f}", f"{found.high:+.{digits}f}"
            better = found.n_better
            if not more_is_better:
                weights = _even(ours)
                better = int((of_ours(weights) < of_theirs(weights)).sum())
            lines.append(
                f"| {ours.title} - {theirs.title} | {words} "
                f"| {found.mean:+.{digits}f} ({low} to {high}) "
                f"| {better} of {found.n_seeds} |"
            )
    return "\n".join(lines)


def acts(arms: Sequence[ArmRounds]) -> str:
    """What was done in the rounds after the first, in all seeds together."""
    lines = [
        "| arm | objects left | drawn | deleted | redrawn | cut | joined "
        "| touched | touched if stricter |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for arm in arms:
        counts = np.zeros(6, int)
        for total in arm.total():
            first, last = total[0], total[-1]
            names = ("left", "drawn", "deleted", "redrawn", "cut", "joined")
            counts += [getattr(last, n) - getattr(first, n) for n in names]
        touched = [
            int((arm.touched(which)[:, -1] - arm.touched(which)[:, 0]).sum())
            for which in ("work", "strict")
        ]
        cells = map(str, [*counts.tolist(), *touched])
        lines.append(f"| {arm.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _after_last_round(
    ours: ArmRounds, theirs: ArmRounds, score: str, words: str
) -> tuple[str, Score, Score, bool]:
    a, b = (at_round(arm, arm.n_rounds - 1, score) for arm in (ours, theirs))
    return f"{words} after the last round", a, b, True


def _at_equal(
    ours: ArmRounds, theirs: ArmRounds, effort: str
) -> list[tuple[str, Score, Score, bool]]:
    """Scores at equal effort: where the shorter arm ends, and on the way there."""
    way = common_way([_effort(arm, effort) for arm in (ours, theirs)])
    rows: list[tuple[str, Score, Score, bool]] = []
    for words, wanted in (("at equal", way[:, -1]), ("on the way, at equal", way)):
        a, b = (
            at_effort(_effort(arm, effort), arm.scores("ap"), wanted)
            for arm in (ours, theirs)
        )
        rows.append((f"P x R {words} {effort}", a, b, True))
    return rows


def _needed(arm: ArmRounds, effort: str, target: float) -> EffortToReach:
    return EffortToReach(_effort(arm, effort), arm.scores("ap"), target)


def _effort(arm: ArmRounds, name: str) -> NDArray[np.float64]:
    found: NDArray[np.float64] = getattr(arm, EFFORTS[name])()
    return found


def _even(arm: ArmRounds) -> NDArray[np.float64]:
    """Every test image counting once."""
    return np.ones((1, arm.scores("ap").shape[2]))
