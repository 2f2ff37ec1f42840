"""A disk that is really full: a small file system in memory."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from fake_training import FakeTraining, training_run

from napari_semiseg.runs.events import EventFollower
from napari_semiseg.runs.folder import RunFolder
from napari_semiseg.runs.status import status

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("file systems cannot be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(place: Path) -> None:
    descriptor = os.open(place / "filler", os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(descriptor, bytes(4096))
    except OSError:
        pass
    finally:
        os.close(descriptor)


def test_full_disk_is_told_and_the_run_resumes_once_there_is_room(
    small_disk: Path,
) -> None:
    def before_step(step: int) -> None:
        if step == 3:
            fill(small_disk)

    run = RunFolder.create(small_disk, "fake")
    training = FakeTraining(before_step=before_step)
    record = training_run(run, training, checkpoint_seconds=0.0).train()
    assert (record.state, record.failure_kind) == ("failed", "disk")
    # The reserve made room to write it all down.
    assert "disk is full" in status(run).sentence
    assert EventFollower(run.events).read()[-1]["event"] == "failed"
    (small_disk / "filler").unlink()
    again = FakeTraining.resume(run.checkpoint)
    assert again.step >= 2
    assert training_run(run, again, resumed=True).train().state == "finished"
