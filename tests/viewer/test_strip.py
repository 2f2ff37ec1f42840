from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_semiseg.geometry import ArraySource, Box
from napari_semiseg.viewer.tiles.thumbnails import SIDE, picture
from napari_semiseg.viewer.widgets.strip import Strip, StripEntry

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot
    from qtpy.QtGui import QColor

GREEN = "#00ff00"


@pytest.fixture
def strip(qtbot: QtBot) -> Strip:
    made = Strip()
    qtbot.addWidget(made)
    made.resize(320, 100)
    made.show()
    qtbot.waitExposed(made)
    return made


def entries(count: int) -> list[StripEntry]:
    return [StripEntry(("image", n), GREEN, "?", f"tile {n}") for n in range(count)]


def colour(strip: Strip, row: int, y: int, x: int) -> QColor:
    icon = strip.item(row).icon()
    return icon.pixmap(strip.iconSize()).toImage().pixelColor(x, y)


def middle(strip: Strip, row: int) -> tuple[int, ...]:
    half = strip.iconSize().width() // 2
    return colour(strip, row, half, half).getRgb()[:3]


def test_a_border_has_the_colour_and_the_middle_the_picture(strip: Strip) -> None:
    strip.set_entries(entries(2))
    red = np.zeros((10, 20, 3), np.uint8)
    red[..., 0] = 255

    strip.set_picture(("image", 1), red)

    side = strip.iconSize().width()
    assert colour(strip, 0, side - 2, side // 2).name() == GREEN
    assert middle(strip, 1) == (255, 0, 0)
    assert middle(strip, 0) != (255, 0, 0)
    strip.set_entries(entries(3))
    assert middle(strip, 1) == (255, 0, 0)


def test_a_click_chooses(strip: Strip, qtbot: QtBot) -> None:
    strip.set_entries(entries(3))
    place = strip.visualItemRect(strip.item(2)).center()

    with qtbot.waitSignal(strip.chosen) as caught:
        qtbot.mouseClick(strip.viewport(), Qt.MouseButton.LeftButton, pos=place)

    assert caught.args == [("image", 2)]


def test_the_keyboard_chooses(strip: Strip, qtbot: QtBot) -> None:
    strip.set_entries(entries(3))
    strip.setCurrentRow(0)
    qtbot.keyClick(strip, Qt.Key.Key_Right)

    with qtbot.waitSignal(strip.chosen) as caught:
        qtbot.keyClick(strip, Qt.Key.Key_Return)

    assert caught.args == [("image", 1)]


def test_the_current_one_looks_different(strip: Strip) -> None:
    strip.set_entries(entries(3))
    half = strip.iconSize().width() // 2
    before = colour(strip, 1, half, 5).name()

    strip.set_current(("image", 1))
    assert colour(strip, 1, half, 5).name() != before

    strip.set_current(None)
    assert colour(strip, 1, half, 5).name() == before


def test_the_strip_wraps_and_scrolls_when_there_are_many(strip: Strip) -> None:
    strip.set_entries(entries(3))
    one_row = strip.height()
    tops = {strip.visualItemRect(strip.item(n)).top() for n in range(3)}
    assert len(tops) == 1

    strip.set_entries(entries(8))
    assert strip.height() > one_row
    assert strip.verticalScrollBar().maximum() == 0

    strip.set_entries(entries(100))
    assert strip.height() < 4 * one_row
    assert strip.verticalScrollBar().maximum() > 0
    last = strip.item(99)
    strip.set_current(("image", 99))
    assert strip.viewport().rect().contains(strip.visualItemRect(last).center())


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_a_picture_is_small_and_shows_what_is_there(channels: int) -> None:
    pixels = np.zeros((channels, 300, 200), np.float32)
    pixels[0, :, :100] = 1.0

    made = picture(ArraySource(pixels), Box((100, 20), (128, 160)))

    assert made.dtype == np.uint8
    assert made.shape[2] == 3
    assert max(made.shape[:2]) <= SIDE
    assert made[:, 2, 0].min() == 255
    assert made[:, -2].max() == 0


def test_of_a_very_large_tile_only_some_rows_are_read() -> None:
    asked: list[Box] = []

    class Source(ArraySource):
        @property
        def shape(self) -> tuple[int, ...]:
            return (20000, 20000)

        def read(self, box: Box) -> np.ndarray:
            asked.append(box)
            return np.full((1, *box.size), 0.5, np.float32)

    made = picture(Source(np.zeros((1, 1, 1), np.float32)), Box.whole((20000, 20000)))

    assert max(made.shape[:2]) <= SIDE
    assert (made == 127).all()
    assert sum(np.prod(box.size) for box in asked) <= SIDE * 20000
