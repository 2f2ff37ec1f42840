from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from projects import make_project
from safetensors.numpy import load_file

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import read_json
from napari_semiseg.geometry import Box
from napari_semiseg.learning.methods import make_settings
from napari_semiseg.project.correction_planes import Corrections
from napari_semiseg.project.corrections import CorrectionStore
from napari_semiseg.project.owners import Owner
from napari_semiseg.runs.control import send, send_preview
from napari_semiseg.runs.events import EventFollower
from napari_semiseg.runs.folder import find_run
from napari_semiseg.runs.launch import steps_for, train
from napari_semiseg.runs.models import model_in_use
from napari_semiseg.segmentation.trust import Trust

if TYPE_CHECKING:
    from pathlib import Path

    from napari_semiseg.learning.settings import Settings
    from napari_semiseg.project.project import Project
    from napari_semiseg.runs.folder import RunFolder

TRAIN, JUDGE = Box((0, 0), (48, 48)), Box((48, 60), (48, 52))


def small(method: str = "supervised", steps: int = 4, **changes: Any) -> Settings:
    network = {"encoder": "resnet18", "weights": "none"}
    return make_settings(
        method,
        "default",
        {"steps": steps, "tile_size": 32, "network": network, **changes},
    )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    tiles = {0: [(TRAIN, "training"), (JUDGE, "validation")]}
    return make_project(tmp_path / "project", tiles)


def weights(run: RunFolder) -> dict[str, np.ndarray]:
    return load_file(run.model / "model.safetensors")


def correct(project: Project, trust: Trust, kind: int) -> None:
    """Say something of the second image's pixels and pseudo-labels."""
    item = project.images[1]
    box = Box((20, 10), (40, 50))
    said = Corrections.unset(box)
    said.trust[:, 20:], said.classes[3:30, 2:9] = trust, kind
    said.owners[30:38, :12] = Owner.HUMAN
    CorrectionStore(project).write(item, box, said, {})


def test_stopped_and_resumed_run_equals_the_unbroken_one(project: Project) -> None:
    correct(project, Trust.TRUSTED, 2)
    consistency = {
        "labelled_batch": 2,
        "unlabelled_batch": 2,
        "bank": 2,
        "fresh": 1,
        "teacher_views": 1,
    }
    settings = small(
        "actis",
        steps=6,
        seed=3,
        validate_every=0.0,
        supervised={"batch": 2},
        consistency=consistency,
    )
    whole = train(project.folder, settings, device="cpu", threads=1)
    assert whole.state == "finished"
    assert whole.failure is None
    unbroken = find_run(project.folder, whole.id)

    def stop_at_three(event: dict[str, Any]) -> None:
        run = find_run(project.folder)
        if event["event"] == "step" and event["step"] == 2:
            send_preview(run.control, project.images[0].id, Box((0, 0), (40, 40)))
        if event["event"] == "step" and event["step"] == 3:
            send(run.control, "stop")

    record = train(
        project.folder, settings, device="cpu", threads=1, on_event=stop_at_three
    )
    assert record.state == "stopped"
    run = find_run(project.folder, record.id)
    events = EventFollower(run.events).read()
    assert [e["step"] for e in events if e["event"] == "preview"] == [2]
    correct(project, Trust.NOT_TRUSTED, 1)  # For the next run, not for this one.
    again = train(project.folder, run=run)
    assert (again.state, again.threads, again.seed) == ("finished", 1, 3)
    resumed, expected = weights(run), weights(unbroken)
    for name, tensor in expected.items():
        np.testing.assert_array_equal(resumed[name], tensor, err_msg=name)

    card = read_json(run.model / "model.json")
    assert card["name"] == run.id
    assert card["tuned_on"] == "1 validation tile"
    assert card["trained_on"][0]["image_hash"] == project.images[0].content_hash
    scores = read_json(run.report / "scores.json")
    assert scores["measured_on"] == "1 validation tile"
    assert scores["accepted"] is again.accepted
    assert (run.report / "metrics.csv").read_text().count("\n") == 7
    assert (run.report / "curves.png").is_file()


def test_minutes_become_steps_once(project: Project) -> None:
    record = train(project.folder, small(), minutes=1e-6, device="cpu", threads=1)
    assert (record.state, record.total_steps, record.minutes) == ("finished", 1, 1e-6)
    assert record.seconds_per_step is not None
    assert record.seconds_per_step["supervised"] > 0
    assert record.settings["steps"] == 1
    assert any("minutes are 1 steps" in message for message in record.messages)


def test_minutes_weigh_the_stages_by_their_shares() -> None:
    class Calibrated:
        plan = (
            type("Stage", (), {"name": "supervised", "n_steps": 50}),
            type("Stage", (), {"name": "consistency", "n_steps": 150}),
        )

        def seconds_per_step(self) -> dict[str, float]:
            return {"supervised": 0.2, "consistency": 0.6}

    n_steps, seconds = steps_for(Calibrated(), 1.0)  # type: ignore[arg-type]
    assert n_steps == 120  # 60 s / (0.25 * 0.2 s + 0.75 * 0.6 s)
    assert seconds == {"supervised": 0.2, "consistency": 0.6}


@pytest.mark.slow
def test_retraining_from_the_last_model_knows_its_ancestors(project: Project) -> None:
    first = train(project.folder, small(steps=2), device="cpu", threads=1)
    run = find_run(project.folder, first.id)
    run.update(accepted=True)
    assert model_in_use(project) == run
    second = train(
        project.folder, small("actis", steps=2), device="cpu", threads=1, start="last"
    )
    assert second.state == "finished"
    assert second.verdict is not None
    card = read_json(find_run(project.folder, second.id).model / "model.json")
    assert [one["name"] for one in card["ancestors"]] == [first.id]


def test_supervised_arm_starts_from_the_encoder_weights(project: Project) -> None:
    record = train(
        project.folder, small(steps=1), start="last", device="cpu", threads=1
    )
    assert (record.state, record.start) == ("finished", "scratch")
    assert any("always starts" in message for message in record.messages)


@pytest.mark.parametrize(
    ("tiles", "word"),
    [({}, "No tile is labelled"), ({0: [(JUDGE, "validation")]}, "validation")],
)
def test_nothing_to_learn_from_is_a_sentence(
    tmp_path: Path, tiles: dict[int, Any], word: str
) -> None:
    project = make_project(tmp_path / "project", tiles, n_images=1)
    with pytest.raises(SemisegError, match=word):
        train(project.folder, small(), device="cpu")
    record = find_run(project.folder).record()
    assert record.state == "failed"
    assert word in str(record.failure)


def test_run_without_checkpoint_cannot_be_resumed(project: Project) -> None:
    from napari_semiseg.runs.folder import RunFolder

    run = RunFolder.create(project.folder, "actis")
    with pytest.raises(SemisegError, match="before its first checkpoint"):
        train(project.folder, run=run)
