"""Saving: soon, in order, outside the main thread, again after a failure."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from napari_semiseg.errors import SemisegError
from napari_semiseg.viewer import autosave
from napari_semiseg.viewer.autosave import Autosave

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from pytestqt.qtbot import QtBot


class Sheet:
    """Something that changes, and what of it lies on the disk."""

    def __init__(self) -> None:
        self.now = 0
        self.disk: list[int] = []
        self.threads: set[str] = set()
        self.broken = False

    def take(self) -> Callable[[], None]:
        value = self.now

        def write() -> None:
            self.threads.add(threading.current_thread().name)
            if self.broken:
                raise SemisegError("The disk is full.")
            self.disk.append(value)

        return write


def test_strokes_are_saved_by_themselves_within_two_seconds(qtbot: QtBot) -> None:
    saving, sheet = Autosave(), Sheet()

    with qtbot.waitSignal(saving.saved, timeout=2000):
        for value in range(1, 6):
            sheet.now = value
            saving.mark("sheet", sheet.take)
        assert saving.unsaved
    saving.close()

    assert sheet.disk == [5]
    assert sheet.threads == {"napari-semiseg-saving"}
    assert not saving.unsaved


def test_a_long_stroke_is_saved_while_it_goes_on(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autosave, "_DELAY", 20)
    saving, sheet = Autosave(), Sheet()

    def go_on() -> bool:
        sheet.now += 1
        saving.mark("sheet", sheet.take)
        return len(sheet.disk) >= 3

    qtbot.waitUntil(go_on, timeout=5000)
    saving.close()

    assert sheet.disk == sorted(set(sheet.disk))


def test_flush_waits_until_all_is_on_the_disk(qtbot: QtBot) -> None:
    saving, one, two = Autosave(), Sheet(), Sheet()
    one.now, two.now = 1, 2
    saving.mark("one", one.take)
    saving.mark("two", two.take)

    assert saving.flush()
    assert (one.disk, two.disk) == ([1], [2])
    saving.close()


def test_a_failed_write_is_said_and_tried_again(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autosave, "_RETRY", 20)
    saving, sheet = Autosave(), Sheet()
    sheet.now, sheet.broken = 7, True

    saving.mark("sheet", sheet.take)
    with qtbot.waitSignal(saving.failed) as caught:
        assert not saving.flush()
    sheet.broken = False
    with qtbot.waitSignal(saving.saved):
        pass
    saving.close()

    assert "The disk is full." in caught.args[0]
    assert sheet.disk == [7]


def test_what_could_not_be_written_is_not_hidden_by_what_could(qtbot: QtBot) -> None:
    saving, one, two = Autosave(), Sheet(), Sheet()
    saved: list[float] = []
    saving.saved.connect(saved.append)
    one.broken = True
    saving.mark("one", one.take)
    saving.mark("two", two.take)

    with qtbot.waitSignal(saving.failed):
        assert not saving.flush()
    qtbot.wait(0)
    assert two.disk == [0]
    assert saved == []

    one.broken = False
    with qtbot.waitSignal(saving.saved):
        assert saving.flush()
    assert one.disk == [0]
    saving.close()
