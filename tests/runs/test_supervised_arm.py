from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from projects import make_project

from napari_semiseg import api
from napari_semiseg.errors import SemisegError
from napari_semiseg.files import read_json, write_json
from napari_semiseg.geometry import Box
from napari_semiseg.learning.methods import METHODS, make_settings
from napari_semiseg.runs.control import send
from napari_semiseg.runs.folder import RunFolder, find_run, list_runs
from napari_semiseg.runs.launch import train
from napari_semiseg.runs.models import model_in_use
from napari_semiseg.runs.supervised_arm import (
    arm_of,
    arm_settings,
    check_comparable,
    compare_with_arm,
    create_arm,
)

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS: dict[str, Any] = {
    "tile_size": 32,
    "validate_every": 0.0,
    "network": {"encoder": "resnet18", "weights": "none"},
    "supervised": {"batch": 2},
    "consistency": {
        "labelled_batch": 2,
        "unlabelled_batch": 2,
        "bank": 2,
        "fresh": 1,
        "teacher_views": 1,
    },
}


@pytest.mark.parametrize("method", [name for name in METHODS if name != "supervised"])
@pytest.mark.parametrize("preset", ["default", "paper"])
def test_arm_shares_all_that_both_methods_have(method: str, preset: Any) -> None:
    network = {"encoder": "resnet18", "weights": "none"}
    changes = {"steps": 77, "seed": 5, "tile_size": 96, "network": network}
    settings = make_settings(method, preset, changes)
    arm = arm_settings(settings)
    assert (arm.name, arm.steps, arm.seed, arm.tile_size) == ("supervised", 77, 5, 96)
    assert arm.network == settings.network
    assert arm.boundary == settings.boundary
    assert type(arm).model_validate(arm.model_dump()) == arm


def test_learning_rate_of_the_supervised_stage_is_the_arms() -> None:
    changes = {"supervised": {"learning_rate": 2e-4}}
    arm = arm_settings(make_settings("actis", "default", changes))
    assert arm.supervised.learning_rate == 2e-4


def test_what_would_say_nothing_is_refused() -> None:
    with pytest.raises(SemisegError, match="labelled tiles alone"):
        check_comparable(make_settings("supervised"), None)
    with pytest.raises(SemisegError, match="encoder weights"):
        check_comparable(make_settings("actis"), "last")
    check_comparable(make_settings("actis"), "scratch")


def scored(run: RunFolder, scores: list[float], **fields: Any) -> RunFolder:
    tiles = [
        {"image_id": f"{n}", "origin": [0, 0], "size": [8, 8], "ap_actis": score}
        for n, score in enumerate(scores)
    ]
    words = f"{len(scores)} validation tiles"
    write_json(run.report / "scores.json", {"measured_on": words, "tiles": tiles})
    facts = {"state": "finished", "validated": True, "total_steps": 1200}
    run.update(**facts | fields)
    return run


def pair(project: Path, ours: list[float], theirs: list[float], **fields: Any) -> Any:
    run = scored(RunFolder.create(project, "actis"), ours, **fields)
    scored(RunFolder.create(project, "supervised", arm_of=run.id), theirs)
    return compare_with_arm(run)


@pytest.mark.parametrize(
    ("ours", "theirs", "fields", "words"),
    [
        ([0.8, 0.7, 0.9], [0.6, 0.5, 0.68], {}, "The unlabelled images helped: 0.800"),
        ([0.6, 0.5, 0.68], [0.8, 0.7, 0.9], {}, "did harm"),
        ([0.9, 0.2, 0.5], [0.3, 0.8, 0.4], {}, "cannot be told"),
        ([0.9], [0.3], {}, "One validation tile cannot tell"),
        ([0.9, 0.9], [0.3, 0.3], {"validated": False}, "Not validated"),
    ],
)
def test_what_follows_from_the_scores(
    tmp_path: Path,
    ours: list[float],
    theirs: list[float],
    fields: dict[str, Any],
    words: str,
) -> None:
    found = pair(tmp_path, ours, theirs, **fields)
    assert found.sentence.startswith(words) or words in found.sentence
    assert "1,200 steps each" in found.sentence
    assert found.as_dict()["n_tiles"] == len(ours)


