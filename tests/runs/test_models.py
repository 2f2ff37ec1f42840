from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from napari_semiseg.errors import SemisegError
from napari_semiseg.files import write_json
from napari_semiseg.geometry import Box
from napari_semiseg.runs.chosen_model import choose_model
from napari_semiseg.runs.folder import RunFolder
from napari_semiseg.runs.lineage import learned_boxes
from napari_semiseg.runs.models import model_in_use, start_folder

if TYPE_CHECKING:
    from pathlib import Path


def finished(project: Path, accepted: bool | None, ended: str) -> RunFolder:
    run = RunFolder.create(project, "actis")
    write_json(run.model / "model.json", {"name": run.id})
    run.update(state="finished", accepted=accepted, ended=ended)
    return run


def test_newest_accepted_run_is_in_use(tmp_path: Path) -> None:
    assert model_in_use(tmp_path) is None
    finished(tmp_path, None, "2026-01-01")
    assert model_in_use(tmp_path) is None
    first = finished(tmp_path, True, "2026-01-02")
    second = finished(tmp_path, True, "2026-01-03")
    finished(tmp_path, False, "2026-01-04")
    assert model_in_use(tmp_path) == second
    assert model_in_use(tmp_path, without=second) == first


def test_accepted_run_without_model_does_not_count(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, "actis")
    run.update(accepted=True)
    assert model_in_use(tmp_path) is None


def test_where_a_run_starts_from(tmp_path: Path) -> None:
    assert start_folder("scratch", tmp_path) is None
    with pytest.raises(SemisegError, match="no model to go on from"):
        start_folder("last", tmp_path)
    run = finished(tmp_path, True, "2026-01-01")
    for start in ("last", run.id, run.path, run.model):
        assert start_folder(start, tmp_path) == run.model
    with pytest.raises(SemisegError, match="no model in elsewhere"):
        start_folder("elsewhere", tmp_path)


def card(*origins: tuple[int, int], **fields: Any) -> dict[str, Any]:
    tiles = [
        {"image_id": "a", "image_hash": "h", "origin": origin, "size": (8, 8)}
        for origin in origins
    ]
    return {"trained_on": tiles, **fields}


def test_what_all_ancestors_learned_counts() -> None:
    learned = learned_boxes(card((0, 0), ancestors=[card((20, 0)), card((40, 0))]))
    assert [box.box.origin for box in learned] == [(0, 0), (20, 0), (40, 0)]


def test_image_is_told_by_its_hash_else_by_its_id() -> None:
    (learned,) = learned_boxes(card((0, 0)))
    touching, apart = Box((7, 7), (8, 8)), Box((8, 0), (8, 8))
    assert learned.touches("renamed", "h", touching)
    assert not learned.touches("a", "other pixels", touching)
    assert learned.touches("a", "", touching)
    assert not learned.touches("a", "h", apart)


def test_model_chosen_by_hand_is_used_until_a_later_one_is_accepted(
    tmp_path: Path,
) -> None:
    first = finished(tmp_path, False, "2026-01-01")
    second = finished(tmp_path, True, "2026-01-02")
    choose_model(tmp_path, first)
    assert model_in_use(tmp_path) == first
    assert model_in_use(tmp_path, without=first) == second
    later = finished(tmp_path, True, "9999-01-01")
    assert model_in_use(tmp_path) == later
    later.update(accepted=False)
    choose_model(tmp_path, None)
    assert model_in_use(tmp_path) == second


def test_choice_of_a_model_that_is_gone_means_nothing(tmp_path: Path) -> None:
    first = finished(tmp_path, False, "2026-01-01")
    second = finished(tmp_path, True, "2026-01-02")
    choose_model(tmp_path, first)
    (first.model / "model.json").unlink()
    assert model_in_use(tmp_path) == second
    with pytest.raises(SemisegError, match="no model yet"):
        choose_model(tmp_path, first)
    elsewhere = finished(tmp_path / "elsewhere", True, "2026-01-03")
    with pytest.raises(SemisegError, match="another project"):
        choose_model(tmp_path, elsewhere)
    stranger = {"run": f"../elsewhere/runs/{elsewhere.id}", "chosen": "9"}
    for content in ("{", json.dumps(stranger)):
        (tmp_path / "runs" / "chosen.json").write_text(content)
        assert model_in_use(tmp_path) == second
