"""Ranking, chosen thresholds and export, by a model that finds squares."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from napari_semiseg import api
from napari_semiseg.api.proposals import Proposals
from napari_semiseg.api.ranking import QueueWeights
from napari_semiseg.files import read_json, write_json
from napari_semiseg.geometry import Box
from napari_semiseg.learning.model import STUDENT_FILE
from napari_semiseg.learning.report import ImageReliability
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.project import Project
from napari_semiseg.project.reviews import ReviewStore
from napari_semiseg.runs.chosen_thresholds import choose_thresholds
from napari_semiseg.runs.reliability import write_reliability
from napari_semiseg.segmentation.watershed import Thresholds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Done


@pytest.fixture
def unpredictable(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From its call on, to load a model is an error."""

    def forbid() -> None:
        def fail(*arguments: object) -> None:
            raise AssertionError("predicted again")

        monkeypatch.setattr("napari_semiseg.api.proposals.load_predictor", fail)

    return forbid


def test_least_certain_image_comes_first(
    cli: Callable[..., Done], trained: Path, unpredictable: Callable[[], None]
) -> None:
    rng = np.random.default_rng(3)
    noise = trained.parent / "images" / "noise.tif"
    tifffile.imwrite(noise, rng.integers(0, 4000, (64, 80)).astype(np.uint16))
    api.init(trained, [noise])

    done = cli("rank", trained, "--json")
    assert done.code == 0, done.err
    ranked = json.loads(done.out)
    assert ranked[0]["name"] == "noise.tif"
    assert ranked[0]["score"] > ranked[1]["score"]
    assert ranked[-1]["finished"]
    squares = {one["name"]: one for one in ranked[1:]}
    assert squares["cells0.tif"]["finished"]
    assert not squares["cells1.tif"]["finished"]
    assert squares["cells1.tif"]["n_objects"] >= 6

    unpredictable()
    table = cli("rank", trained).out.splitlines()
    assert table[2].split()[0] == "noise.tif"
    assert table[2].split()[1] == f"{ranked[0]['confidence']:.3f}"
    origin, size = ranked[0]["box"]
    assert ",".join(map(str, [*origin, *size])) in table[2]
    assert ranked[0]["reason"] in table[2]


def test_confidence_is_the_mean_over_the_foreground(trained: Path) -> None:
    project = Project.open(trained)
    proposals = Proposals(project)
    item = project.image("cells1")
    assert not proposals.knows(item)
    found = proposals.predict(item)
    foreground = 1 - found.probability[0] > proposals.card.thresholds[0]
    assert foreground.any()
    summary = proposals.summary(item)
    assert summary.confidence == pytest.approx(found.confidence[foreground].mean())
    assert summary.n_objects == found.instances.max()


def test_missing_image_is_ranked_last_with_the_reason(
    cli: Callable[..., Done], trained: Path
) -> None:
    (trained.parent / "images" / "cells1.tif").unlink()
    content = read_json(trained / "project.json")
    for image in content["images"]:
        image["seen_at"] = ""
    write_json(trained / "project.json", content)
    done = cli("rank", trained)
    assert "Not ranked: cells1.tif" in done.err
    assert "cells0.tif" in done.out
    assert api.rank(trained)[-1].confidence is None


def test_rank_without_a_model_says_what_to_do(
    refused: Callable[..., str], project: Path
) -> None:
    assert "no model yet" in refused("rank", project)


def test_chosen_thresholds_change_objects_and_their_file(
    trained: Path, tmp_path: Path
) -> None:
    project = Project.open(trained)
    item = project.image("cells1")
    tuned = Proposals(project)
    before = tuned.instances(item)
    assert before.max() > 0

    choose_thresholds(project, tuned.run, Thresholds(0.5, 0.5), before.size)
    now = tuned.renewed()
    assert now.predictor is not tuned.predictor
    assert now.predictor.model.network is tuned.predictor.model.network
    assert now.instances(item).max() == 0
    assert not now.renewed().knows(project.image("cells0"))
    # The old object goes on with what it was made with.
    np.testing.assert_array_equal(tuned.predict(item).instances, before)

    assert api.rank(project)[0].n_objects == 0
    report = api.export(project, tmp_path / "out", images=["cells1"])
    assert report.written[0].n_objects == 0

    choose_thresholds(project, tuned.run, None)
    np.testing.assert_array_equal(Proposals(project).instances(item), before)


