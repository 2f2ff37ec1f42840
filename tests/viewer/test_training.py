from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from projects import make_project
from training_desk import WrittenRun, close_desk, make_desk

from napari_semiseg.files import write_json
from napari_semiseg.geometry import Box
from napari_semiseg.learning.methods import load_settings, make_settings
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.runs import supervisor
from napari_semiseg.runs.folder import list_runs
from napari_semiseg.runs.status import status
from napari_semiseg.viewer.training.following import Following
from napari_semiseg.viewer.training.run_story import RunStory
from napari_semiseg.viewer.training.traces import MOST_POINTS, Trace
from napari_semiseg.viewer.training.training import Training
from napari_semiseg.viewer.training.training_choice import TrainingChoice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytestqt.qtbot import QtBot

    from napari_semiseg.project.project import Project
    from napari_semiseg.runs.supervisor import RunningProcess

FAKE = (
    sys.executable,
    str(Path(__file__).parent.parent / "runs" / "fake_training.py"),
)
TILE = Box((0, 0), (64, 64))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "p", {0: [(TILE, "training")]})


@pytest.fixture
def desk(qtbot: QtBot) -> Iterator[Any]:
    made = make_desk()
    yield made
    close_desk(made)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[RunningProcess]]:
    """The fake processes that were started; their groups are killed at the end."""
    monkeypatch.setenv("FAKE_STEPS", "100000")
    monkeypatch.setenv("FAKE_SECONDS", "0.005")
    made: list[RunningProcess] = []
    yield made
    for process in made:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.popen.pid, signal.SIGKILL)
        process.wait(10)


@pytest.fixture
def training(desk: Any, started: list[RunningProcess]) -> Training:
    def start(*arguments: Any, **options: Any) -> RunningProcess:
        started.append(supervisor.start(*arguments, **options, command=FAKE))
        return started[-1]

    def resume(run: Any) -> RunningProcess:
        started.append(supervisor.resume(run, command=FAKE))
        return started[-1]

    desk.training = Training(desk, start, resume)
    return desk.training


def opened(desk: Any, project: Project, qtbot: QtBot) -> None:
    desk.session.open(project)
    qtbot.waitUntil(lambda: desk.training.ground is not None)


def is_state(training: Training, state: str) -> Callable[[], bool]:
    return lambda: training.view.state == state


