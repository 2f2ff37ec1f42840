from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from napari_semiseg.errors import SemisegError
from napari_semiseg.runs.folder import RunFolder, find_run, list_runs
from napari_semiseg.runs.record import RunRecord

if TYPE_CHECKING:
    from pathlib import Path


def test_runs_of_one_second_get_names_of_their_own(tmp_path: Path) -> None:
    runs = [RunFolder.create(tmp_path, "actis") for _ in range(3)]
    assert len({run.id for run in runs}) == 3
    assert list_runs(tmp_path) == runs
    assert all("actis" in run.id and run.project_folder == tmp_path for run in runs)


def test_record_survives_the_disk(run: RunFolder) -> None:
    run.update(
        state="training", seconds_per_step={"supervised": 0.5}, scores={"ap": 0.5}
    )
    record = run.record()
    assert record.state == "training"
    assert record.scores == {"ap": 0.5}
    assert RunRecord.model_validate_json(run.record_file.read_text()) == record


def test_newest_run_is_found_without_a_name(tmp_path: Path) -> None:
    RunFolder.create(tmp_path, "actis")
    last = RunFolder.create(tmp_path, "supervised")
    assert find_run(tmp_path) == last
    assert find_run(tmp_path, last.id) == last
    assert find_run(tmp_path, str(last.path)) == last


def test_unknown_run_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(SemisegError, match="no run yet"):
        find_run(tmp_path)
    run = RunFolder.create(tmp_path, "actis")
    with pytest.raises(SemisegError, match=run.id):
        find_run(tmp_path, "other")


def test_damaged_run_does_not_hide_the_others(tmp_path: Path) -> None:
    bad, good = (RunFolder.create(tmp_path, "actis") for _ in range(2))
    bad.record_file.write_text("{")
    assert list_runs(tmp_path) == [good]
    with pytest.raises(SemisegError, match="damaged"):
        bad.record()


def test_newer_schema_is_refused(run: RunFolder) -> None:
    content = json.loads(run.record_file.read_text())
    run.record_file.write_text(json.dumps({**content, "schema_version": 99}))
    with pytest.raises(SemisegError, match="newer version"):
        run.record()


def test_second_trainer_is_refused(run: RunFolder) -> None:
    with run.lock(), pytest.raises(SemisegError, match="trained already"), run.lock():
        pass
    with run.lock():
        pass


def test_previous_checkpoint_counts_when_the_newest_is_missing(run: RunFolder) -> None:
    assert run.checkpoint is None
    run.previous_checkpoint.write_text("old")
    assert run.checkpoint == run.previous_checkpoint
    run.last_checkpoint.write_text("new")
    assert run.checkpoint == run.last_checkpoint
