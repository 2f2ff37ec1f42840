"""A whole benchmark of tiny trainings: what it writes, and how it goes on."""

from __future__ import annotations

import csv
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from benchmark_examples import squares

from napari_semiseg.api.benchmarking.amounts import Amount
from napari_semiseg.api.benchmarking.arms import Arm
from napari_semiseg.api.benchmarking.benchmark import benchmark
from napari_semiseg.api.benchmarking.cells import Cell, CellFolder
from napari_semiseg.api.benchmarking.class_values import ClassValues
from napari_semiseg.api.benchmarking.plan import BenchmarkPlan
from napari_semiseg.api.benchmarking.sheet import load_sheet
from napari_semiseg.errors import SemisegError
from napari_semiseg.files import read_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SMALL = {"supervised": {"batch": 2}, "validate_every": 0.5, "minimum_size": 0}
BASE = Arm("supervised", "supervised", changes=SMALL)
SEMI = Arm(
    "semi",
    "actis",
    changes={
        **SMALL,
        "consistency": {
            "labelled_batch": 2,
            "unlabelled_batch": 2,
            "bank": 2,
            "fresh": 1,
            "teacher_views": 1,
        },
    },
)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for name in ("images", "masks", "classes"):
        (folder / name).mkdir()
    for seed in range(8):
        image, truth = squares(seed, (40, 40))
        pixels = (1000 + 3000 * image[0]).clip(0).astype(np.uint16)
        tifffile.imwrite(folder / "images" / f"i{seed}.tif", pixels)
        tifffile.imwrite(folder / "masks" / f"i{seed}.tif", truth.astype(np.uint16))
        classes = np.select([truth > 2, truth > 0], [255, 128], 0).astype(np.uint8)
        tifffile.imwrite(folder / "classes" / f"i{seed}.tif", classes)
    return folder