def test_without_a_finished_arm_nothing_is_compared(tmp_path: Path) -> None:
    run = scored(RunFolder.create(tmp_path, "actis"), [0.5, 0.6])
    assert compare_with_arm(run) is None
    arm = scored(RunFolder.create(tmp_path, "supervised", arm_of=run.id), [0.5, 0.6])
    assert compare_with_arm(run) is not None
    arm.update(state="stopped")
    assert compare_with_arm(run) is None
    (arm.report / "scores.json").write_text("{")
    arm.update(state="finished")
    assert compare_with_arm(run) is None


@pytest.mark.slow
def test_arm_learns_from_the_same_tiles_and_never_comes_into_use(
    tmp_path: Path,
) -> None:
    tiles = {
        0: [
            (Box((0, 0), (48, 48)), "training"),
            (Box((48, 60), (48, 52)), "validation"),
            (Box((0, 60), (40, 52)), "validation"),
        ]
    }
    project = make_project(tmp_path / "project", tiles, n_images=2)  # type: ignore[arg-type]
    settings = make_settings("actis", "default", {**SETTINGS, "steps": 4, "seed": 7})
    events: list[dict[str, Any]] = []
    record = train(
        project.folder,
        settings,
        device="cpu",
        threads=1,
        compare=True,
        on_event=events.append,
    )
    run = find_run(project.folder, record.id)
    arm = arm_of(run)
    assert arm is not None
    assert [event["run"] for event in events if event["event"] == "arm"] == [arm.id]
    theirs = arm.record()
    assert (theirs.state, theirs.method, theirs.accepted) == (
        "finished",
        "supervised",
        False,
    )
    assert (theirs.total_steps, theirs.seed, theirs.start) == (4, 7, "scratch")
    assert theirs.labels == record.labels
    assert theirs.labels is not None
    assert theirs.labels["validation_tiles"] == 2
    assert model_in_use(project) in (run, None)
    assert arm in list_runs(project.folder)
    inputs = [read_json(one.inputs / "inputs.json") for one in (run, arm)]
    assert inputs[0] == inputs[1]
    found = compare_with_arm(run)
    assert found is not None
    assert found.paired.n_tiles == 2
    assert found.sentence in str(theirs.verdict)
    assert [one.arm_of for one in api.models(project)] == [None, run.id]


@pytest.mark.slow
def test_arm_can_be_stopped_and_its_run_stays_finished(tmp_path: Path) -> None:
    tiles = {0: [(Box((0, 0), (48, 48)), "training")]}
    project = make_project(tmp_path / "project", tiles, n_images=2)  # type: ignore[arg-type]
    settings = make_settings("actis", "default", {**SETTINGS, "steps": 3})
    arm: list[str] = []

    def stop_the_arm(event: dict[str, Any]) -> None:
        if event["event"] == "arm":
            arm.append(event["run"])
        elif event["event"] == "step" and event["step"] == 1 and arm:
            send(find_run(project.folder, arm[0]).control, "stop")

    record = train(
        project.folder,
        settings,
        device="cpu",
        threads=1,
        compare=True,
        on_event=stop_the_arm,
    )
    assert record.state == "finished"
    stopped = find_run(project.folder, arm[0]).record()
    assert (stopped.state, stopped.accepted) == ("stopped", False)
    assert compare_with_arm(find_run(project.folder, record.id)) is None


def test_arm_has_the_inputs_of_its_run(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, "actis")
    settings = make_settings("actis", "default", {"steps": 9})
    run.update(settings=settings.model_dump(mode="json"), inputs={"a": "h"})
    write_json(run.inputs / "inputs.json", {"images": {"a": "h"}})
    arm, theirs = create_arm(run)
    assert read_json(arm.inputs / "inputs.json") == {"images": {"a": "h"}}
    assert (arm.record().arm_of, arm.record().inputs) == (run.id, {"a": "h"})
    assert theirs.steps == 9
