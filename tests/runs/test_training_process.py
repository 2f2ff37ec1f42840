from __future__ import annotations

import itertools
import math
import os
import shutil
import signal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from fake_training import FakeTraining, finish, out_of_memory, training_run

from napari_semiseg.files import read_json
from napari_semiseg.geometry import Box
from napari_semiseg.runs.control import send, send_job, send_preview
from napari_semiseg.runs.events import EventFollower, without_repeats

if TYPE_CHECKING:
    from pathlib import Path

    from napari_semiseg.runs.folder import RunFolder
    from napari_semiseg.runs.record import RunRecord


def events(run: RunFolder, *names: str) -> list[dict[str, Any]]:
    found = EventFollower(run.events).read()
    return [event for event in found if not names or event["event"] in names]


def train(run: RunFolder, training: FakeTraining, **options: Any) -> RunRecord:
    return training_run(run, training, **options).train()


def at_step(run: RunFolder, wishes: dict[int, Any]) -> FakeTraining:
    """A training that calls ``wishes[step]`` within that step."""
    return FakeTraining(before_step=lambda step: wishes.get(step, lambda: None)())


def test_run_to_the_end(run: RunFolder) -> None:
    seen: list[dict[str, Any]] = []
    record = train(run, FakeTraining(), on_event=seen.append)
    assert record.state == "finished"
    assert record.accepted is True
    assert record.scores == {"ap": 0.5}
    assert record == run.record()
    assert [e["step"] for e in events(run, "step")] == [1, 2, 3, 4, 5]
    assert seen == events(run)
    assert [e["event"] for e in seen if e["event"] != "step"] == [
        "started",
        "finishing",
        "finished",
    ]
    assert read_json(run.last_checkpoint)["step"] == 5


def test_first_checkpoint_stands_before_the_first_step(run: RunFolder) -> None:
    seen = []
    training = at_step(run, {1: lambda: seen.append(read_json(run.checkpoint)["step"])})
    train(run, training)
    assert seen == [0]


def test_checkpoints_by_the_clock_stand_before_their_report(run: RunFolder) -> None:
    clock = itertools.count(0, 20)
    saved = []

    def on_event(event: dict[str, Any]) -> None:
        if event.get("checkpoint"):
            saved.append((event["step"], read_json(run.last_checkpoint)["step"]))

    training = FakeTraining(total_steps=11)
    train(run, training, clock=lambda: next(clock), on_event=on_event)
    assert len(saved) >= 2
    assert all(step == stored for step, stored in saved)
    assert read_json(run.previous_checkpoint)["step"] == saved[-1][0]


def test_stop_within_the_step(run: RunFolder) -> None:
    training = at_step(run, {3: lambda: send(run.control, "stop")})
    record = train(run, training)
    assert record.state == "stopped"
    assert training.step == 3
    assert record.accepted is True  # What was learned so far is kept.
    assert read_json(run.last_checkpoint)["step"] == 3


def test_stop_before_the_first_step_makes_no_model(run: RunFolder) -> None:
    send(run.control, "stop")
    record = train(run, FakeTraining())
    assert (record.state, record.accepted) == ("stopped", None)


def test_stale_stop_is_dropped_on_resume(run: RunFolder) -> None:
    training = at_step(run, {3: lambda: send(run.control, "stop")})
    train(run, training)
    old = send(run.control, "stop")
    run.update(asked=old.created + 1e-3)
    again = FakeTraining.resume(run.checkpoint)
    record = train(run, again, resumed=True)
    assert (record.state, again.step) == ("finished", 5)


def test_pause_answers_and_resume_goes_on(run: RunFolder) -> None:
    training = at_step(run, {2: lambda: send(run.control, "pause")})
    states = []

    def wait(seconds: float) -> None:
        states.append((run.record().state, training.step))
        if len(states) == 3:
            send_preview(run.control, "cells", Box((0, 0), (4, 4)))
        if len(states) == 5:
            send(run.control, "resume")

    record = train(run, training, wait=wait)
    assert states == [("paused", 2)] * 5
    assert record.state == "finished"
    names = [e["event"] for e in events(run) if e["event"] != "step"]
    assert names.index("paused") < names.index("preview") < names.index("unpaused")


def test_stop_ends_a_pause(run: RunFolder) -> None:
    training = at_step(run, {2: lambda: send(run.control, "pause")})
    record = train(run, training, wait=lambda seconds: send(run.control, "stop"))
    assert (record.state, training.step) == ("stopped", 2)


