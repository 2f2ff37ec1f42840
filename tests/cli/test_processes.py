"""Training processes of their own, steered and killed from outside."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from napari_semiseg.runs import supervisor
from napari_semiseg.runs.folder import find_run, list_runs
from napari_semiseg.runs.models import model_in_use
from napari_semiseg.runs.status import status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Done
    from napari_semiseg.runs.folder import RunFolder

    Launch = Callable[..., subprocess.Popen[bytes]]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.name != "posix", reason="process groups of POSIX"),
]


@pytest.fixture
def launch(project: Path, tmp_path: Path) -> Iterator[Launch]:
    """Starts ``train`` in a process group of its own, which is killed at the end."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*options: object) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "napari_semiseg", "train", project, *options]
        with (tmp_path / f"{len(started)}.log").open("wb") as log:
            child = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started.append(child)
        return child

    yield start
    groups = [child.pid for child in started]
    for run in list_runs(project):
        process = run.record().process
        groups += [process.pid] if process and process.pid != os.getpid() else []
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    for child in started:
        child.wait(30)


def fresh(project: Path, steps: int) -> tuple[object, ...]:
    settings = project.parent / "actis.toml"
    return (
        *("--steps", steps, "--settings", settings, "--seed", 5),
        *("--device", "cpu", "--threads", 1, "--start", "scratch"),
    )


def until_step(run: RunFolder, step: int) -> None:
    reached = (e for e in supervisor.follow(run) if e["event"] == "step")
    assert next(e for e in reached if e["step"] >= step)


def new_run(project: Path, number: int) -> RunFolder:
    """The run that a child is about to make."""
    for _ in range(1200):
        runs = list_runs(project)
        if len(runs) == number and runs[-1].events.exists():
            return runs[-1]
        threading.Event().wait(0.1)
    raise AssertionError("the run did not begin")


def weights(run: RunFolder) -> dict[str, Any]:
    return load_file(run.model / "model.safetensors")


def test_killed_and_resumed_run_ends_with_the_same_bits(
    cli: Callable[..., Done], project: Path, launch: Launch
) -> None:
    n_steps = 80
    whole = launch(*fresh(project, n_steps))
    assert whole.wait(900) == 0
    unbroken = find_run(project)

    broken = launch(*fresh(project, n_steps))
    run = new_run(project, 2)
    until_step(run, 5)
    # A pause saves a checkpoint, so that the resume begins in the middle.
    assert "paused at step" in cli("pause", project).out
    paused_at = status(run).step
    assert paused_at is not None
    assert cli("resume", project, run.id).code == 0
    until_step(run, paused_at + 5)
    os.killpg(broken.pid, signal.SIGKILL)
    assert broken.wait(30) == -signal.SIGKILL
    assert "died" in cli("status", project, run.id).out

    again = launch("--resume", run.id)
    assert again.wait(900) == 0
    record = run.record()
    assert (record.state, record.total_steps) == ("finished", n_steps)
    events = [json.loads(line) for line in run.events.read_bytes().splitlines()]
    (resumed,) = [event for event in events if event["event"] == "resumed"]
    assert resumed["step"] == paused_at
    found, expected = weights(run), weights(unbroken)
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        np.testing.assert_array_equal(found[name], tensor, err_msg=name)
    assert (run.model / "model.safetensors").read_bytes() == (
        unbroken.model / "model.safetensors"
    ).read_bytes()


def test_pause_resume_and_stop(
    cli: Callable[..., Done],
    refused: Callable[..., str],
    project: Path,
    launch: Launch,
) -> None:
    child = launch(*fresh(project, 100_000))
    run = new_run(project, 1)
    until_step(run, 3)
    (row,) = json.loads(cli("status", project, "--json").out)["runs"]
    assert (row["state"], row["alive"], row["n_steps"]) == ("training", True, 100_000)
    assert cli("pause", project).out.startswith("paused at step")
    step = status(run).step
    time.sleep(0.5)
    assert status(run).step == step
    assert "is being trained already" in refused("train", project, "--resume", run.id)
    assert cli("resume", project).out.startswith("training at step")
    assert step is not None
    until_step(run, step + 3)
    assert cli("stop", project).out.startswith("stopped at step")
    assert child.wait(60) == 0
    assert model_in_use(project) == run
    # A run that was stopped goes on in the background.
    assert cli("resume", project).out.startswith("training at step")
    (row,) = json.loads(cli("status", project, "--json").out)["runs"]
    assert row["state"] == "training"
    assert cli("stop", project, run.id).out.startswith("stopped at step")
    (row,) = json.loads(cli("status", project, "--json").out)["runs"]
    assert (row["state"], row["in_use"]) == ("stopped", True)
