"""What a training told, step by step, so that a resumed one knows its past."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_semiseg.files import read_json, write_json

if TYPE_CHECKING:
    from pathlib import Path

    from napari_semiseg.learning.report import Report

_MOST_POINTS = 200  # Of a curve of losses.


class History:
    """Rows of the reports of one training.

    A row is a gradient step, or (without losses) a part of a stage's preparation.
    """

    def __init__(self, rows: list[dict[str, Any]] | None = None) -> None:
        self.rows = rows or []

    @classmethod
    def load(cls, path: Path, step: int) -> History:
        """What was saved, without what came after ``step``: that is done again."""
        return cls([row for row in read_json(path) if row["step"] <= step])

    def save(self, path: Path) -> None:
        """Write all rows; call it before the checkpoint is saved."""
        write_json(path, self.rows)

    def take(self, report: Report) -> None:
        """Add a report."""
        self.rows.append(
            {
                "step": report.step,
                "stage": report.stage,
                "loss": report.losses.get("total"),
                "coverage": report.coverage,
                "scores": None if report.scores is None else dict(report.scores),
                "seconds": report.seconds,
                "forwards": report.forwards,
                "samples": report.samples,
            }
        )

    def cost(self) -> dict[str, float]:
        """Forward passes, samples and seconds in all."""
        return {
            name: sum(row[name] for row in self.rows)
            for name in ("forwards", "samples", "seconds")
        }

    def curve(self) -> list[dict[str, Any]]:
        """Loss, coverage and validation scores over the steps, thinned out."""
        steps = [row for row in self.rows if row["loss"] is not None]
        every = max(1, -(-len(steps) // _MOST_POINTS))
        names = ("step", "stage", "loss", "coverage", "scores")
        return [
            {name: row[name] for name in names}
            for number, row in enumerate(steps)
            if number % every == 0 or row["scores"] is not None
        ]