def test_long_pause_shows_signs_of_life(run: RunFolder) -> None:
    clock = itertools.count(0, 16)
    waits = itertools.count()

    def wait(seconds: float) -> None:
        if next(waits) == 6:
            send(run.control, "resume")

    training = at_step(run, {1: lambda: send(run.control, "pause")})
    train(run, training, wait=wait, clock=lambda: next(clock))
    assert len(events(run, "alive")) >= 2


def test_requests_of_two_watchers_are_both_answered(run: RunFolder) -> None:
    sent = []

    def ask() -> None:
        sent.append(send_preview(run.control, "cells", Box((2, 3), (4, 5))).id)
        sent.append(send(run.control, "resume").id)
        sent.append(send_preview(run.control, "unknown", Box((0, 0), (4, 4))).id)
        sent.append(send_preview(run.control, "cells", Box((99, 0), (4, 4))).id)

    train(run, at_step(run, {2: ask}))
    answers = {e["request"]: e["event"] for e in events(run) if "request" in e}
    assert [answers[i] for i in sent] == ["preview", "answered", "refused", "refused"]
    assert list(run.control.iterdir()) == []


def test_what_only_a_server_does_is_refused(run: RunFolder) -> None:
    def ask() -> None:
        send(run.control, "pause")
        send_job(run.control, "rank")

    waits = itertools.count()

    def wait(seconds: float) -> None:
        # A request that is none of a run's must not let it go on either.
        if next(waits) == 3:
            send(run.control, "resume")

    train(run, at_step(run, {2: ask}), wait=wait)
    assert len(events(run, "refused")) == 1
    assert next(waits) == 4


def test_steps_tell_the_memory_they_take_now_and_then(run: RunFolder) -> None:
    train(run, FakeTraining(total_steps=50))
    told = [e["device_bytes"] for e in events(run, "step") if "device_bytes" in e]
    assert 1 <= len(told) < 50
    assert told[0] > 1_000_000


def test_preview_files_hold_the_teachers_view(run: RunFolder) -> None:
    box = Box((18, 3), (4, 5))  # Two rows reach over the image's edge.
    train(run, at_step(run, {2: lambda: send_preview(run.control, "cells", box)}))
    (event,) = events(run, "preview")
    assert (event["origin"], event["size"], event["step"]) == ([18, 3], [2, 5], 2)
    arrays = {
        name: np.load(run.previews / path, mmap_mode="r")
        for name, path in event["files"].items()
    }
    assert arrays["probability"].shape == (3, 2, 5)
    assert arrays["label"].dtype == np.uint8
    assert arrays["selected"].dtype == np.bool_
    assert arrays["confidence"][0, 0] == np.float32((18 * 30 + 3) / 599)


def test_old_previews_are_forgotten(run: RunFolder) -> None:
    def ask() -> None:
        for _ in range(20):
            send_preview(run.control, "cells", Box((0, 0), (4, 4)))

    train(run, at_step(run, {2: ask}))
    assert len(events(run, "preview")) == 20
    assert len(list(run.previews.iterdir())) == 16


def test_failing_preview_does_not_end_the_run(run: RunFolder) -> None:
    training = at_step(
        run, {2: lambda: send_preview(run.control, "cells", Box((0, 0), (4, 4)))}
    )

    def broken(source: object, box: Box, image_id: str) -> None:
        raise out_of_memory()

    training.preview = broken  # type: ignore[method-assign, assignment]
    assert train(run, training).state == "finished"
    assert len(events(run, "refused")) == 1


def test_nan_loss_ends_with_a_sentence_and_a_sound_checkpoint(run: RunFolder) -> None:
    training = FakeTraining(loss=lambda step: math.nan if step == 3 else 1.0)
    record = train(run, training, checkpoint_seconds=0.0)
    assert record.state == "failed"
    assert record.failure_kind == "numbers"
    assert record.failure is not None
    assert "step 3" in record.failure
    assert "learning rate" in record.failure
    assert events(run, "step")[-1]["losses"] == {"total": None}
    # The weights of step 2 led to the broken loss: those of step 1 count.
    assert run.checkpoint is not None
    assert read_json(run.checkpoint)["step"] == 1


def test_out_of_memory_halves_the_batch_and_goes_on(run: RunFolder) -> None:
    def before_step(step: int) -> None:
        if training.batch > 4:
            raise out_of_memory()

    training = FakeTraining(before_step=before_step)
    record = train(run, training)
    assert record.state == "finished"
    assert training.batch == 4
    assert record.changes == (
        "The GPU was out of memory: the batch is 4 tiles from here.",
    )
    assert len(events(run, "batch")) == 1


