from __future__ import annotations

import json
import math
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_semiseg.errors import DiskFullError
from napari_semiseg.runs.events import (
    EventFollower,
    EventWriter,
    cut_torn_tail,
    last_events,
    without_repeats,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_follower_sees_each_event_once(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    follower = EventFollower(path)
    assert follower.read() == []
    with EventWriter(path) as writer:
        writer.write("step", step=1)
        assert [e["step"] for e in follower.read()] == [1]
        writer.write("step", step=2)
        writer.write("step", step=3)
        assert [e["step"] for e in follower.read()] == [2, 3]
        assert follower.read() == []


@given(st.data())
def test_torn_lines_are_read_when_whole(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """However the bytes arrive, no event is lost or doubled."""
    path = tmp_path_factory.mktemp("torn") / "events.jsonl"
    texts = data.draw(st.lists(st.text(max_size=8), min_size=1, max_size=5))
    whole = b"".join(
        json.dumps({"event": "x", "text": text}, ensure_ascii=False).encode() + b"\n"
        for text in texts
    )
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=4))
    follower = EventFollower(path)
    seen = []
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(whole)], strict=True):
        with path.open("ab") as file:
            file.write(whole[start:end])
        seen += follower.read()
    assert [event["text"] for event in seen] == texts
    assert follower.damaged == 0


def test_line_separator_in_a_text_is_no_newline(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes('{"event": "x", "text": "a\u2028b\x85c"}\n'.encode())
    assert EventFollower(path).read() == [{"event": "x", "text": "a\u2028b\x85c"}]


def test_torn_tail_is_cut_when_the_run_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"event": "step", "step": 1}\n{"event": "st')
    with EventWriter(path) as writer:
        writer.write("resumed", step=1)
    follower = EventFollower(path)
    assert [e["event"] for e in follower.read()] == ["step", "resumed"]
    assert follower.damaged == 0


@pytest.mark.parametrize(
    ("content", "kept"),
    [(b"", 0), (b"torn", 0), (b"a\n", 2), (b"a\nb", 2), (b"a\n" + b"b" * 200_000, 2)],
)
def test_cut_torn_tail(tmp_path: Path, content: bytes, kept: int) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(content)
    assert cut_torn_tail(path) == kept
    assert path.read_bytes() == content[:kept]


def test_damaged_lines_are_counted_and_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'\0\0\0\n[1]\n{"event": "step"}\n\xff\n')
    follower = EventFollower(path)
    assert follower.read() == [{"event": "step"}]
    assert follower.damaged == 3


def test_shrunken_file_is_read_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"event": "one"}\n{"event": "two"}\n')
    follower = EventFollower(path)
    follower.read()
    path.write_bytes(b'{"event": "new"}\n')
    assert follower.read() == [{"event": "new"}]


def test_not_a_number_becomes_null_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventWriter(path) as writer:
        writer.write("step", losses={"total": math.nan, "fine": 1.0}, list=[math.inf])
    event = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert event["losses"] == {"total": None, "fine": 1.0}
    assert event["not_finite"] == ["losses.total", "list.0"]


def test_steps_that_a_resume_undid_are_dropped() -> None:
    steps = [{"event": "step", "step": k} for k in (1, 2, 3)]
    resumed = {"event": "resumed", "step": 1}
    again = [{"event": "step", "step": k} for k in (2, 3, 4)]
    kept = without_repeats([*steps, resumed, *again])
    assert [e["step"] for e in kept if e["event"] == "step"] == [1, 2, 3, 4]


def test_last_events_leave_out_the_torn_first_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(
        b"".join(b'{"event": "step", "step": %d}\n' % k for k in range(99))
    )
    assert [e["step"] for e in last_events(path, 100)] == [96, 97, 98]
    assert len(last_events(path)) == 99


def test_short_writes_are_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    write = os.write
    monkeypatch.setattr("os.write", lambda file, content: write(file, content[:7]))
    with EventWriter(path) as writer:
        writer.write("step", step=1)
    assert [e["step"] for e in EventFollower(path).read()] == [1]


def test_full_disk_leaves_no_torn_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    write = os.write
    with EventWriter(path) as writer:
        writer.write("step", step=1)

        def half(file: int, content: bytes) -> int:
            write(file, content[:5])
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr("os.write", half)
            with pytest.raises(DiskFullError):
                writer.write("step", step=2)
        writer.write("failed", step=2)
    assert [e["event"] for e in EventFollower(path).read()] == ["step", "failed"]