def test_a_started_run_is_followed_to_its_end(
    desk: Any,
    training: Training,
    project: Project,
    started: list[RunningProcess],
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FAKE_STEPS", "60")
    opened(desk, project, qtbot)
    settings = make_settings("actis", "default", {"steps": 77})
    events: list[str] = []
    training.happened.connect(lambda event: events.append(event["event"]))
    with qtbot.waitSignal(training.ended, timeout=30_000) as end:
        assert training.start(settings, device="cpu")
        assert training.view.state == "starting"
        assert training.active == started[0].run
        assert not training.start(settings)  # While one is going on.
    view = end.args[0]
    assert (view.state, view.step, view.n_steps) == ("finished", 60, 60)
    assert view.verdict == "There was no model before."
    assert training.active is None
    assert training.why_not() is None
    assert events.count("step") == 60
    assert events[0] == "started"
    curves = view.curves
    np.testing.assert_array_equal(curves.loss.steps, np.arange(1, 61))
    np.testing.assert_allclose(curves.loss.values, 1 / np.arange(1, 61))
    command = started[0].popen.args
    file = Path(command[command.index("--settings") + 1])
    assert file.parent == started[0].run.inputs
    assert make_settings("actis", "default", load_settings(file)) == settings
    assert command[command.index("--start") + 1] == "scratch"
    assert len(list_runs(project.folder)) == 1


def test_pause_resume_and_stop_are_shown_at_once(
    desk: Any, training: Training, project: Project, qtbot: QtBot
) -> None:
    opened(desk, project, qtbot)
    assert training.start(make_settings("actis"))
    qtbot.waitUntil(is_state(training, "training"), timeout=20_000)
    training.pause()
    assert training.view.state == "pausing"
    qtbot.waitUntil(is_state(training, "paused"))
    training.resume()
    assert training.view.state == "resuming"
    qtbot.waitUntil(is_state(training, "training"))
    with qtbot.waitSignal(training.ended, timeout=20_000) as end:
        training.stop()
        assert training.view.state == "stopping"
    assert end.args[0].state == "stopped"


def test_killed_run_is_told_and_resumed(
    desk: Any,
    training: Training,
    project: Project,
    started: list[RunningProcess],
    qtbot: QtBot,
) -> None:
    opened(desk, project, qtbot)
    training.start(make_settings("actis"))
    qtbot.waitUntil(lambda: (training.view.step or 0) > 20, timeout=20_000)
    with qtbot.waitSignal(training.ended, timeout=20_000) as end:
        os.killpg(started[0].popen.pid, signal.SIGKILL)
    assert end.args[0].state == "died"
    assert end.args[0].resumable
    assert "Resume" in training.view.sentence
    died_at = training.view.step
    assert training.resume_ended()
    assert training.view.state == "starting"
    qtbot.waitUntil(lambda: (training.view.step or 0) > died_at, timeout=20_000)
    assert training.view.state == "training"
    steps = training.view.curves.loss.steps
    assert (np.diff(steps) > 0).all()


def test_a_living_run_is_found_when_a_project_is_opened(
    desk: Any, training: Training, project: Project, qtbot: QtBot
) -> None:
    run = WrittenRun(project)
    run.begin(messages=["The tiles are small."])
    for _ in range(10):
        run.make_step()
    events: list[Any] = []
    training.happened.connect(events.append)
    opened(desk, project, qtbot)
    qtbot.waitUntil(lambda: training.view.step == 10)
    assert training.active == run.folder
    assert training.view.messages == ("The tiles are small.",)
    assert training.view.curves.loss.steps.size == 10
    assert training.view.device == "cpu"
    assert events == []  # What happened before it was followed is no news.
    run.make_step("consistency", coverage=0.4, scores={"ap": 0.7}, device_bytes=5)
    qtbot.waitUntil(lambda: training.view.step == 11)
    assert [event["step"] for event in events] == [11]
    view = training.view
    assert (view.stage, view.memory_bytes) == ("consistency", 5)
    assert view.curves.score.values.tolist() == [0.7]
    with qtbot.waitSignal(training.ended):
        run.end(accepted=False, verdict="It is not better.")
    assert (view.run_id, training.view.accepted) == (run.folder.id, False)


def test_the_last_run_is_shown_without_an_end(
    desk: Any, training: Training, project: Project, qtbot: QtBot
) -> None:
    run = WrittenRun(project)
    run.begin()
    run.make_step()
    run.end(accepted=True, verdict="It is the first model of this project.")
    ends: list[Any] = []
    training.ended.connect(ends.append)
    opened(desk, project, qtbot)
    qtbot.waitUntil(is_state(training, "finished"))
    assert training.active is None
    assert ends == []
    # Somebody else starts another: it is noticed.
    other = WrittenRun(project)
    other.begin()
    other.make_step()
    qtbot.waitUntil(lambda: training.active == other.folder, timeout=10_000)
    qtbot.waitUntil(is_state(training, "training"))
    with qtbot.waitSignal(training.ended):
        other.become("failed", failure="The disk is full.", failure_kind="disk")
    assert training.view.sentence == "The disk is full."


def test_a_model_that_came_into_use_is_announced(
    desk: Any, training: Training, project: Project, qtbot: QtBot
) -> None:
    run = WrittenRun(project)
    run.begin()
    opened(desk, project, qtbot)
    qtbot.waitUntil(lambda: training.active is not None)
    assert not training.has_model
    write_json(run.folder.model / "model.json", {})
    with qtbot.waitSignal(desk.session.model_changed):
        run.end(accepted=True, verdict="Better.")
    qtbot.waitUntil(lambda: training.has_model)


def test_reasons_not_to_train(
    desk: Any, training: Training, project: Project, qtbot: QtBot
) -> None:
    assert "Open a project" in training.why_not()
    item = project.image("cells0.tif")
    AnnotationStore(project).set_state(item, TILE, "to do")
    opened(desk, project, qtbot)
    assert "No tile is labelled" in training.why_not()
    said: list[str] = []
    desk.session.said.connect(lambda text, problem: said.append(text))
    assert not training.start(make_settings("actis"))
    assert said == [training.why_not()]
    desk.session.annotations.set_state(item, TILE, "training")
    desk.session.tiles_changed.emit(item.id)
    qtbot.waitUntil(lambda: training.why_not() is None)
    assert training.ground.training == 1
    assert "nothing to go on from" in training.why_not_resumed()


def test_late_words_of_a_left_project_are_dropped(
    desk: Any, training: Training, project: Project, tmp_path: Path, qtbot: QtBot
) -> None:
    run = WrittenRun(project)
    run.begin()
    opened(desk, project, qtbot)
    qtbot.waitUntil(is_state(training, "training"))
    other = make_project(tmp_path / "q", {})
    desk.session.open(other)
    assert training.view.state == "none"
    run.make_step()
    qtbot.waitUntil(lambda: training.ground is not None)
    qtbot.wait(300)
    assert training.view.state == "none"


def test_closed_training_lets_the_process_live(
    desk: Any,
    training: Training,
    project: Project,
    started: list[RunningProcess],
    qtbot: QtBot,
) -> None:
    opened(desk, project, qtbot)
    training.start(make_settings("actis"))
    qtbot.waitUntil(is_state(training, "training"), timeout=20_000)
    training.close()
    desk.session.close()
    now = status(started[0].run)
    assert now.alive
    assert now.state == "training"


def test_a_deaf_run_is_ended_and_that_is_said(
    desk: Any,
    training: Training,
    project: Project,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = WrittenRun(project)
    run.begin()
    opened(desk, project, qtbot)
    qtbot.waitUntil(is_state(training, "training"))
    real = supervisor.stop
    ended: list[Any] = []
    # The "process" of this run is the test itself, which must not be killed.
    monkeypatch.setattr(supervisor, "_end_process", lambda run, how: ended.append(how))
    monkeypatch.setattr(
        supervisor,
        "stop",
        lambda *a, **k: real(*a, **k, timeout=0.1, terminate_timeout=0.1),
    )
    said: list[str] = []
    desk.session.said.connect(lambda text, problem: said.append(text))
    training.stop()
    qtbot.waitUntil(lambda: len(said) == 2)
    assert ended == [signal.SIGTERM, None]
    assert "does not answer" in said[0]
    assert "killed" in said[1]
    assert training.view.state == "stopping"


def test_the_choice_is_remembered(
    desk: Any, training: Training, project: Project, qtbot: QtBot
) -> None:
    opened(desk, project, qtbot)
    assert training.choice == TrainingChoice()
    changes = {"tile_size": 64, "consistency": {"quantile": 0.5}}
    settings = make_settings("actis", "paper", changes)
    training.start(settings, minutes=3, device="cpu", start="scratch")
    choice = training.choice
    assert choice.changes == changes
    assert (choice.preset, choice.minutes, choice.device) == ("paper", 3, "cpu")
    assert choice.settings() == settings
    assert TrainingChoice.remembered({"training": {"method": "none"}}) == (
        TrainingChoice()
    )


def test_retraining_uses_the_choice(
    desk: Any,
    training: Training,
    project: Project,
    started: list[RunningProcess],
    qtbot: QtBot,
) -> None:
    project.update_settings(
        training={"method": "supervised", "minutes": 2.5, "device": "cpu"}
    )
    opened(desk, project, qtbot)
    assert training.start_again()
    command = started[0].popen.args
    assert command[command.index("--minutes") + 1] == "2.5"
    assert command[command.index("--method") + 1] == "supervised"


def test_trace_stays_small_and_keeps_the_mean() -> None:
    trace = Trace()
    for step in range(1, 150_001):
        trace.add(step, float(step))
    curve = trace.curve
    assert curve.steps.size <= MOST_POINTS
    np.testing.assert_allclose(curve.values, curve.steps)
    assert (np.diff(curve.steps) > 0).all()
    trace.cut(1000)
    assert trace.curve.steps.max() <= 1000
    trace.add(1001, 5.0)
    assert trace.curve.steps[-1] == 1001


def story_of(project: Project, **fields: Any) -> tuple[RunStory, WrittenRun]:
    run = WrittenRun(project, **fields)
    return RunStory(run.folder.id, run.folder.record()), run


def step_at(time: float, step: int, stage: str = "a", **fields: Any) -> dict[str, Any]:
    return {"event": "step", "time": time, "step": step, "stage": stage, **fields}


def test_time_left_counts_the_slower_stage_to_come(project: Project) -> None:
    story, run = story_of(project)
    asked = run.folder.record().asked
    # 60 steps of 1 s and 60 of 3 s: four minutes.
    story.take(
        {
            "event": "started",
            "time": asked,
            "step": 0,
            "n_steps": 120,
            "minutes": 4,
            "seconds_per_step": {"a": 1.0, "b": 3.0},
        }
    )
    for step in range(1, 31):
        story.take(step_at(asked + step, step, n_steps=120))
    assert story.view.seconds_left == pytest.approx(210)
    story.take({"event": "paused", "time": asked + 30})
    assert story.view.seconds_left is None
    story.take({"event": "unpaused", "time": asked + 900})
    for step in range(31, 61):
        # This computer has become half as fast.
        story.take(step_at(asked + 870 + 2 * step, step, n_steps=120))
    story.take(step_at(asked + 2000, 61, "b", n_steps=120))
    assert story.view.seconds_left is None  # Too little is known of this stage.
    for step in range(62, 91):
        story.take(step_at(asked + 2000 + 6 * (step - 61), step, "b", n_steps=120))
    assert story.view.seconds_left == pytest.approx(180)


def test_a_resume_cuts_the_curves(project: Project) -> None:
    story, run = story_of(project)
    asked = run.folder.record().asked
    for step in range(1, 11):
        losses = {"total": 1.0}
        story.take(step_at(asked - 50 + step, step, losses=losses, n_steps=20))
    assert story.view.state == "starting"  # All of that was before this start.
    story.take({"event": "resumed", "time": asked + 1, "step": 6, "n_steps": 20})
    assert story.view.state == "training"
    assert story.view.step == 6
    assert story.view.curves.loss.steps.tolist() == [1, 2, 3, 4, 5, 6]


def test_a_stopping_run_is_not_said_to_go_on(project: Project) -> None:
    story, run = story_of(project)
    asked = run.folder.record().asked
    states = []
    for fields in (
        {"event": "started", "step": 0, "n_steps": 9},
        {"event": "paused"},
        {"event": "answered", "kind": "stop"},
        {"event": "unpaused"},
        {"event": "finishing"},
    ):
        story.take({**fields, "time": asked + 1})
        states.append(story.view.state)
    assert states == ["training", "paused", "stopping", "stopping", "finishing"]


def test_a_run_whose_folder_vanished_is_told(project: Project) -> None:
    run = WrittenRun(project)
    run.folder.record_file.unlink()
    told: list[Any] = []
    done = threading.Event()

    def tell(word: Any) -> None:
        told.append(word)
        done.set()

    Following(run.folder, tell).start()
    assert done.wait(5)
    assert told[0].ended
    assert "run.json" in told[0].problem


@pytest.mark.slow
def test_a_real_short_run(desk: Any, project: Project, qtbot: QtBot) -> None:
    training = desk.training = Training(desk)
    opened(desk, project, qtbot)
    settings = make_settings(
        "actis",
        "default",
        {
            "steps": 4,
            "tile_size": 32,
            "network": {"encoder": "mobilenet_v2", "weights": "none"},
        },
    )
    with qtbot.waitSignal(training.ended, timeout=200_000):
        assert training.start(settings, device="cpu")
    view = training.view
    assert view.state == "finished", view.sentence
    # So few steps may well end in a model that finds nothing: that is a verdict, too.
    assert view.verdict
    assert view.step == 4
    assert view.stage == "consistency"
    record = training.run_folder.record()
    assert record.settings["tile_size"] == 32
    assert record.settings["network"]["weights"] == "none"
