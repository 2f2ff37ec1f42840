"""Results of arms over seeds and images, as scripts here keep them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def read_results(folder: Path) -> dict[str, dict[int, dict[str, Any]]]:
    """Finished runs by arm and seed."""
    results: dict[str, dict[int, dict[str, Any]]] = {}
    for path in sorted(folder.glob("*-*.json")):
        result = json.loads(path.read_text())
        results.setdefault(result["arm"], {})[result["seed"]] = result
    return results


def scores_of(
    runs: dict[int, dict[str, Any]], seeds: list[int], score: str
) -> NDArray[np.float64]:
    """A score as ``(n_seeds, n_images)``, images in one order."""
    names = sorted(runs[seeds[0]]["images"])
    rows = [[runs[s]["images"][name][score] for name in names] for s in seeds]
    return np.array(rows)
