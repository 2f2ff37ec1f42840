"""What a benchmark did: for its report, and to know its results again."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from napari_semiseg.api.benchmarking.plan import USUAL_STEPS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_semiseg.api.benchmarking.cells import Cell
    from napari_semiseg.api.benchmarking.drawing import Drawn
    from napari_semiseg.api.benchmarking.examples import Example
    from napari_semiseg.api.benchmarking.plan import BenchmarkPlan
    from napari_semiseg.learning.settings import Settings


def cell_facts(
    plan: BenchmarkPlan,
    cell: Cell,
    settings: Settings,
    drawn: Drawn,
    test: Sequence[Example],
) -> dict[str, Any]:
    """All that the result of a cell depends on."""
    labelled = drawn.training_set.labelled
    return {
        "settings": settings.model_dump(mode="json"),
        "minutes": plan.minutes,
        "tiles": [
            (one.image_id, one.origin, one.box.size, one.role) for one in labelled
        ],
        "pool": [one.content_hash for one in drawn.pool],
        "test": [one.content_hash for one in test],
        "classes": plan.class_values and vars(plan.class_values),
        "seed": cell.seed,
    }


def benchmark_facts(
    plan: BenchmarkPlan, pool: Sequence[Example], test: Sequence[Example]
) -> dict[str, Any]:
    """What was done, for those who repeat it."""
    return {
        "images": str(plan.images),
        "truth": str(plan.truth),
        "arms": [
            {
                **vars(arm),
                "settings": plan.settings(arm, 0, len(pool)).model_dump(mode="json"),
            }
            for arm in plan.arms
        ],
        "labelled": list(plan.labelled),
        "tile": plan.tile,
        "validation": str(plan.validation),
        "seeds": plan.seeds,
        "steps": plan.steps,
        "minutes": plan.minutes,
        "classes": list(plan.classes) if plan.classes else None,
        "changes": plan.changes,
        "pool": [one.name for one in pool],
        "test": [one.name for one in test],
    }


def words_of(
    plan: BenchmarkPlan, pool: Sequence[Example], test: Sequence[Example]
) -> list[str]:
    """What was done, in lines for a report."""
    groups = len({one.group for one in itertools.chain(pool, test)})
    effort_words = (
        f"{plan.minutes:g} minutes"
        if plan.minutes is not None
        else f"{plan.steps or USUAL_STEPS} gradient steps"
    )
    return [
        f"{len(pool)} images to learn from, {len(test)} to test on, {groups} groups.",
        f"Labelled tiles of {plan.tile} px, {plan.validation} of them for validation.",
        f"{effort_words} for each training, whatever the arm; {plan.seeds} seeds.",
        f"Settings of all arms: {plan.changes or 'as the arms have them'}.",
    ]
