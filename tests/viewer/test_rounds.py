"""Rounds in the dock: looked at, told apart, gone back to; with a real canvas."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from desk_fakes import finished_run
from hands import Hands
from projects import make_project
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from rig import SHAPE, WHOLE, saved

from napari_semiseg import api
from napari_semiseg.geometry import Box
from napari_semiseg.project.owners import Owner
from napari_semiseg.runs.chosen_thresholds import choose_thresholds
from napari_semiseg.runs.models import model_in_use
from napari_semiseg.segmentation.changes import GAINED, LOST, SPLIT
from napari_semiseg.segmentation.watershed import Thresholds
from napari_semiseg.viewer.canvas import camera_of
from napari_semiseg.viewer.opening import add_dock
from napari_semiseg.viewer.own_layers import use_of
from napari_semiseg.viewer.rounds.change_layers import DIFFERENCES, OTHER_ROUND

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot
    from rig import Rig

    from napari_semiseg.viewer.dock import SemisegDock

SLOW = 90_000  # Milliseconds: processes start on a busy computer.
# Outside the labelled tile (0 to 48).
BOTH, LOST_ONE, SPLIT_ONE, NEW = (60, 10), (60, 40), (60, 80), (20, 80)


def draw(run: Any, *boxes: tuple[int, int, int, int]) -> None:
    instances = np.zeros(SHAPE, np.int32)
    for number, (y, x, height, width) in enumerate(boxes, start=1):
        instances[y : y + height, x : x + width] = number
    np.save(run.path / "sees.npy", instances)


@pytest.fixture
def runs(rig: Rig) -> list[Any]:
    """Two rounds; of the first, an object is lost, one split, one gained."""
    labels = [
        {"tiles": 1, "objects": 9, "minutes": 2.0},
        {"tiles": 3, "objects": 30, "minutes": 7.0},
    ]
    made = [
        finished_run(
            rig.project,
            f"{number}",
            labels=one,
            ended=f"2026-02-0{number}T00:00:00+00:00",
            scores={"validation.ap_actis": 0.4 + 0.1 * number},
            validated=True,
        )
        for number, one in enumerate(labels, start=1)
    ]
    draw(made[0], (*BOTH, 12, 12), (*LOST_ONE, 12, 12), (*SPLIT_ONE, 12, 24))
    draw(
        made[1],
        (*BOTH, 12, 12),
        (*SPLIT_ONE, 12, 11),
        (SPLIT_ONE[0], SPLIT_ONE[1] + 13, 12, 11),
        (*NEW, 10, 10),
    )
    return made


@pytest.fixture
def dock(rig: Rig, runs: list[Any], qtbot: QtBot) -> SemisegDock:
    made = rig.new_dock(show=True)
    made.open_step("Review")
    rows(made).set_open(True)
    qtbot.waitUntil(lambda: len(made.desk.rounds.book.rounds) == 2, timeout=SLOW)
    settled(made, qtbot)
    # pytest holds on to it for longer than the viewer may live.
    return weakref.proxy(made)


def rows(dock: SemisegDock) -> Any:
    return dock.panel("Review").rounds


def settled(dock: SemisegDock, qtbot: QtBot) -> None:
    """Wait until what is in view has been seen by whoever is asked."""
    desk = dock.desk

    def done() -> bool:
        seen = desk.teacher.known_in(WHOLE) and not desk.teacher.busy
        return seen and not desk.looking.waiting

    qtbot.waitUntil(done, timeout=SLOW)


def look_at(dock: SemisegDock, run: Any, qtbot: QtBot) -> None:
    """Click a round in the list, and wait until its objects are shown."""
    found, looking = rows(dock).list, dock.desk.looking
    entries = [found.topLevelItem(n) for n in range(found.topLevelItemCount())]
    (entry,) = [e for e in entries if e.data(0, Qt.ItemDataRole.UserRole) == run.id]
    place = found.visualItemRect(entry).center()
    QTest.mouseClick(found.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert looking.teacher.run == run
    with qtbot.waitSignal(looking.changed, timeout=SLOW):
        pass  # It was asked, as soon as the camera rested.
    settled(dock, qtbot)


def layer(dock: SemisegDock, use: str) -> Any:
    return next((la for la in dock.desk.viewer.layers if use_of(la) == use), None)


def shown_at(dock: SemisegDock, pixel: tuple[int, int]) -> int:
    y, x = pixel
    return int(layer(dock, "instances").data[y + 4, x + 4])


def compare(dock: SemisegDock, qtbot: QtBot) -> Any:
    comparing = dock.desk.rounds.comparing
    if not comparing.on:
        qtbot.waitUntil(rows(dock).outline.isEnabled)
        QTest.mouseClick(rows(dock).outline, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: comparing.result is not None, timeout=SLOW)
    return comparing.result


def test_a_round_in_the_list_is_looked_at_and_nothing_else_changes(
    dock: SemisegDock, runs: list[Any], rig: Rig, qtbot: QtBot
) -> None:
    first, second = runs
    shown = [rows(dock).list.topLevelItem(n).text(0) for n in (0, 1)]
    assert shown == ["2, in use", "1"]
    assert rows(dock).list.topLevelItem(1).text(2) == "9 objects, 1 tile, 2 min"
    assert shown_at(dock, NEW) and not shown_at(dock, LOST_ONE)
    same, camera = shown_at(dock, BOTH), camera_of(dock.desk.viewer)
    view = (tuple(camera.center), camera.zoom)
    selected = dock.desk.viewer.layers.selection.active

    look_at(dock, first, qtbot)

    assert shown_at(dock, LOST_ONE) and not shown_at(dock, NEW)
    assert shown_at(dock, BOTH) == same  # The same colour.
    assert model_in_use(rig.project) == second
    assert "round 1 finds; round 2 is in use" in rows(dock).words.text()
    assert (tuple(camera.center), camera.zoom) == view
    assert dock.desk.viewer.layers.selection.active is selected

    look_at(dock, second, qtbot)
    assert shown_at(dock, NEW) and not shown_at(dock, LOST_ONE)
    assert rows(dock).words.text() == "Round 2 is in use."


def test_a_stroke_meets_the_objects_of_the_round_in_view_and_stays(
    dock: SemisegDock, runs: list[Any], rig: Rig, qtbot: QtBot
) -> None:
    hands, item = Hands(dock), rig.items[0]
    look_at(dock, runs[0], qtbot)
    lost = shown_at(dock, LOST_ONE)
    instances = layer(dock, "instances")
    dock.desk.viewer.layers.selection.active = instances
    instances.mode = "paint"
    instances.selected_label, instances.brush_size = lost, 3
    y, x = LOST_ONE

    hands.stroke([(y + 6, x + 6), (y + 6, x + 15)])
    look_at(dock, runs[1], qtbot)

    # All of the object of round 1 is the person's now, though round 2 has none there.
    assert shown_at(dock, LOST_ONE) > 0
    kept = saved(dock.desk, item)
    mine = kept.instances == shown_at(dock, LOST_ONE)
    assert mine[y : y + 12, x : x + 12].all()
    assert (kept.owners[mine] == Owner.HUMAN).all()
    assert not (kept.owners[60:72, 10:22] >= Owner.ACCEPTED).any()


def test_differences_are_outlined_and_counted(
    dock: SemisegDock, runs: list[Any], qtbot: QtBot
) -> None:
    viewer = dock.desk.viewer
    camera, selected = camera_of(viewer), viewer.layers.selection.active
    view = (tuple(camera.center), camera.zoom)

    found = compare(dock, qtbot)

    counts = found.changes.counts()
    assert (counts["gained"], counts["lost"], counts["split"]) == (1, 1, 1)
    assert (counts["merged"], counts["kept"]) == (0, 1)
    drawn = layer(dock, DIFFERENCES)
    assert not drawn.editable
    offset = found.box.origin
    for (y, x), value in ((NEW, GAINED), (LOST_ONE, LOST), (SPLIT_ONE, SPLIT)):
        assert drawn.data[y - offset[0], x - offset[1]] == value
        assert drawn.data[y + 5 - offset[0], x + 5 - offset[1]] == 0
    qtbot.waitUntil(lambda: "1&nbsp;gained" in rows(dock).legend.text())
    assert rows(dock).legend.text().startswith("From round 1 to round 2")
    assert (tuple(camera.center), camera.zoom) == view
    assert viewer.layers.selection.active is selected

    QTest.mouseClick(rows(dock).outline, Qt.MouseButton.LeftButton)
    assert layer(dock, DIFFERENCES) is None


def test_differences_follow_the_round_in_view_and_the_thresholds(
    dock: SemisegDock, runs: list[Any], rig: Rig, qtbot: QtBot
) -> None:
    third = finished_run(rig.project, "333", ended="2026-02-03T00:00:00+00:00")
    draw(third, (*BOTH, 12, 12))
    dock.desk.session.model_changed.emit()
    book = dock.desk.rounds.book
    qtbot.waitUntil(lambda: len(book.rounds) == 3)
    settled(dock, qtbot)
    comparing = dock.desk.rounds.comparing
    assert comparing.other.number == 2
    assert compare(dock, qtbot).changes.counts()["lost"] == 3

    look_at(dock, runs[0], qtbot)
    qtbot.waitUntil(lambda: comparing.result is not None, timeout=SLOW)
    assert (comparing.other.number, comparing.result.before) == (3, runs[0].id)

    rows(dock).other.setCurrentIndex(rows(dock).other.findData(runs[1].id))
    rows(dock).other.activated.emit(rows(dock).other.currentIndex())
    qtbot.waitUntil(
        lambda: comparing.result is not None and comparing.result.after == runs[1].id,
        timeout=SLOW,
    )
    assert comparing.result.changes.counts()["split"] == 1
    rows(dock).other.setCurrentIndex(rows(dock).other.findData(third.id))
    rows(dock).other.activated.emit(rows(dock).other.currentIndex())
    qtbot.waitUntil(
        lambda: comparing.result is not None and comparing.result.after == third.id,
        timeout=SLOW,
    )
    assert comparing.result.changes.counts()["lost"] == 2
    # Nothing is an object where the model must be surer than it ever is.
    dock.desk.reviewing.cutting.put(0.97, 0.97, 0)
    qtbot.waitUntil(
        lambda: (
            comparing.result is not None
            and comparing.result.changes.counts()["gained"] == 1
        ),
        timeout=SLOW,
    )


def test_who_deletes_the_layer_wants_no_comparison(
    dock: SemisegDock, runs: list[Any], qtbot: QtBot
) -> None:
    compare(dock, qtbot)
    dock.desk.viewer.layers.remove(layer(dock, DIFFERENCES))

    qtbot.waitUntil(lambda: not dock.desk.rounds.comparing.on)
    qtbot.waitUntil(lambda: not rows(dock).outline.isChecked())
    assert layer(dock, OTHER_ROUND) is None
    assert compare(dock, qtbot) is not None
    assert layer(dock, DIFFERENCES) is not None


@pytest.fixture
def ready(dock: SemisegDock, runs: list[Any], qtbot: QtBot) -> SemisegDock:
    compare(dock, qtbot)
    qtbot.waitUntil(lambda: dock.desk.rounds.blinking.ready, timeout=SLOW)
    return dock


def hold_key(dock: SemisegDock) -> None:
    dock.desk.viewer.window._qt_viewer._key_map_handler.press_key("9")


def let_go(dock: SemisegDock) -> None:
    dock.desk.viewer.window._qt_viewer._key_map_handler.release_key("9")


def test_a_held_key_shows_the_other_round_in_the_same_colours(
    ready: SemisegDock,
) -> None:
    instances = layer(ready, "instances")
    before = instances.data.copy()

    assert not layer(ready, OTHER_ROUND).visible
    hold_key(ready)

    other = layer(ready, OTHER_ROUND)
    assert other.visible and not instances.visible
    # Outlines keep their colours.
    order = list(ready.desk.viewer.layers)
    assert order.index(layer(ready, DIFFERENCES)) > order.index(other)
    y, x = np.array(BOTH) + 4 - ready.desk.rounds.comparing.result.box.origin
    assert other.data[y, x] == shown_at(ready, BOTH)
    y, x = np.array(LOST_ONE) + 4 - ready.desk.rounds.comparing.result.box.origin
    assert other.data[y, x] > before.max()

    let_go(ready)
    assert instances.visible and not other.visible
    np.testing.assert_array_equal(instances.data, before)


def test_the_button_blinks_as_long_as_it_is_pressed(ready: SemisegDock) -> None:
    blink = rows(ready).blink
    QTest.mousePress(blink, Qt.MouseButton.LeftButton)
    assert layer(ready, OTHER_ROUND).visible
    QTest.mouseRelease(blink, Qt.MouseButton.LeftButton)
    assert not layer(ready, OTHER_ROUND).visible


def test_what_is_mine_stays_while_another_round_is_seen(ready: SemisegDock) -> None:
    mine = shown_at(ready, NEW)  # Only round 2, in view, has found it.
    assert ready.desk.teacher.accept([mine]) == 1

    hold_key(ready)

    y, x = np.array(NEW) + 4 - ready.desk.rounds.comparing.result.box.origin
    assert layer(ready, OTHER_ROUND).data[y, x] == mine
    let_go(ready)


def test_nothing_is_corrected_on_objects_that_are_not_seen(
    ready: SemisegDock, rig: Rig
) -> None:
    hands, item = Hands(ready), rig.items[0]
    instances = layer(ready, "instances")
    ready.desk.viewer.layers.selection.active = instances
    instances.mode, instances.brush_size = "paint", 5
    instances.selected_label = shown_at(ready, BOTH)
    before = instances.data.copy()
    y, x = NEW
    hold_key(ready)

    hands.stroke([(y + 5, x + 5), (y + 5, x + 20)])
    hands.hover((BOTH[0] + 5, BOTH[1] + 5))
    hands.key("K")
    hands.key("Shift+X")
    instances.undo()

    let_go(ready)
    np.testing.assert_array_equal(instances.data, before)
    assert not saved(ready.desk, item).claimed.any()
    assert instances.mode == "paint"
    hands.stroke([(y + 5, x + 5), (y + 5, x + 20)])
    assert saved(ready.desk, item).claimed.any()


def test_an_earlier_model_is_taken_back_into_use_and_the_newest_again(
    dock: SemisegDock, runs: list[Any], rig: Rig, qtbot: QtBot
) -> None:
    hands, (first, second) = Hands(dock), runs
    assert not rows(dock).use.isEnabled()
    look_at(dock, first, qtbot)

    hands.press("Review", "Use this model")

    assert model_in_use(rig.project) == first
    qtbot.waitUntil(lambda: "you chose it" in rows(dock).words.text(), timeout=SLOW)
    assert dock.desk.looking.model == first
    hands.press("Review", "Back to the newest")
    assert model_in_use(rig.project) == second
    qtbot.waitUntil(lambda: rows(dock).words.text() == "Round 2 is in use.")
    settled(dock, qtbot)
    qtbot.waitUntil(lambda: shown_at(dock, NEW) > 0, timeout=SLOW)


def test_back_leaves_a_round_that_was_only_looked_at(
    dock: SemisegDock, runs: list[Any], rig: Rig, qtbot: QtBot
) -> None:
    look_at(dock, runs[0], qtbot)

    Hands(dock).press("Review", "Back to the newest")

    assert dock.desk.looking.teacher.run == runs[1]
    assert model_in_use(rig.project) == runs[1]


def test_what_labels_brought_is_drawn(dock: SemisegDock) -> None:
    labelled, scores = rows(dock).plot.drawn()

    assert labelled.tolist() == [9, 30]
    np.testing.assert_allclose(scores, [0.5, 0.6])
    assert rows(dock).plot.legend() == "score against objects labelled"


def test_thresholds_of_each_round_are_in_force(
    dock: SemisegDock, runs: list[Any], rig: Rig, qtbot: QtBot
) -> None:
    choose_thresholds(rig.project, runs[0], Thresholds(0.97, 0.97))
    dock.desk.session.opened.reload()

    found = compare(dock, qtbot)

    assert found.changes.counts()["gained"] == 4


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_models_that_were_trained_are_told_apart_as_on_the_command_line(
    make_napari_viewer: Callable[..., Any], tmp_path: Path, qtbot: QtBot
) -> None:
    tile = (Box((0, 0), (96, 64)), "training")
    project = make_project(tmp_path / "p", {0: [tile]})
    settings = {
        "tile_size": 32,
        "minimum_size": 4,
        "supervised": {"batch": 2, "learning_rate": 3e-3},
        "network": {"encoder": "mobilenet_v2", "weights": "none"},
    }
    for steps in (12, 60):
        record = api.train(
            project, method="supervised", steps=steps, settings=settings, device="cpu"
        )
        assert record.state == "finished"
    counts = api.compare_rounds(project, 1, 2, ["cells0"], device="cpu").images[0]
    dock = add_dock(make_napari_viewer(show=True))
    desk = dock.desk
    with qtbot.waitSignal(desk.images.shown, timeout=SLOW):
        dock.open_project(project.folder)
    dock.open_step("Review")
    qtbot.waitUntil(lambda: len(desk.rounds.book.rounds) == 2, timeout=SLOW)
    rows(dock).set_open(True)
    qtbot.waitUntil(lambda: desk.teacher.known_in(WHOLE), timeout=10 * SLOW)
    desk.rounds.book.look_at(api.rounds(project)[0].run)
    qtbot.waitUntil(lambda: desk.rounds.book.elsewhere is not None)

    desk.rounds.comparing.set_on(True)
    qtbot.waitUntil(lambda: desk.rounds.comparing.result is not None, timeout=10 * SLOW)

    found = desk.rounds.comparing.result
    assert found.box == WHOLE
    expected = {name: getattr(counts, name) for name in found.changes.counts()}
    assert found.changes.counts() == expected
    assert sum(expected.values()) > 3
    qtbot.waitUntil(lambda: layer(dock, DIFFERENCES) is not None)
