from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from desk_fakes import FakeTeacher, fake_desk
from projects import make_project

from napari_semiseg.geometry import Box
from napari_semiseg.project.annotation import Annotation
from napari_semiseg.project.reviews import ReviewStore
from napari_semiseg.viewer.review.feedback import Feedback
from napari_semiseg.viewer.review.needs_work import NeedsWork
from napari_semiseg.viewer.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WHOLE = Box((0, 0), (96, 112))
DONE, OPEN = Box((0, 0), (40, 40)), Box((50, 60), (40, 40))


@pytest.fixture
def desk(tmp_path: Path, viewer: Any) -> Iterator[Any]:
    """The first image has a finished tile, and one to do; the cursor is elsewhere."""
    session = Session()
    made = fake_desk(session, viewer, teacher=FakeTeacher(WHOLE))
    made.looking = SimpleNamespace(
        teacher=SimpleNamespace(run=SimpleNamespace(id="actis-1")),
        visible=lambda: Box((0, 70), (30, 30)),
    )
    made.feedback = Feedback(made)
    made.needs_work = NeedsWork(made, made.feedback)
    made.said = []
    session.said.connect(lambda text, problem: made.said.append(text))
    project = make_project(tmp_path / "p", {0: [(DONE, "training"), (OPEN, "to do")]})
    session.open(project)
    session.show(project.images[0])
    point(made, 70, 20)
    yield made
    made.feedback.close()
    session.close()


def point(desk: Any, y: int, x: int) -> None:
    desk.viewer.mouse_over_canvas = True
    desk.viewer.cursor.position = (y, x)


def marked(desk: Any) -> list[Box]:
    reviews = ReviewStore(desk.session.opened).reviews(desk.session.item)
    assert all(one.model == "actis-1" for one in reviews)
    return [one.box for one in reviews if one.state == "needs work"]


def to_do(desk: Any) -> list[Box]:
    tiles = desk.session.annotations.tiles(desk.session.item)
    return [tile.box for tile in tiles if tile.state == "to do"]


def test_a_tile_is_made_at_the_cursor_and_goes_when_pressed_again(desk: Any) -> None:
    desk.needs_work.toggle()
    (box,) = marked(desk)
    assert box.size == (40, 40)
    assert box.contains(Box((70, 20), (1, 1)))
    assert sorted(to_do(desk)) == sorted([OPEN, box])
    assert desk.session.tile is None  # The user stays where he is.
    assert "step 2" in desk.feedback.words

    desk.needs_work.toggle()
    assert marked(desk) == []
    assert to_do(desk) == [OPEN]
    assert "Not marked" in desk.feedback.words


def test_a_tile_to_do_is_marked_and_stays_when_that_is_undone(desk: Any) -> None:
    point(desk, 60, 70)
    desk.needs_work.toggle()
    assert marked(desk) == [OPEN]
    desk.needs_work.toggle()
    assert marked(desk) == []
    assert to_do(desk) == [OPEN]


def test_a_tile_that_was_painted_in_stays(desk: Any) -> None:
    desk.needs_work.toggle()
    (box,) = marked(desk)
    found = desk.session.annotations.load(desk.session.item, box)
    found.instances[3:9, 3:9] = 1
    painted = Annotation(found.instances, found.instances > 0)
    desk.session.annotations.save(desk.session.item, box, painted)
    desk.needs_work.toggle()
    assert marked(desk) == []
    assert box in to_do(desk)


def test_without_a_cursor_the_middle_of_the_view_is_meant(desk: Any) -> None:
    desk.viewer.mouse_over_canvas = False
    desk.needs_work.toggle()
    (box,) = marked(desk)
    assert box.contains(Box((14, 84), (1, 1)))
    desk.needs_work.toggle()
    assert marked(desk) == []


def test_a_finished_tile_is_left_alone_and_it_is_said(desk: Any) -> None:
    point(desk, 10, 10)
    desk.needs_work.toggle()
    assert marked(desk) == []
    assert "finished" in desk.said[-1]


def test_what_cannot_be_marked_says_why(desk: Any) -> None:
    project = desk.session.opened
    desk.session.read_only = "Somebody else has it open."
    desk.needs_work.toggle()
    assert desk.said[-1] == "Somebody else has it open."
    desk.session.read_only = None
    project.set_role(project.images[1], "test")
    desk.session.show(project.images[1])
    desk.needs_work.toggle()
    assert "held out" in desk.said[-1]
    desk.session.close()
    assert desk.needs_work.why_not() == "Open a project first."
