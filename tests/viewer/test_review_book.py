"""What is noted while a person works on objects with mouse and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hands import Hands
from qtpy.QtWidgets import QProgressBar
from rig import OPEN_TILE, TILE, WHOLE, WatchedRun, dab

from napari_semiseg.geometry import Box
from napari_semiseg.project.project import Project
from napari_semiseg.project.reviews import ReviewStore

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot
    from rig import Rig

    from napari_semiseg.viewer.desk import Desk

SQUARE, OTHER = Box((10, 60), (16, 16)), Box((60, 10), (20, 20))


def hands_on(rig: Rig, qtbot: QtBot) -> Hands:
    """On the second image, in which a run sees two objects; nothing was labelled."""
    run = WatchedRun(rig.project)
    dock = rig.new_dock(show=True)
    desk = dock.desk
    qtbot.waitUntil(lambda: desk.training.view.state == "training")
    rig.show(desk, rig.items[1])
    run.sees(SQUARE, OTHER)
    desk.looking.look_again()

    def seen() -> bool:
        run.answer()
        return desk.teacher.known_in(WHOLE) and not desk.teacher.busy

    qtbot.waitUntil(seen, timeout=20_000)
    desk.viewer.layers.selection.active = desk.viewer.layers["instances"]
    desk.viewer.mouse_over_canvas = True
    return Hands(dock)


def noted(desk: Desk, item: Any = None) -> dict[Box, str]:
    """Verdicts on the image in view, as they are on the disk."""
    assert desk.autosave.flush()
    project = Project.open(desk.session.opened.folder)
    reviews = ReviewStore(project).reviews(item or desk.session.item)
    return {one.box: one.state for one in reviews}


def middle(box: Box) -> tuple[int, ...]:
    return tuple(o + s // 2 for o, s in zip(box.origin, box.size, strict=True))


@pytest.mark.slow
def test_verdicts_are_noted_and_taken_back(rig: Rig, qtbot: QtBot) -> None:
    hands = hands_on(rig, qtbot)
    desk = hands.desk
    book = desk.reviewing.book
    qtbot.waitUntil(lambda: book.progress is not None)
    assert (book.progress.reviewed, book.progress.total) == (1, 3)  # A finished tile.

    hands.hover(middle(SQUARE))
    hands.key("K")
    hands.hover(middle(OTHER))
    hands.key("Shift+X")
    found = noted(desk)
    assert sorted(found.values()) == ["accepted", "rejected"]
    (accepted,) = [box for box, state in found.items() if state == "accepted"]
    assert accepted == SQUARE
    qtbot.waitUntil(lambda: book.progress.reviewed == 2)
    qtbot.waitUntil(
        lambda: hands.dock.panel("Review").fact().startswith("2 of 3 images reviewed")
    )
    bar = hands.dock.panel("Review").findChildren(QProgressBar)[0]
    hands.dock.open_step("Review")
    assert (bar.value(), bar.maximum()) == (2, 3)

    hands.hover(middle(SQUARE))
    hands.key("Shift+G")
    assert list(noted(desk).values()) == ["rejected"]
    desk.viewer.layers["instances"].undo()
    desk.viewer.layers["instances"].undo()
    assert "rejected" not in noted(desk).values()


@pytest.mark.slow
def test_strokes_are_corrections_until_they_are_undone(rig: Rig, qtbot: QtBot) -> None:
    hands = hands_on(rig, qtbot)
    desk = hands.desk
    layer = desk.viewer.layers["instances"]
    dab(layer, 84, 90, 700)
    assert noted(desk) == {WHOLE: "corrected"}  # The one field of so small an image.
    assert ReviewStore(desk.session.opened).reviews(desk.session.item)[0].model
    layer.undo()
    assert noted(desk) == {}
    qtbot.waitUntil(lambda: desk.reviewing.book.progress.reviewed == 1)
    layer.redo()
    assert noted(desk) == {WHOLE: "corrected"}


@pytest.mark.slow
def test_needs_work_and_an_accepted_tile(rig: Rig, qtbot: QtBot) -> None:
    hands = hands_on(rig, qtbot)
    desk = hands.desk
    book = desk.reviewing.book
    item = desk.session.item
    desk.session.annotations.add_tile(item, OPEN_TILE)
    desk.session.tiles_changed.emit(item.id)

    hands.hover(middle(OPEN_TILE))
    hands.key("Shift+U")
    assert noted(desk) == {OPEN_TILE: "needs work"}
    qtbot.waitUntil(lambda: book.progress.needs_work == 1)
    assert "1 tile needs work" in hands.dock.panel("Review").fact()
    hands.press("Review", "Needs work")  # The cursor is where it was.
    assert noted(desk) == {}
    qtbot.waitUntil(lambda: book.progress.needs_work == 0)

    hands.key("Shift+U")
    desk.session.take(OPEN_TILE)
    hands.key("Shift+K")
    qtbot.waitUntil(lambda: noted(desk) == {OPEN_TILE: "accepted"})
    qtbot.waitUntil(
        lambda: (book.progress.reviewed, book.progress.needs_work) == (2, 0)
    )
    assert noted(desk, desk.session.opened.images[0]) == {}
    assert TILE in [
        t.box for t in desk.session.annotations.tiles(desk.session.opened.images[0])
    ]
