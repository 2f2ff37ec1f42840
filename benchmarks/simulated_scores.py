"""What the rounds of the simulated biologist cost and brought."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.simulated_biologist import Work
from napari_semiseg.api.benchmarking.statistics import MeanScore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

N_STEPS = 21  # Of the way along which scores are averaged.


@dataclass(frozen=True, eq=False)
class ArmRounds:
    """All rounds of an arm, of seeds that have finished them.

    ``records`` are ``[seed][round]``; the first round is shared by the arms of a
    method.
    """

    name: str
    seeds: tuple[int, ...]
    records: tuple[tuple[dict[str, Any], ...], ...]

    @property
    def title(self) -> str:
        """``actis, queue``."""
        return self.name.replace("_", ", ")

    @property
    def n_rounds(self) -> int:
        """The first one, too."""
        return len(self.records[0])

    def total(self, which: str = "work") -> list[list[Work]]:
        """The work up to each round: ``[seed][round]``; ``strict`` is another one."""
        found = []
        for rounds in self.records:
            so_far, row = Work(), []
            for record in rounds:
                so_far = so_far + Work(**record[which])
                row.append(so_far)
            found.append(row)
        return found

    def touched(self, which: str = "work") -> Floats:
        """Objects touched up to each round, ``(n_seeds, n_rounds)``."""
        return np.array([[w.touched for w in r] for r in self.total(which)], float)

    def minutes(self) -> Floats:
        """Minutes of labelling up to each round, ``(n_seeds, n_rounds)``."""
        return np.array([[work.minutes for work in row] for row in self.total()])

    def scores(self, name: str) -> Floats:
        """A score of each test image, ``(n_seeds, n_rounds, n_images)``."""
        images = sorted(self.records[0][0]["images"])
        return np.array(
            [
                [[record["images"][i][name] for i in images] for record in rounds]
                for rounds in self.records
            ]
        )


def read_rounds(folder: Path, arms: Sequence[str]) -> list[ArmRounds]:
    """The arms that have results, with the seeds and rounds that all of them have."""
    found: dict[str, dict[tuple[int, int], dict[str, Any]]] = {}
    for path in folder.glob("*-*-*.json"):
        record = json.loads(path.read_text())
        key = record["seed"], record["round"]
        found.setdefault(record["arm"], {})[key] = record
    of_arms = {
        arm: {**found[arm.partition("_")[0]], **found[arm]}
        for arm in arms
        if arm in found
    }
    if not of_arms:
        raise SystemExit(f"There is no finished round in {folder}.")
    seeds = sorted(set.intersection(*({s for s, _ in r} for r in of_arms.values())))
    last = min(
        max(n for s, n in records if s == seed)
        for records in of_arms.values()
        for seed in seeds
    )
    return [
        ArmRounds(
            arm,
            tuple(seeds),
            tuple(tuple(of[seed, n] for n in range(last + 1)) for seed in seeds),
        )
        for arm, of in of_arms.items()
    ]


def at_round(arm: ArmRounds, number: int, score: str = "ap") -> MeanScore:
    """The score after a round, a `napari_semiseg.api` score."""
    return MeanScore(arm.scores(score)[:, number])


def at_effort(effort: Floats, values: Floats, wanted: Floats) -> MeanScore:
    """The score that each seed had reached at some effort, straight between rounds.

    Parameters
    ----------
    effort
        ``(n_seeds, n_rounds)``, rising.
    values
        ``(n_seeds, n_rounds, n_images)``.
    wanted
        ``(n_seeds,)``; or ``(n_seeds, n)`` for the mean over several efforts.
    """
    wanted = wanted.reshape(len(effort), -1)
    shares = np.stack([_shares(x, w) for x, w in zip(effort, wanted, strict=True)])
    return MeanScore(np.einsum("sr,sri->si", shares, values))


def common_way(efforts: Sequence[Floats]) -> Floats:
    """Efforts that all arms have results for, ``(n_seeds, N_STEPS)``.

    From the first round, which all arms share, to the least effort that an arm ends
    with, for each seed.
    """
    first = np.max([effort[:, 0] for effort in efforts], axis=0)
    last = np.min([effort[:, -1] for effort in efforts], axis=0)
    return np.linspace(first, last, N_STEPS, axis=1)


@dataclass(frozen=True, eq=False)
class EffortToReach:
    """The effort at which the mean score of a seed first reaches a target.

    A `napari_semiseg.api.benchmarking.statistics.Score`, whose values are efforts. A
    seed that never reaches the target counts with all its effort, which is too little.
    """

    effort: Floats
    values: Floats
    target: float

    def __call__(self, weights: Floats) -> Floats:
        """``(R, n_images)`` weights to ``(R, n_seeds)`` efforts."""
        total = weights.sum(1)[:, None]
        columns = [
            _first_reached(effort, weights @ values.T / total, self.target)
            for effort, values in zip(self.effort, self.values, strict=True)
        ]
        return np.stack(columns, axis=1)

    @property
    def n_reached(self) -> int:
        """Seeds that reach it."""
        return int((self.values.mean(2).max(1) >= self.target).sum())


def _first_reached(effort: Floats, curves: Floats, target: float) -> Floats:
    """Where each curve ``(R, n_rounds)`` over ``effort`` first reaches the target."""
    reached = curves >= target
    after = np.where(reached.any(1), reached.argmax(1), curves.shape[1] - 1)
    before = np.maximum(after - 1, 0)
    rows = np.arange(len(curves))
    rise = curves[rows, after] - curves[rows, before]
    gap = target - curves[rows, before]
    share = np.divide(gap, rise, out=np.ones_like(gap), where=rise > 0)
    share = np.where(reached.any(1), np.clip(share, 0, 1), 1.0)
    where: Floats = effort[before] + share * (effort[after] - effort[before])
    return where


def _shares(effort: Floats, wanted: Floats) -> Floats:
    """How much each round counts for the mean of values at efforts between rounds."""
    # A round without any work lies where the one before does: it takes its place.
    last = np.append(np.diff(effort) > 0, True)
    rounds = np.eye(len(effort))[last]
    each = [np.interp(wanted, effort[last], share) for share in rounds.T]
    shares: Floats = np.mean(each, axis=1)
    return shares