def plan(pictures: Path, report: Path, **changes: Any) -> BenchmarkPlan:
    values = BenchmarkPlan(
        pictures / "images",
        pictures / "masks",
        report,
        (BASE, SEMI),
        labelled=("2", "3"),
        tile=32,
        validation=Amount(1),
        test=Amount(2),
        seeds=2,
        steps=4,
        changes={"network": {"encoder": "mobilenet_v2", "weights": "none"}},
        device="cpu",
        threads=1,
    )
    return replace(values, **changes)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def done(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    report = tmp_path_factory.mktemp("report")
    summary = benchmark(plan(pictures, report))
    assert summary.missing == 0
    assert not summary.failures
    return report


@pytest.mark.slow
def test_every_arm_is_scored_on_the_same_tiles_and_images(done: Path) -> None:
    images = rows_of(done / "scores.csv")
    results = [
        CellFolder.of(done, Cell(arm, n, seed)).result()
        for arm in (BASE, SEMI)
        for n in ("2", "3")
        for seed in (0, 1)
    ]

    assert len(images) == 2 * 2 * 2 * 2  # Arms, tiles, seeds, images.
    assert len({row["image"] for row in images}) == 2
    assert all(result["cost"]["steps"] == 4 for result in results)
    assert all(result["tuned_on"] == "1 validation tile" for result in results)
    assert {row["arm"] for row in images} == {"supervised", "semi"}


@pytest.mark.slow
def test_the_report_has_tables_and_figures(done: Path) -> None:
    summary = read_json(done / "summary.json")
    rows = {(row["arm"], row["n_labelled"]): row for row in summary["rows"]}
    report = (done / "report.md").read_text()

    assert len(rows) == 4
    assert rows["supervised", "2"]["difference"] is None
    assert rows["semi", "3"]["difference"]["n_seeds"] == 2
    assert rows["semi", "3"]["tiles_needed"]
    assert (
        rows["semi", "3"]["cost"]["forwards"]
        > rows["supervised", "3"]["cost"]["forwards"]
    )
    assert "| semi | 3 | 2 |" in report
    assert "| semi | 3 | background | selected |" in report
    assert len(rows_of(done / "summary.csv")) == 4
    assert {path.name for path in (done / "figures").iterdir()} == {
        "accuracy_by_tiles.png",
        "confidence.png",
        "validation_by_step.png",
        "sheet-semi.png",
        "sheet-supervised.png",
    }


@pytest.mark.slow
def test_the_sheet_shows_one_region(done: Path) -> None:
    sheet = load_sheet(CellFolder.of(done, Cell(SEMI, "2", 0)).sheet)

    assert set(sheet) == {
        "input",
        "augmented",
        "teacher",
        "student",
        "truth",
        "selected",
        "loss",
    }
    assert {plane.shape[-2:] for plane in sheet.values()} == {(40, 40)}
    assert set(np.unique(sheet["truth"])) == {0, 1, 2}
    assert not np.array_equal(sheet["input"], sheet["augmented"])
    assert (sheet["loss"][sheet["selected"] == 0] == 0).all()


@pytest.mark.slow
def test_what_has_ended_is_not_repeated(pictures: Path, done: Path) -> None:
    before = CellFolder.of(done, Cell(SEMI, "3", 1)).result_file.stat().st_mtime_ns

    summary = benchmark(plan(pictures, done))

    after = CellFolder.of(done, Cell(SEMI, "3", 1)).result_file.stat().st_mtime_ns
    assert before == after
    assert summary.missing == 0


@pytest.mark.slow
def test_results_of_another_benchmark_are_not_mixed_in(
    pictures: Path, done: Path
) -> None:
    with pytest.raises(SemisegError, match="another folder"):
        benchmark(plan(pictures, done, steps=5))


def stop_after(n: int) -> Callable[[], bool]:
    asked = iter(range(1_000_000))
    return lambda: next(asked) >= n


@pytest.mark.slow
def test_an_interrupted_training_goes_on_to_the_same_result(
    pictures: Path, done: Path, tmp_path: Path
) -> None:
    wanted = plan(pictures, tmp_path, arms=(SEMI,), labelled=("2",), seeds=1)

    summary = benchmark(wanted, should_stop=stop_after(3))

    folder = CellFolder.of(tmp_path, Cell(SEMI, "2", 0))
    assert summary.missing == 1
    assert folder.checkpoint.is_file()
    assert "have not ended" in (tmp_path / "report.md").read_text()

    assert benchmark(wanted).missing == 0
    broken = folder.result()
    unbroken = CellFolder.of(done, Cell(SEMI, "2", 0)).result()
    assert broken is not None
    assert unbroken is not None
    assert not folder.checkpoint.exists()
    for name in ("images", "thresholds", "confidence"):
        assert broken[name] == unbroken[name]
    assert [p["loss"] for p in broken["curve"]] == [
        p["loss"] for p in unbroken["curve"]
    ]


@pytest.mark.slow
def test_a_cell_that_another_process_has_is_left_to_it(
    pictures: Path, tmp_path: Path
) -> None:
    wanted = plan(pictures, tmp_path, arms=(BASE,), labelled=("2",), seeds=2)
    taken, release = threading.Event(), threading.Event()

    def hold() -> None:
        with CellFolder.of(tmp_path, Cell(BASE, "2", 0)).claimed() as mine:
            assert mine
            taken.set()
            release.wait(100)

    other = threading.Thread(target=hold)
    other.start()
    taken.wait(100)
    summary = benchmark(wanted)
    release.set()
    other.join()

    assert summary.missing == 1
    assert CellFolder.of(tmp_path, Cell(BASE, "2", 1)).result() is not None
    assert benchmark(wanted).missing == 0


@pytest.mark.slow
def test_classes_are_scored_by_one_confusion_matrix(
    pictures: Path, tmp_path: Path
) -> None:
    wanted = plan(
        pictures,
        tmp_path,
        truth=pictures / "classes",
        labelled=("3",),
        seeds=1,
        class_values=ClassValues.parse("0:background,128:few,255:many"),
    )

    summary = benchmark(wanted)

    assert not summary.failures
    assert summary.main_score == "mean_iou"
    assert set(summary.rows[0].scores) == {
        "mean_iou",
        "iou background",
        "iou few",
        "iou many",
    }
    result = CellFolder.of(tmp_path, Cell(SEMI, "3", 0)).result()
    assert result is not None
    assert all(np.sum(r["confusion"]) == 1600 for r in result["images"].values())
    assert "mean IoU" in (tmp_path / "report.md").read_text()


@pytest.mark.slow
def test_minutes_become_steps_once(pictures: Path, tmp_path: Path) -> None:
    wanted = plan(
        pictures, tmp_path, arms=(BASE,), labelled=("2",), seeds=1, steps=None
    )
    wanted = replace(wanted, minutes=1e-4)

    benchmark(wanted)

    known = read_json(tmp_path / "paces" / "supervised-2.json")
    result = CellFolder.of(tmp_path, Cell(BASE, "2", 0)).result()
    assert result is not None
    assert result["cost"]["steps"] == known["steps"]


@pytest.mark.slow
def test_a_failure_is_told_and_the_others_go_on(pictures: Path, tmp_path: Path) -> None:
    wild = replace(
        BASE, name="wild", changes={**SMALL, "supervised": {"learning_rate": 1e30}}
    )
    wanted = plan(pictures, tmp_path, arms=(wild, BASE), labelled=("2",), seeds=1)

    summary = benchmark(wanted)

    assert list(summary.failures) == ["wild, 2 tiles, seed 0"]
    assert "learning rate" in (tmp_path / "report.md").read_text()
    assert [row.arm for row in summary.rows] == ["supervised"]


def test_a_plan_that_cannot_work_is_refused_at_once(
    pictures: Path, tmp_path: Path
) -> None:
    for changes, words in (
        ({"minutes": 1.0}, "either steps or minutes"),
        ({"test_images": pictures}, "together"),
        ({"arms": (BASE, Arm("x", "nothing"))}, "The arm x wants"),
    ):
        with pytest.raises(SemisegError, match=words):
            benchmark(plan(pictures, tmp_path / "none", **changes))
    assert not (tmp_path / "none").exists()
