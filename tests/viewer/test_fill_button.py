from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from qtpy.QtWidgets import QPushButton

from napari_semiseg.geometry import Box
from napari_semiseg.viewer.panels.annotate import AnnotatePanel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

    from napari_semiseg.viewer.desk import Desk

TILE = Box((16, 16), (64, 64))


@pytest.fixture
def fill(bench: Desk, qtbot: QtBot) -> Iterator[QPushButton]:
    panel = AnnotatePanel(bench)
    qtbot.addWidget(panel)
    item = bench.session.item
    assert item is not None
    bench.tiles.add(item, [TILE])
    bench.session.take(TILE)
    buttons = panel.findChildren(QPushButton)
    yield next(one for one in buttons if one.text().startswith("Fill from"))
    panel.close_panel()
    qtbot.waitUntil(lambda: not bench.background.busy)


def test_a_model_can_fill_the_tile(fill: QPushButton) -> None:
    assert fill.isEnabled()


def test_without_a_model_the_button_says_so_until_there_is_one(
    bench: Desk, fill: QPushButton
) -> None:
    somebody, bench.looking.teacher = bench.looking.teacher, None
    bench.looking.teacher_changed.emit()
    assert not fill.isEnabled()
    assert "Train a model first" in fill.toolTip()

    bench.looking.teacher = somebody
    bench.looking.teacher_changed.emit()
    assert fill.isEnabled()
    assert "Train" not in fill.toolTip()


def test_other_reasons_are_told_first(bench: Desk, fill: QPushButton) -> None:
    bench.looking.teacher = None
    bench.session.read_only = "Somebody else has it."

    bench.looking.teacher_changed.emit()

    assert fill.toolTip() == "Somebody else has it."
