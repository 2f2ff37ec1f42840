"""Draw what the simulated biologist reached against what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from benchmarks.simulated_scores import ArmRounds

# Told apart by people who do not see all colours, and by their markers.
_LOOKS = (("#555555", "s"), ("#0072b2", "o"), ("#d55e00", "^"), ("#cc79a7", "D"))


def draw(arms: Sequence[ArmRounds], target: float, path: Path) -> None:
    """Score against objects touched and against minutes; a thin line is a seed."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), sharey=True)
    for axis, effort in zip(axes, ("touched", "minutes"), strict=True):
        for arm, (colour, marker) in zip(arms, _LOOKS, strict=False):
            _curves(axis, arm, getattr(arm, effort)(), colour, marker)
        axis.axhline(target, color="black", linewidth=0.6, linestyle=":")
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_xlabel("objects touched, the first tiles included")
    axes[1].set_xlabel("minutes of labelling (assumed costs)")
    axes[0].set_ylabel("precision x recall at IoU 0.5, test images")
    axes[0].legend(frameon=False, loc="lower right")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _curves(
    axis: Axes, arm: ArmRounds, effort: NDArray[np.float64], colour: str, marker: str
) -> None:
    scores = arm.scores("ap").mean(2)
    for x, y in zip(effort, scores, strict=True):
        axis.plot(x, y, color=colour, linewidth=0.7, alpha=0.35)
    axis.plot(
        effort.mean(0),
        scores.mean(0),
        color=colour,
        marker=marker,
        linewidth=2.2,
        label=f"{arm.title} (mean of {len(arm.seeds)})",
    )
