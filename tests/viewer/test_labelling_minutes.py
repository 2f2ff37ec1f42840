from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.project.labelling_time import LabellingTime
from napari_semiseg.project.project import Project
from napari_semiseg.viewer.labelling_minutes import LabellingMinutes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

    from napari_semiseg.viewer.desk import Desk

HERE, THERE = Box((10, 20), (64, 64)), Box((100, 100), (64, 64))


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def minutes(bench: Desk, clock: Clock) -> Iterator[LabellingMinutes]:
    """On a project with two tiles in its first image; the first is in hand."""
    made = LabellingMinutes(bench, clock)
    bench.session.leaving.connect(bench.autosave.flush)
    item = bench.session.opened.images[0]
    for box in (HERE, THERE):
        bench.session.annotations.add_tile(item, box)
    bench.session.tiles_changed.emit(item.id)
    bench.annotating.take((item.id, HERE))
    yield made
    made.close()


def stroke(desk: Desk, y: int) -> None:
    layer = desk.annotating.annotation.layer
    assert layer is not None
    layer.brush_size = 3
    layer.paint((y, 10), 1)


def recorded(project: Project) -> dict[tuple[int, Any], float]:
    """Seconds by number of image and tile; None: elsewhere."""
    found: dict[tuple[int, Any], float] = {}
    fresh = Project.open(project.folder)
    for number, item in enumerate(fresh.images):
        times = LabellingTime(fresh).times(item)
        found |= {(number, one.box): one.seconds for one in times.tiles}
        if times.elsewhere:
            found[number, None] = times.elsewhere
    return found


def test_strokes_and_keys_count_for_the_tile_in_hand(
    bench: Desk, minutes: LabellingMinutes, clock: Clock
) -> None:
    stroke(bench, 5)
    clock.now += 10
    stroke(bench, 9)
    clock.now += 4
    bench.keys.pressed.emit("new id")
    clock.now += 31  # Somebody was away.
    stroke(bench, 13)
    assert recorded(bench.session.opened) == {}

    bench.annotating.take((bench.session.opened.images[0].id, THERE))
    clock.now += 5
    stroke(bench, 5)
    project = bench.session.opened
    bench.session.close()

    assert recorded(project) == {(0, HERE): 14, (0, THERE): 5}


def test_it_is_written_while_one_works(
    bench: Desk, minutes: LabellingMinutes, clock: Clock, qtbot: QtBot
) -> None:
    stroke(bench, 5)
    clock.now += 7
    stroke(bench, 9)
    qtbot.waitUntil(
        lambda: recorded(bench.session.opened) == {(0, HERE): 7}, timeout=10_000
    )


def test_corrections_count_elsewhere_unless_they_are_in_the_tile(
    bench: Desk, minutes: LabellingMinutes, clock: Clock
) -> None:
    item = bench.session.opened.images[0]
    for seconds, box in ((3, Box((90, 90), (4, 4))), (5, Box((12, 22), (4, 4)))):
        bench.session.corrected.emit(item.id, box)
        clock.now += seconds
        bench.session.corrected.emit(item.id, box)
    project = bench.session.opened
    bench.session.close()
    assert recorded(project) == {(0, None): 3, (0, HERE): 5}


def test_a_key_of_the_dock_is_an_act(
    bench: Desk, minutes: LabellingMinutes, clock: Clock
) -> None:
    for _ in range(2):
        clock.now += 6
        handler = bench.viewer.window._qt_viewer._key_map_handler
        assert handler.press_key("N")
    project = bench.session.opened
    bench.session.close()
    assert recorded(project) == {(0, HERE): 6}


def test_nothing_is_written_while_the_mouse_is_down(
    bench: Desk, minutes: LabellingMinutes, clock: Clock, monkeypatch: Any
) -> None:
    """The whole of a long stroke counts, also beyond the pause."""
    marked: list[Any] = []
    monkeypatch.setattr(bench.autosave, "mark", lambda key, take: marked.append(key))
    event = SimpleNamespace(type="mouse_press")
    (drag,) = [c for c in bench.viewer.mouse_drag_callbacks if c == minutes._drag]
    going = drag(bench.viewer, event)
    next(going)
    event.type = "mouse_move"
    for _ in range(5):
        clock.now += 20
        next(going)
    minutes._write_soon()
    assert ("minutes",) not in marked
    event.type = "mouse_release"
    with pytest.raises(StopIteration):
        next(going)
    minutes._write_soon()
    assert ("minutes",) in marked
    assert minutes.seconds == 100


def test_moving_the_view_is_no_labelling(
    bench: Desk, minutes: LabellingMinutes, clock: Clock
) -> None:
    layer = bench.annotating.annotation.layer
    assert layer is not None
    layer.mode = "pan_zoom"
    for _ in range(3):
        clock.now += 2
        event = SimpleNamespace(type="mouse_press")
        assert list(minutes._drag(bench.viewer, event)) == []
    project = bench.session.opened
    bench.session.close()
    assert recorded(project) == {}


def test_who_may_only_look_is_not_counted(
    bench: Desk, minutes: LabellingMinutes, clock: Clock
) -> None:
    bench.session.read_only = "Somebody else has it open."
    for _ in range(3):
        clock.now += 2
        bench.keys.pressed.emit("next tile")
    project = bench.session.opened
    bench.session.close()
    assert recorded(project) == {}


def test_what_cannot_be_written_is_written_later_and_nobody_is_told(
    bench: Desk, minutes: LabellingMinutes, clock: Clock, monkeypatch: Any
) -> None:
    failed: list[str] = []
    bench.autosave.failed.connect(failed.append)
    bench.annotating.annotation.layer.mode = "paint"

    def refuse(*_: Any) -> None:
        raise SemisegError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(LabellingTime, "add", refuse)
        for _ in range(2):
            clock.now += 8
            bench.keys.pressed.emit("new id")
        minutes._write_soon()
        assert bench.autosave.flush()
    clock.now += 1
    bench.keys.pressed.emit("new id")
    project = bench.session.opened
    bench.session.close()
    assert recorded(project) == {(0, HERE): 9}
    assert not failed


def test_what_was_recorded_before_counts_too(
    bench: Desk, minutes: LabellingMinutes, clock: Clock, qtbot: QtBot
) -> None:
    project = bench.session.opened
    LabellingTime(project).add(project.images[1], None, 60)
    bench.session.close()
    assert minutes.seconds is None
    bench.session.open(project)
    qtbot.waitUntil(lambda: minutes.seconds == 60)
