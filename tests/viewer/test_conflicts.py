"""Objects of the model that give way to a person's: what is left, listed, looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from rig import WatchedRun, refresh
from teacher_scenes import answer, dab, id_at, make_view, see

from napari_semiseg.geometry import Box
from napari_semiseg.project.owners import merge
from napari_semiseg.viewer.canvas import camera_of
from napari_semiseg.viewer.panels.review_conflicts import ConflictRows
from napari_semiseg.viewer.teacher.conflicts import conflicts_in

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot
    from rig import Rig

OBJECT = Box((60, 10), (20, 20))


def test_an_object_that_gives_way_is_listed_and_comes_back_by_undo() -> None:
    view = make_view(first=5)
    see(view, answer())
    number = id_at(view, 60, 40)

    view.stroke("instances", dab(52, 40, 7, 99))

    assert id_at(view, 70, 40) == 0
    (one,) = conflicts_in(view.teacher, view.human)
    assert (one.teacher_id, one.human_ids) == (number, (99,))
    assert one.box == view.teacher.place(number)
    assert 0.25 < one.share < 0.75
    view.undo()
    assert id_at(view, 70, 40) == number
    assert not conflicts_in(view.teacher, view.human)


def test_a_little_is_cut_off_and_pieces_go_wherever_they_lie() -> None:
    view = make_view(first=5)
    see(view, answer(discs=[(40, 60, 20)]))
    number = id_at(view, 40, 60)

    view.stroke("instances", dab(24, 47, 4, 99))  # Near the edge: a piece beyond it.

    theirs = view.teacher.instances == number
    claimed = view.human.claimed(view.window)
    assert (theirs & claimed).any()
    merged = merge(view.human.instances(view.window), view.teacher.instances, claimed)
    np.testing.assert_array_equal(
        view.shown.instances == number, (merged.instances > 99) & ~claimed
    )
    assert not conflicts_in(view.teacher, view.human)


def test_the_viewer_and_the_export_follow_one_rule() -> None:
    rng = np.random.default_rng(0)
    for _ in range(8):
        view = make_view(first=500)
        discs = [(*rng.integers(0, 96, 2).tolist(), 9) for _ in range(5)]
        see(view, answer(discs=discs))
        for number in range(3):
            y, x, radius = rng.integers(0, 90), rng.integers(0, 120), rng.integers(2, 9)
            view.stroke("instances", dab(int(y), int(x), int(radius), 400 + number))
        human = view.human.instances(view.window)
        claimed = view.human.claimed(view.window)
        merged = merge(human, view.teacher.instances, claimed)
        shift = max(int(human.max()), 0)
        theirs = np.where(claimed, 0, np.maximum(merged.instances - shift, 0))
        shown = np.where(claimed, 0, view.shown.instances)
        np.testing.assert_array_equal(shown, theirs)
        assert set(conflicts_in(view.teacher, view.human)) == set(merged.conflicts)


def test_the_review_step_lists_conflicts_and_goes_there(rig: Rig, qtbot: QtBot) -> None:
    run = WatchedRun(rig.project)
    desk = rig.new_dock().desk
    qtbot.waitUntil(lambda: desk.training.view.state == "training")
    refresh(desk, run, qtbot, [OBJECT])
    rows = ConflictRows(desk)
    qtbot.addWidget(rows)
    rows.refresh()
    assert rows.isHidden()

    layer: Any = desk.viewer.layers["instances"]
    layer.brush_size = 14
    layer.paint((64, 14), 90)
    rows.refresh()

    assert not rows.isHidden()
    assert "1 object of the model gave way to yours" in rows._head.text()
    assert rows.list.count() == 1
    assert "your object" in rows.list.item(0).text()
    rows.list.itemClicked.emit(rows.list.item(0))
    middle = desk.session.placement.to_world((69.5, 19.5))
    np.testing.assert_allclose(camera_of(desk.viewer).center[-2:], middle, atol=1)

    rows.overlap.setValue(90)
    rows.overlap.editingFinished.emit()
    qtbot.waitUntil(lambda: not desk.teacher.busy)
    rows.refresh()
    assert rows.isHidden()
    assert layer.data[75, 25] > 0
    assert desk.session.opened.settings["overlap"] == 0.9