def test_out_of_memory_at_the_smallest_batch_ends_the_run(run: RunFolder) -> None:
    def before_step(step: int) -> None:
        if step == 2:
            raise out_of_memory()

    record = train(run, FakeTraining(before_step=before_step))
    assert (record.state, record.failure_kind) == ("failed", "memory")
    assert len(record.changes) == 2
    assert "smaller" in str(record.failure)


@pytest.mark.parametrize(
    ("error", "kind", "word"),
    [
        (RuntimeError("CUDA error: unspecified launch failure\nmore"), "device", "CPU"),
        (MemoryError(), "memory", "computer"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "memory", "batch"),
        (KeyError("surprise"), "unexpected", "surprise"),
    ],
)
def test_failures_name_cause_and_remedy(
    run: RunFolder, error: Exception, kind: str, word: str
) -> None:
    def before_step(step: int) -> None:
        if step == 2:
            raise error

    record = train(run, FakeTraining(before_step=before_step))
    assert (record.state, record.failure_kind) == ("failed", kind)
    assert record.failure is not None
    assert word in record.failure
    assert "checkpoint is intact" in record.failure
    assert events(run, "failed")[0]["sentence"] == record.failure


def test_full_disk_ends_with_a_sentence_and_the_last_checkpoint(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = FakeTraining()
    save = training.save_checkpoint

    def full(path: Path) -> None:
        if training.step == 3:
            with monkeypatch.context() as patch:
                patch.setattr("napari_semiseg.files._flush", no_space)
                save(path)
        save(path)

    def no_space(path: Path) -> None:
        raise OSError(28, "No space left on device")

    training.save_checkpoint = full  # type: ignore[method-assign]
    record = train(run, training, checkpoint_seconds=0.0)
    assert (record.state, record.failure_kind) == ("failed", "disk")
    assert "disk is full" in str(record.failure)
    assert run.checkpoint is not None
    assert read_json(run.checkpoint)["step"] == 2
    assert FakeTraining.resume(run.checkpoint).step == 2
    assert not (run.path / ".reserve").exists()


def test_moved_project_ends_with_a_sentence(tmp_path: Path, run: RunFolder) -> None:
    elsewhere = tmp_path.parent / f"{tmp_path.name}-moved"

    def before_step(step: int) -> None:
        if step == 3:
            shutil.move(tmp_path, elsewhere)

    record = train(run, FakeTraining(before_step=before_step), checkpoint_seconds=0.0)
    assert (record.state, record.failure_kind) == ("failed", "moved")
    assert "moved" in str(record.failure)
    moved = EventFollower(elsewhere / run.events.relative_to(tmp_path)).read()
    assert moved[-1]["event"] == "failed"
    assert not tmp_path.exists()


def test_terminate_saves_and_ends_without_a_model(run: RunFolder) -> None:
    training = at_step(run, {3: lambda: os.kill(os.getpid(), signal.SIGTERM)})
    before = signal.getsignal(signal.SIGTERM)
    record = train(run, training)
    assert (record.state, record.accepted) == ("stopped", None)
    assert read_json(run.last_checkpoint)["step"] == 3
    assert signal.getsignal(signal.SIGTERM) == before


def test_interrupted_evaluation_leaves_a_stopped_run(run: RunFolder) -> None:
    record = train(run, FakeTraining(), finish=lambda *arguments: None)
    assert (record.state, record.accepted) == ("stopped", None)
    again = FakeTraining.resume(run.checkpoint)
    assert train(run, again, resumed=True, finish=finish).state == "finished"


def test_resumed_run_equals_the_unbroken_one(run: RunFolder) -> None:
    unbroken = FakeTraining(total_steps=9)
    list(unbroken)
    training = FakeTraining(
        total_steps=9,
        before_step=lambda step: send(run.control, "stop") if step == 4 else None,
    )
    train(run, training)
    again = FakeTraining.resume(run.checkpoint)
    train(run, again, resumed=True)
    np.testing.assert_array_equal(again.weights, unbroken.weights)
    steps = [e["step"] for e in without_repeats(events(run)) if e["event"] == "step"]
    assert steps == list(range(1, 10))


def test_resume_clears_the_old_failure(run: RunFolder) -> None:
    failing = FakeTraining(loss=lambda step: math.nan if step == 4 else 1.0)
    train(run, failing)
    record = train(run, FakeTraining.resume(run.checkpoint), resumed=True)
    assert (record.state, record.failure) == ("finished", None)
