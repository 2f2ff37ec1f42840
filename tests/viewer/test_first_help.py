"""The help for who sees a step for the first time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QToolButton

from napari_semiseg.viewer.opening import add_dock
from napari_semiseg.viewer.panels.first_help import FIRST_HELP
from napari_semiseg.viewer.widgets.help_note import HelpNote

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_semiseg.viewer.dock import SemisegDock
    from napari_semiseg.viewer.widgets.step import Step

    NewDock = Callable[[], SemisegDock]


@pytest.fixture
def new_dock(make_napari_viewer: Callable[..., Any]) -> NewDock:
    return lambda: add_dock(make_napari_viewer())


def note_of(step: Step) -> HelpNote:
    return step.findChild(HelpNote)


def test_every_step_explains_itself_while_it_is_open(new_dock: NewDock) -> None:
    dock = new_dock()
    assert {step.panel.title for step in dock.steps} == set(FIRST_HELP)
    for step in dock.steps:
        step.set_open(False)
        assert note_of(step).isHidden()
        step.set_open(True)
        assert not note_of(step).isHidden()


def test_help_that_was_read_stays_away(new_dock: NewDock) -> None:
    dock = new_dock()
    step = dock.steps[0]
    close = note_of(step).findChild(QToolButton)
    QTest.mouseClick(close, Qt.MouseButton.LeftButton)
    assert note_of(step).isHidden()
    step.set_open(False)
    step.set_open(True)
    assert note_of(step).isHidden()
    assert dock.steps[1].helps
    dock.close_dock()

    another = new_dock()
    assert not another.steps[0].helps
    assert another.steps[1].helps

    another.help_again()
    assert not note_of(another.steps[0]).isHidden()


@pytest.mark.parametrize("title", FIRST_HELP)
def test_help_is_short(title: str) -> None:
    assert FIRST_HELP[title].count(". ") <= 4
    assert len(FIRST_HELP[title]) < 340
