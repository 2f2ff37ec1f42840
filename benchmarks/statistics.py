"""Paired comparison of arms over seeds and images."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_RESAMPLES = 10_000


def read_results(folder: Path) -> dict[str, dict[int, dict[str, Any]]]:
    """Finished runs by arm and seed."""
    results: dict[str, dict[int, dict[str, Any]]] = {}
    for path in sorted(folder.glob("*-*.json")):
        result = json.loads(path.read_text())
        results.setdefault(result["arm"], {})[result["seed"]] = result
    return results


def paired_interval(
    difference: NDArray[np.float64], *, seed: int = 0
) -> tuple[float, float, float]:
    """Mean and 95 % interval of a paired difference, by a hierarchical bootstrap.

    Seeds are drawn with replacement, then images within; both are random choices of the
    experiment, and images of one seed share its training.

    Parameters
    ----------
    difference
        float ``(n_seeds, n_images)``.
    """
    rng = np.random.default_rng(seed)
    n_seeds, n_images = difference.shape
    seeds = rng.integers(n_seeds, size=(_RESAMPLES, n_seeds))
    # The same images are tested by every seed, so that they are drawn once a resample.
    images = rng.integers(n_images, size=(_RESAMPLES, n_images))
    means = [
        difference[np.ix_(s, i)].mean() for s, i in zip(seeds, images, strict=True)
    ]
    low, high = np.percentile(means, (2.5, 97.5))
    return float(difference.mean()), float(low), float(high)


def scores_of(
    runs: dict[int, dict[str, Any]], seeds: list[int], score: str
) -> NDArray[np.float64]:
    """A score as ``(n_seeds, n_images)``, images in one order."""
    names = sorted(runs[seeds[0]]["images"])
    rows = [[runs[s]["images"][name][score] for name in names] for s in seeds]
    return np.array(rows)


def summary_table(folder: Path, against: str = "actis") -> str:
    """Markdown: scores and cost of every arm, and its distance from ``against``."""
    results = read_results(folder)
    lines = [
        f"| arm | seeds | P x R | S_DSB | F1 | {against} - arm, P x R (95 %) "
        "| steps | forwards | samples | seconds |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for arm, runs in results.items():
        seeds = sorted(runs)
        means = [scores_of(runs, seeds, s).mean() for s in ("ap", "s_dsb", "f1")]
        cost = {
            key: np.mean([runs[s]["cost"][key] for s in seeds])
            for key in ("steps", "forwards", "samples", "seconds")
        }
        lines.append(
            f"| {arm} | {len(seeds)} | "
            + " | ".join(f"{m:.3f}" for m in means)
            + f" | {_difference(results, against, arm)} | "
            + " | ".join(f"{c:.0f}" for c in cost.values())
            + " |"
        )
    return "\n".join(lines)


def _difference(
    results: dict[str, dict[int, dict[str, Any]]], against: str, arm: str
) -> str:
    common = sorted(set(results.get(against, {})) & set(results[arm]))
    if arm == against or not common:
        return ""
    ours = scores_of(results[against], common, "ap")
    theirs = scores_of(results[arm], common, "ap")
    mean, low, high = paired_interval(ours - theirs)
    return f"{mean:+.3f} ({low:+.3f} to {high:+.3f})"
