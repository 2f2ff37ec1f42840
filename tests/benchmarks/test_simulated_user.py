"""The simulated biologist: what is corrected and counted, and a run from end to end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_semiseg.samples.synthetic import synthetic_nuclei

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
biologist = pytest.importorskip("benchmarks.simulated_biologist")
scores = pytest.importorskip("benchmarks.simulated_scores")
sys.path.remove(str(ROOT))


def squares(*places: tuple[int, int, int, int]) -> np.ndarray:
    """Objects by their first and last rows and columns, numbered from 1."""
    labels = np.zeros((60, 60), np.int32)
    for number, (top, bottom, left, right) in enumerate(places, 1):
        labels[top:bottom, left:right] = number
    return labels


TRUTH = squares((2, 12, 2, 12), (2, 12, 14, 24), (30, 40, 2, 12), (30, 40, 30, 40))


def test_without_a_model_every_object_is_drawn() -> None:
    labels, work = biologist.draw_all(TRUTH)

    np.testing.assert_array_equal(labels, TRUTH)
    assert (work.touched, work.drawn, work.left) == (4, 4, 0)
    assert work.minutes == pytest.approx((5 + 4 * 8) / 60)


def test_a_perfect_tile_costs_one_look() -> None:
    labels, work = biologist.correct(TRUTH, TRUTH)

    np.testing.assert_array_equal(labels, TRUTH)
    assert (work.touched, work.left) == (0, 4)
    assert work.minutes == pytest.approx(5 / 60)


def test_tolerated_outlines_stay_the_models_and_wrong_ones_become_the_truth() -> None:
    found = squares((2, 12, 3, 13), (2, 12, 19, 29), (50, 58, 50, 58))

    labels, work = biologist.correct(found, TRUTH)

    # The first is left, the second redrawn, the third false, two are missing.
    assert work == biologist.Work(tiles=1, left=1, drawn=2, deleted=1, redrawn=1)
    assert work.touched == 4
    drawn = np.where(TRUTH >= 2, TRUTH, 0)
    np.testing.assert_array_equal(labels > 0, (found == 1) | (drawn > 0))
    assert len(np.unique(labels)) == 1 + 4


@pytest.mark.parametrize(("tolerated", "left"), [(0.5, 4), (0.9, 0)])
def test_a_stricter_biologist_touches_more(tolerated: float, left: int) -> None:
    found = np.roll(TRUTH, 1, axis=1)  # An IoU of 9 / 11.

    labels, work = biologist.correct(found, TRUTH, tolerated)

    assert (work.left, work.redrawn) == (left, 4 - left)
    np.testing.assert_array_equal(labels > 0, (found if left else TRUTH) > 0)


def test_a_merged_object_is_cut_and_a_split_one_joined() -> None:
    third = [(30, 33, 2, 12), (33, 36, 2, 12), (36, 40, 2, 12)]
    found = squares((2, 12, 2, 24), *third, (30, 40, 30, 40))

    labels, work = biologist.correct(found, TRUTH)

    # One cut, and two pieces joined to a third one, at three seconds each.
    assert work == biologist.Work(tiles=1, left=1, cut=1, joined=1, mending=9.0)
    assert work.touched == 2
    assert work.minutes == pytest.approx((5 + 9) / 60)
    np.testing.assert_array_equal(labels > 0, TRUTH > 0)


def test_slivers_at_the_edge_are_nobodys_work() -> None:
    truth, found = TRUTH.copy(), TRUTH.copy()
    truth[0, 50:54] = (
        5  # The truth has a sliver of four pixels, the model a longer one.
    )
    found[0, 50:59] = 5
    found[59, 50:53] = 6

    labels, work = biologist.correct(found, truth)

    assert work.deleted == 1  # Only what the model adds beside the sliver is seen.
    assert (work.touched, work.left) == (1, 4)
    assert (labels[0, 50:54] == -1).all()
    assert not labels[59].any()


def test_the_effort_to_reach_a_score_lies_between_two_rounds() -> None:
    effort = np.array([[4.0, 10.0, 12.0], [6.0, 8.0, 20.0]])
    values = np.array([[0.2, 0.6, 0.5], [0.1, 0.2, 0.3]])[..., None]
    reach = scores.EffortToReach(effort, values, 0.4)

    found = reach(np.ones((1, 1)))

    np.testing.assert_allclose(found, [[7.0, 20.0]])
    assert reach.n_reached == 1


def test_scores_are_compared_at_equal_effort() -> None:
    effort = np.array([[4.0, 10.0], [4.0, 4.0]])  # The second had nothing to correct.
    values = np.array([[[0.2], [0.8]], [[0.5], [0.6]]])

    at_seven = scores.at_effort(effort, values, np.array([7.0, 4.0]))
    way = scores.common_way([effort, effort + np.array([[0, 2], [0, 2]])])

    np.testing.assert_allclose(at_seven(np.ones((1, 1))), [[0.5, 0.6]], atol=1e-6)
    np.testing.assert_allclose(way[:, 0], [4, 4])
    np.testing.assert_allclose(way[:, -1], [10, 4])


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for kind in ("images", "masks"):
        (tmp_path / "images-with-truth" / kind).mkdir(parents=True)
    folder = tmp_path / "images-with-truth"
    for seed in range(12):
        image, labels = synthetic_nuclei(np.random.default_rng(seed), (96, 96), 9)
        tifffile.imwrite(folder / "images" / f"{seed:02d}.tif", image)
        tifffile.imwrite(folder / "masks" / f"{seed:02d}.tif", labels.astype(np.uint16))
    return folder


@pytest.mark.slow
def test_all_arms_from_end_to_end(images: Path, tmp_path: Path) -> None:
    report, figure = tmp_path / "report", tmp_path / "figure.png"
    command = [
        *(sys.executable, "-m", "benchmarks.simulated_user", str(images)),
        *("-o", str(report), "--figure", str(figure), "--weights", "none"),
        *("--steps", "2", "--seeds", "1", "--rounds", "1", "--images", "5"),
        *("--test-images", "3", "--size", "64", "--start-tiles", "1"),
        *("--tiles-per-round", "1", "--changes", '{"tile_size": 32}'),
    ]

    first = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    assert first.returncode == 0, first.stderr
    assert "| actis, queue | 1 | 2 |" in first.stdout
    rounds = {path.stem: json.loads(path.read_text()) for path in report.glob("*.json")}
    arms = ("supervised_random", "actis_random", "actis_queue", "supervised_queue")
    starts = ("supervised-0-0", "actis-0-0")
    assert set(rounds) == {*starts, *(f"{arm}-0-1" for arm in arms)}
    assert rounds[starts[0]]["tiles"] == rounds[starts[1]]["tiles"]
    by_chance = [rounds[f"{arm}-0-1"]["tiles"] for arm in arms[:2]]
    assert by_chance[0] == by_chance[1]
    labelled = {rounds[starts[0]]["tiles"][0][0], by_chance[0][0][0]}
    assert len(labelled) == 2  # Never the same image twice.
    assert all(len(record["images"]) == 3 for record in rounds.values())
    assert figure.stat().st_size > 10_000

    (report / "actis_queue-0-1.json").unlink()
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    assert again.returncode == 0, again.stderr
    resumed = [line for line in again.stdout.splitlines() if " s training" in line]
    assert [line.partition(":")[0] for line in resumed] == ["actis_queue-0-1"]