def test_models_of_objects_in_memory_are_not_loaded_twice(
    trained: Path, unpredictable: Callable[[], None]
) -> None:
    project = Project.open(trained)
    proposals = Proposals(project)
    proposals.predict(project.image("cells0"))
    unpredictable()
    assert proposals.renewed().predict(project.image("cells1")).instances.max() > 0


def test_what_the_training_doubted_counts_and_is_shown(
    cli: Callable[..., Done], trained: Path
) -> None:
    project = Project.open(trained)
    plain = json.loads(cli("rank", trained, "--json").out)
    assert all(one["reliability"] is None for one in plain)
    assert "reliability" not in cli("rank", trained).out.lower()
    run = Proposals(project).run
    doubted = plain[0]
    write_reliability(
        run.reliability,
        [
            ImageReliability(plain[1]["image_id"], 0.9, 1.0, 1),
            ImageReliability(doubted["image_id"], 0.25, 1.0, 2),
        ],
    )
    ranked = api.rank(trained, weights=QueueWeights(unreliability=9.0))
    assert ranked[0].image_id == doubted["image_id"]
    assert ranked[0].reliability == 0.25
    assert ranked[0].reason == "checkpoints disagree, 0.25"
    table = cli("rank", trained).out.splitlines()
    header = next(n for n, line in enumerate(table) if line.startswith("image"))
    assert "reliability" in table[header]
    assert "0.250" in table[header + 1]


def test_each_image_comes_with_its_most_doubtful_free_tile(trained: Path) -> None:
    project = Project.open(trained)
    store = AnnotationStore(project)
    free, labelled = api.rank(trained)
    assert (free.name, free.finished) == ("cells1.tif", False)
    assert (labelled.name, labelled.finished) == ("cells0.tif", True)
    assert free.box is not None
    assert Box.whole(project.image("cells1").shape).contains(free.box)
    assert free.inconsistency is not None
    assert free.instability is not None
    assert free.fragility is not None
    assert 0 <= free.score <= 1
    finished = [t.box for t in store.tiles(project.image("cells0")) if t.finished]
    if labelled.box is not None:
        shared = sum(
            np.prod(labelled.box.intersection(box).size, dtype=int) for box in finished
        )
        assert shared <= 0.25 * np.prod(labelled.box.size)
    listed = free.as_dict()
    assert listed["box"] == [list(free.box.origin), list(free.box.size)]
    json.dumps(listed)


def test_a_tile_that_was_reviewed_is_not_proposed_again(trained: Path) -> None:
    project = Project.open(trained)
    item = project.image("cells1")
    first = api.rank(trained)[0]
    assert first.box is not None

    ReviewStore(project).note(item, first.box, "needs work")
    assert api.rank(trained)[0].box == first.box

    ReviewStore(project).note(item, first.box, "accepted")
    after = {one.name: one.box for one in api.rank(trained)}["cells1.tif"]
    assert after != first.box


def test_the_student_of_the_training_is_asked_if_that_counts(trained: Path) -> None:
    run = Proposals(Project.open(trained)).run
    assert all(one.disagreement is None for one in api.rank(trained))
    asked = QueueWeights(disagreement=1.0)
    assert all(0 <= one.disagreement < 1 for one in api.rank(trained, weights=asked))
    (run.model / STUDENT_FILE).unlink()
    for path in (trained / "predictions").glob("*/*.json"):
        path.unlink()

    ranked = api.rank(trained, weights=asked)
    assert all(one.disagreement is None for one in ranked)


def test_doubts_stored_in_another_way_are_found_anew(
    trained: Path, unpredictable: Callable[[], None]
) -> None:
    before = api.rank(trained)
    project = Project.open(trained)
    path = next((trained / "predictions" / project.images[0].id).glob("*.json"))
    content = read_json(path)
    write_json(path, {**content, "doubts": {"version": 0}})

    assert api.rank(trained) == before

    unpredictable()
    assert api.rank(trained) == before
