from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from fake_training import FakeTraining

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import read_json
from napari_semiseg.geometry import Box
from napari_semiseg.runs import supervisor
from napari_semiseg.runs.events import without_repeats
from napari_semiseg.runs.liveness import this_process
from napari_semiseg.runs.status import status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from napari_semiseg.runs.events import Event
    from napari_semiseg.runs.folder import RunFolder

    Launch = Callable[..., supervisor.RunningProcess]


def until(events: Iterable[Event], name: str, step: int = 0) -> Event:
    return next(e for e in events if e["event"] == name and e.get("step", step) >= step)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def choose(n_steps: int, seconds: float = 0.005) -> None:
        monkeypatch.setenv("FAKE_STEPS", str(n_steps))
        monkeypatch.setenv("FAKE_SECONDS", str(seconds))

    return choose


def test_a_run_from_start_to_end(
    tmp_path: Path, children: Launch, steps: Callable[..., None]
) -> None:
    steps(20)
    child = children(tmp_path)
    seen = list(supervisor.follow(child.run, process=child))
    assert [e["step"] for e in seen if e["event"] == "step"] == list(range(1, 21))
    assert seen[-1]["event"] == "finished"
    assert child.wait(10) == 0
    now = status(child.run)
    assert (now.state, now.step, now.n_steps, now.alive) == ("finished", 20, 20, False)
    assert supervisor.attach(tmp_path) is None


def test_killed_run_resumes_to_the_weights_of_an_unbroken_one(
    tmp_path: Path, children: Launch, steps: Callable[..., None]
) -> None:
    steps(60, seconds=0.01)
    child = children(tmp_path)
    until(supervisor.follow(child.run, process=child), "step", 25)
    os.killpg(child.popen.pid, signal.SIGKILL)
    assert child.wait(10) == -signal.SIGKILL
    now = status(child.run)
    assert (now.state, now.alive) == ("died", False)
    assert "Resume" in now.sentence

    again = children(child.run)
    seen = list(supervisor.follow(again.run, process=again))
    assert again.wait(10) == 0
    assert status(again.run).state == "finished"
    counted = without_repeats(seen)
    made = [e["step"] for e in counted if e["event"] == "step"]
    assert made == sorted(set(made))
    assert made[-1] == 60
    unbroken = FakeTraining(60)
    list(unbroken)
    weights = read_json(again.run.report / "weights.json")
    np.testing.assert_array_equal(weights, unbroken.weights)


def test_pause_resume_and_stop_of_a_run_somebody_else_started(
    tmp_path: Path, children: Launch, steps: Callable[..., None]
) -> None:
    steps(100_000)
    child = children(tmp_path)
    until(supervisor.follow(child.run, process=child), "step", 3)
    run = supervisor.attach(tmp_path)
    assert run == child.run
    supervisor.request_pause(run)
    until(supervisor.follow(run), "paused")
    assert status(run).state == "paused"
    supervisor.request_resume(run)
    until(supervisor.follow(run), "unpaused")
    preview = supervisor.request_preview(run, "cells", Box((0, 0), (8, 8)))
    assert until(supervisor.follow(run), "preview")["request"] == preview.id
    now = status(run)
    assert (now.state, now.alive, now.n_steps) == ("training", True, 100_000)
    assert now.seconds_left is not None
    assert now.seconds_left > 10
    with pytest.raises(SemisegError, match="trained already"):
        supervisor.resume(run)
    assert supervisor.stop(run).state == "stopped"
    assert child.wait(10) == 0


def test_deaf_process_is_killed_after_the_time_outs(
    tmp_path: Path, children: Launch, steps: Callable[..., None]
) -> None:
    steps(5)
    child = children(tmp_path, "--deaf")
    while child.run.record().state == "starting":
        assert child.poll() is None
        threading.Event().wait(0.02)
    now = supervisor.stop(child.run, process=child, timeout=0.2, terminate_timeout=0.3)
    assert (now.state, now.alive) == ("died", False)
    assert child.wait(10) == -signal.SIGKILL


def test_process_that_fails_before_it_begins(tmp_path: Path, children: Launch) -> None:
    child = children(tmp_path)  # Without FAKE_STEPS it raises a KeyError.
    assert list(supervisor.follow(child.run, process=child)) == []
    now = status(child.run)
    assert (now.state, now.alive) == ("died", False)
    assert "FAKE_STEPS" in now.sentence


def test_foreign_run_cannot_be_told_nor_killed(run: RunFolder) -> None:
    far = this_process().model_copy(update={"hostname": "node17"})
    run.update(state="training", process=far)
    now = status(run)
    assert (now.state, now.alive, now.ended) == ("training", None, False)
    assert "node17" in now.sentence
    assert "seems dead" not in now.sentence
    run.update(asked=time.time() - 3600)
    assert "seems dead" in status(run).sentence
    with pytest.raises(SemisegError, match="node17"):
        supervisor.stop(run, timeout=0, finish_timeout=0)


def test_run_that_was_just_asked_for_is_not_dead(run: RunFolder) -> None:
    assert status(run).state == "starting"
    run.update(asked=time.time() - 60)
    assert status(run).state == "died"


def test_stopping_an_ended_run_changes_nothing(run: RunFolder) -> None:
    run.update(state="finished", verdict="It is better.")
    assert supervisor.stop(run).sentence == "It is better."


def test_following_ends_when_asked(run: RunFolder) -> None:
    run.update(state="training", process=this_process())
    assert list(supervisor.follow(run, should_stop=lambda: True)) == []
