from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from napari_semiseg import api
from napari_semiseg.api.training import training_settings
from napari_semiseg.cli.training_log import closing_words
from napari_semiseg.errors import SemisegError
from napari_semiseg.files import write_json
from napari_semiseg.project.project import Project
from napari_semiseg.runs import launch
from napari_semiseg.runs.folder import RunFolder, find_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Done


def test_train_says_what_came_of_it(cli: Callable[..., Done], project: Path) -> None:
    done = cli(
        "train", project, "--steps", 3, "--settings", project.parent / "actis.toml",
        "--device", "cpu", "--threads", 1, "--seed", 1,
    )  # fmt: skip
    assert done.code == 0, done.err
    run = find_run(project)
    assert run.record().method == "actis"
    assert (run.record().total_steps, run.record().seed) == (3, 1)
    for words in (
        f"Model: {run.model}",
        "on 1 training tile",
        "they say little about other images",
        "The model is in use now. It is the first model of this project.",
        "unet with mobilenet_v2. The encoder mobilenet_v2 starts from random weights.",
        "Device: cpu, 1 thread(s).",
    ):
        assert words in done.out
    assert "Beginning at step 0 of 3." in done.err
    assert "step 3 of 3, consistency" in done.err
    assert done.err.count("No tile is set aside for validation") == 1
    table = cli("status", project).out
    assert f"*  {run.id}  finished  3/3" in table


def test_settings_come_from_preset_then_file_then_options(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text('steps = 7\ntile_size = 64\n[network]\nencoder = "resnet18"\n')
    found: Any = training_settings("actis", "paper", file)
    assert (found.steps, found.tile_size, found.boundary) == (7, 64, "outer")
    assert found.network.encoder == "resnet18"
    found = training_settings(
        "actis", "paper", file, steps=9, network={"weights": "none", "encoder": None}
    )
    assert (found.steps, found.network.encoder) == (9, "resnet18")
    assert found.network.weights == "none"
    with pytest.raises(SemisegError, match="of the method supervised"):
        training_settings("actis", "default", {"name": "supervised"})


def test_usual_start_is_the_last_model(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts = []

    def note(*_: object, start: str, **__: object) -> None:
        starts.append(start)

    monkeypatch.setattr(launch, "train", note)
    api.train(trained)
    api.train(trained, settings={"tile_size": 64})
    api.train(trained, encoder="resnet18")
    api.train(trained, method="supervised")
    api.train(trained, start="scratch")
    assert starts == ["last", "last", "scratch", "scratch", "scratch"]


@pytest.mark.parametrize(
    ("options", "folds"),
    [((), None), (("--cross-validate",), 3), (("--folds", "2"), 2)],
)
def test_cross_validation_has_three_folds_unless_another_number_is_given(
    cli: Callable[..., Done],
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    folds: int | None,
) -> None:
    asked = []

    def note(*_: object, cross_validate: int | None, **__: object) -> None:
        asked.append(cross_validate)
        raise SemisegError("enough")

    monkeypatch.setattr(launch, "train", note)
    assert "enough" in cli("train", project, *options).err
    assert asked == [folds]


def test_one_fold_is_no_cross_validation(project: Path) -> None:
    with pytest.raises(SemisegError, match="two folds or more"):
        api.train(project, cross_validate=1)
    with pytest.raises(SemisegError, match="leave out cross_validate"):
        api.train(project, resume="x", cross_validate=True)


def test_closing_words_of_a_check_are_those_of_its_run(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, "actis")
    card = {"task": "instances", "network": {"architecture": "unet", "encoder": "x"}}
    write_json(run.model / "model.json", card)
    run.update(
        state="finished",
        accepted=True,
        verdict="It is better.",
        scores={"training.ap_actis": 0.9},
        cross_validated={"score": 0.5},
    )
    check = RunFolder.create(tmp_path, "actis", check_of=run.id)
    text = "\n".join(closing_words(check.record(), check))
    assert f"Model: {run.model}" in text
    assert "The model is in use now. It is better." in text
    assert "say little about other images" in text
    assert "--cross-validate" not in text
    assert "--resume" not in text
    run.update(cross_validate=3, cross_validated=None)
    text = "\n".join(closing_words(check.record(), check))
    assert f"--resume {check.id}" in text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--method", "magic"), "no method magic: choose actis or"),
        (("--device", "cuda:7"), "no device cuda:7"),
        (("--network", "alexnet"), "Setting network.architecture"),
        (("--encoder", "nonsense"), "nonsense"),
        (("--weights", "missing.pth"), "missing.pth"),
        (("--settings", "missing.toml"), "cannot be read"),
        (("--start", "nowhere"), "no model in nowhere"),
        (("--start", "last"), "no model to go on from"),
        (("--resume", "nothing"), "has no run yet"),
        (("--run", "nothing"), "has no run yet"),
        (("--steps", "3", "--minutes", "1"), "either steps or minutes"),
        (("--resume", "x", "--steps", "3"), "leave out steps"),
    ],
)
def test_wrong_options_are_sentences(
    refused: Callable[..., str], project: Path, options: tuple[str, ...], words: str
) -> None:
    assert words in refused("train", project, "--device", "cpu", *options)


def test_wrong_choices_are_usage_errors(cli: Callable[..., Done]) -> None:
    assert cli("train", "p", "--preset", "best").code == 2
    assert cli("train", "p", "--minutes", "0").code == 2


def test_a_run_that_fails_later_says_why(
    cli: Callable[..., Done], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_semiseg.learning.training import Training

    def fail(*_: object) -> None:
        raise RuntimeError("CUDA error: device lost")

    monkeypatch.setattr(Training, "_advance", fail)
    done = cli(
        "train", project, "--steps", 2, "--settings", project.parent / "small.toml",
        "--method", "supervised", "--device", "cpu",
    )  # fmt: skip
    assert done.code == 1
    assert "Error: The GPU was lost or its driver failed" in done.err
    table = json.loads(cli("status", project, "--json").out)["runs"]
    assert [one["state"] for one in table] == ["failed"]


def test_run_made_before_is_used(cli: Callable[..., Done], project: Path) -> None:
    run = RunFolder.create(project, "supervised")
    done = cli(
        "train", project, "--method", "supervised", "--steps", 1, "--run", run.id,
        "--settings", project.parent / "small.toml", "--device", "cpu", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert json.loads(done.out)["id"] == run.id
    assert len(Project.open(project).images) == 2


def test_status_of_nothing(cli: Callable[..., Done], project: Path) -> None:
    text = cli("status", project).out
    assert "no run yet" in text
    assert text.startswith("1 of 2 images reviewed.")
    found = json.loads(cli("status", project, "--json").out)
    assert found["runs"] == []
    assert found["review"] == {
        "reviewed": 1,
        "total": len(Project.open(project).images),
        "minutes": None,
        "needs_work": 0,
    }


def test_steering_needs_a_run_that_goes_on(
    refused: Callable[..., str], trained: Path, project: Path
) -> None:
    for command in ("pause", "stop"):
        assert "No run is going on" in refused(command, trained)
        run = find_run(trained).id
        assert "is not going on" in refused(command, trained, run)
    assert "has finished" in refused("resume", trained)
    assert "has no run yet" in refused("resume", project)
    assert "There is no run x" in refused("status", trained, "x")
