from __future__ import annotations

from typing import TYPE_CHECKING

from napari_semiseg.geometry import Box
from napari_semiseg.runs.control import Inbox, send, send_preview

if TYPE_CHECKING:
    from pathlib import Path


def test_requests_of_two_watchers_both_arrive(tmp_path: Path) -> None:
    pause = send(tmp_path, "pause")
    preview = send_preview(tmp_path, "cells", Box((0, 4), (8, 8)))
    inbox = Inbox(tmp_path, since=0)
    assert {r.id for r in inbox.read()} == {pause.id, preview.id}
    assert inbox.read() == []
    assert list(tmp_path.iterdir()) == []


def test_requests_arrive_in_their_order(tmp_path: Path) -> None:
    sent = [send(tmp_path, kind).id for kind in ("pause", "resume", "stop")]
    assert [r.id for r in Inbox(tmp_path, 0).read()] == sent


def test_requests_older_than_the_start_are_dropped(tmp_path: Path) -> None:
    old = send(tmp_path, "stop")
    inbox = Inbox(tmp_path, since=old.created + 1e-6)
    assert inbox.read() == []
    assert list(tmp_path.iterdir()) == []
    fresh = send(tmp_path, "pause")
    assert [r.id for r in inbox.read()] == [fresh.id]


def test_damaged_and_half_written_requests_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "damaged.json").write_text("{")
    half = tmp_path / ".half.json"
    half.write_text("{")
    assert Inbox(tmp_path, 0).read() == []
    assert list(tmp_path.iterdir()) == [half]
