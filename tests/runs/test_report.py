from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import matplotlib.image as mpimg
from fake_training import FakeTraining, training_run

from napari_semiseg.runs.report import draw_curves, write_metrics, write_report

if TYPE_CHECKING:
    from pathlib import Path

    from napari_semiseg.runs.folder import RunFolder


def test_metrics_have_one_row_a_step(run: RunFolder) -> None:
    training_run(run, FakeTraining()).train()
    write_report(run)
    with (run.report / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert rows[1]["loss.total"] == "0.5"
    assert rows[0]["stage"] == "supervised"
    picture = mpimg.imread(run.report / "curves.png")
    assert picture.std() > 0


def test_terms_and_scores_that_come_late_get_columns(tmp_path: Path) -> None:
    steps = [
        {"step": 1, "losses": {"total": 1.0}, "scores": None, "coverage": None},
        {
            "step": 2,
            "losses": {"total": None, "unlabelled": 0.1},
            "scores": {"ap": 0.3},
        },
    ]
    path = tmp_path / "metrics.csv"
    write_metrics(path, steps)
    header, first, second = path.read_text().splitlines()
    assert header.endswith("loss.total,loss.unlabelled,validation.ap")
    assert first.endswith("1.0,,")
    assert second.endswith(",,0.1,0.3")
    draw_curves(tmp_path / "curves.png", steps)


def test_run_without_a_step_has_empty_curves(tmp_path: Path) -> None:
    draw_curves(tmp_path / "curves.png", [])
    write_metrics(tmp_path / "metrics.csv", [])
    assert (tmp_path / "curves.png").stat().st_size > 0
