"""The event file of a run: one JSON object a line, appended by one process.

Followers read bytes, never text lines: a line is only there once its newline is.
"""

from __future__ import annotations

import json
import math
import os
import time
from typing import TYPE_CHECKING, Any

from napari_semiseg.files import disk_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from types import TracebackType
    from typing import Self

Event = dict[str, Any]


class EventWriter:
    """Appends events; the only writer of its file.

    A tail without newline, left by a killed process, is cut off at opening.

    Parameters
    ----------
    path
        The ``events.jsonl``.
    on_event
        Called with each event after it is on its way to the disk.
    """

    def __init__(
        self, path: Path, *, on_event: Callable[[Event], None] | None = None
    ) -> None:
        self._path = path
        self._on_event = on_event
        with disk_errors(path):
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
            self._descriptor: int | None = os.open(path, flags, 0o666)
        self._size = cut_torn_tail(path)

    def write(self, name: str, **fields: Any) -> Event:
        """Append one event.

        Not-a-number is no JSON: such values become null, their names are listed under
        ``not_finite``.

        Raises
        ------
        DiskFullError
            When the disk is full; the file then ends with the event before.
        """
        bad: list[str] = []
        event: Event = {"event": name, "time": time.time()}
        event.update({key: _plain(value, key, bad) for key, value in fields.items()})
        if bad:
            event["not_finite"] = bad
        self._append(json.dumps(event, allow_nan=False).encode() + b"\n")
        if self._on_event is not None:
            self._on_event(event)
        return event

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        """Return the writer, closed at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    def _append(self, line: bytes) -> None:
        if self._descriptor is None:
            raise ValueError("the event file is closed")
        with disk_errors(self._path):
            try:
                _write_all(self._descriptor, line)
            except OSError:
                # Half a line on a full disk; cutting back needs no room.
                os.ftruncate(self._descriptor, self._size)
                raise
        self._size += len(line)


class EventFollower:
    """Reads what was appended since the last time.

    ``damaged`` counts complete lines that are no JSON.
    """

    def __init__(self, path: Path, offset: int = 0) -> None:
        self._path = path
        self.offset = offset
        self.damaged = 0

    def read(self) -> list[Event]:
        """New complete events, oldest first; a file that shrank is read again."""
        try:
            with self._path.open("rb") as file:
                if file.seek(0, os.SEEK_END) < self.offset:
                    self.offset = 0
                file.seek(self.offset)
                content = file.read()
        except FileNotFoundError:
            return []
        end = content.rfind(b"\n") + 1
        self.offset += end
        # bytes.splitlines and str.splitlines break at more than the newline.
        return [
            e for line in content[:end].split(b"\n")[:-1] for e in self._parse(line)
        ]

    def _parse(self, line: bytes) -> list[Event]:
        try:
            event = json.loads(line)
        except ValueError:
            self.damaged += 1
            return []
        if isinstance(event, dict):
            return [event]
        self.damaged += 1
        return []


def without_repeats(events: Iterable[Event]) -> list[Event]:
    """Events of the run as it counts: steps that a resume undid are left out."""
    kept: list[Event] = []
    for event in events:
        if event.get("event") == "resumed":
            kept = [old for old in kept if not _undone(old, event["step"])]
        kept.append(event)
    return kept


def cut_torn_tail(path: Path) -> int:
    """Cut a file back to its last newline; return its size in bytes."""
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        end = size
        while end > 0:
            start = max(0, end - 65536)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                end = start + found + 1
                break
            end = start
        if end < size:
            file.truncate(end)
        return end


def last_events(path: Path, n_bytes: int = 65536) -> list[Event]:
    """The events in the last ``n_bytes`` of the file, without its first torn line."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return []
    return EventFollower(path, max(0, size - n_bytes)).read()


def _write_all(descriptor: int, content: bytes) -> None:
    # A write may be short without an error (a size limit, an interrupt).
    while content:
        content = content[os.write(descriptor, content) :]


def _undone(event: Event, step: int) -> bool:
    return event.get("event") == "step" and event.get("step", 0) > step


def _plain(value: Any, name: str, bad: list[str]) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v, f"{name}.{k}", bad) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v, f"{name}.{i}", bad) for i, v in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        bad.append(name)
        return None
    return value
