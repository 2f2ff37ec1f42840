from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from desk_fakes import FakeTeacher, fake_desk
from projects import make_project
from qtpy.QtWidgets import QApplication

from napari_semiseg.geometry import Box
from napari_semiseg.viewer.canvas import camera_of, canvas_size, on_canvas
from napari_semiseg.viewer.own_layers import mark
from napari_semiseg.viewer.placement import Placement
from napari_semiseg.viewer.review.feedback import Feedback
from napari_semiseg.viewer.review.flash import Flash, picture
from napari_semiseg.viewer.session import Session
from napari_semiseg.viewer.teacher.layer_making import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

WINDOW = Box((10, 20), (40, 50))


@pytest.fixture
def desk(tmp_path: Path, viewer: Any) -> Iterator[Any]:
    """A project with an image in view, and a layer of objects over a window of it."""
    session = Session()
    made = fake_desk(session, viewer, teacher=FakeTeacher(WINDOW))
    made.feedback = Feedback(made)
    project = make_project(tmp_path / "project", {})
    session.open(project)
    session.show(project.images[0], Placement(scale=(2.0, 2.0)))
    shown = np.zeros(WINDOW.size, np.int32)
    shown[5:15, 8:20] = 7
    mark(viewer.add_labels(shown, scale=(2, 2)), NAMES["instances"])
    yield made
    made.feedback.close()
    session.close()


def flash_of(desk: Any) -> Flash | None:
    return desk.viewer.window._qt_viewer.canvas.native.findChild(Flash)


def test_an_object_is_found_where_it_is_seen(desk: Any) -> None:
    box, mask = desk.feedback.pixels_of(7)

    assert box == Box((15, 28), (10, 12))
    assert mask.all()
    assert mask.shape == (10, 12)
    assert desk.feedback.pixels_of(8) is None


def test_without_the_layer_nothing_is_shown_but_it_is_said(desk: Any) -> None:
    desk.viewer.layers.clear()

    assert desk.feedback.pixels_of(7) is None
    desk.feedback.note("accept", None)

    assert flash_of(desk) is None
    assert desk.feedback.words.startswith("Accepted")


def test_what_was_done_is_counted_until_the_image_is_left(desk: Any) -> None:
    feedback = desk.feedback
    feedback.note("accept", None)
    feedback.note("accept", None)
    feedback.note("reject", None)
    assert feedback.words == (
        "Rejected: there is no object. In this image: 2 accepted, 1 rejected."
    )

    desk.session.show(desk.session.opened.images[1])
    assert feedback.words == ""

    feedback.note("give back", None)
    assert feedback.words == "Given back: the model decides again."


def test_the_object_lights_up_where_it_lies_and_goes_out(
    desk: Any, qtbot: QtBot
) -> None:
    camera = camera_of(desk.viewer)
    camera.center, camera.zoom = (40.0, 60.0), 3.0
    desk.feedback.note("accept", desk.feedback.pixels_of(7))

    flash = flash_of(desk)
    assert not flash.isHidden()
    place, (height, width) = flash._place, canvas_size(desk.viewer)
    # World (y, x) of the corner of pixel (15, 28), twice as large as a unit.
    assert place.top() == pytest.approx((15 * 2 - 1 - 40) * 3 + height / 2)
    assert place.left() == pytest.approx((28 * 2 - 1 - 60) * 3 + width / 2)
    assert (place.width(), place.height()) == pytest.approx((12 * 6, 10 * 6))
    qtbot.waitUntil(flash.isHidden, timeout=5000)
    assert list(desk.viewer.layers) == [desk.viewer.layers[0]]


def test_in_three_dimensions_nothing_is_shown(desk: Any) -> None:
    desk.viewer.dims.ndisplay = 3

    desk.feedback.note("accept", desk.feedback.pixels_of(7))

    assert flash_of(desk) is None
    desk.viewer.dims.ndisplay = 2


def test_an_accepted_tile_is_said_once_it_is_finished(desk: Any) -> None:
    session, box = desk.session, Box((0, 0), (32, 32))
    desk.feedback.await_tile(box)
    session.tiles_changed.emit(session.item.id)
    assert desk.feedback.words == ""

    session.annotations.add_tile(session.item, box, "training")
    session.tiles_changed.emit(session.item.id)
    assert desk.feedback.words.startswith("Accepted: the tile is finished")


def test_closing_takes_it_off_the_canvas(desk: Any) -> None:
    desk.feedback.note("accept", desk.feedback.pixels_of(7))
    assert flash_of(desk) is not None

    desk.feedback.close()
    QApplication.processEvents()

    assert flash_of(desk) is None
    # The fixture closes once more.
    desk.feedback = SimpleNamespace(close=lambda: None)


def test_only_the_edge_is_white() -> None:
    mask = np.zeros((5, 6), bool)
    mask[1:4, 1:5] = True

    drawn = picture(mask, "#3fd28f")

    assert drawn.pixelColor(0, 0).alpha() == 0
    assert drawn.pixelColor(1, 1).getRgb() == (255, 255, 255, 255)
    assert drawn.pixelColor(2, 2).getRgb() == (0x3F, 0xD2, 0x8F, 150)


def test_places_on_the_canvas(viewer: Any) -> None:
    camera = camera_of(viewer)
    camera.center, camera.zoom = (10.0, 20.0), 4.0
    height, width = canvas_size(viewer)

    assert on_canvas(viewer, (10, 20)) == (height / 2, width / 2)
    assert on_canvas(viewer, (11, 18)) == (height / 2 + 4, width / 2 - 8)
