from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QApplication, QMainWindow, QMessageBox, QPushButton

from napari_semiseg.viewer.training.closing import ClosingQuestion, ask_in_dialog
from napari_semiseg.viewer.training.run_view import RunView

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


class FakeTraining(QObject):
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.active: object | None = None
        self.view = RunView(state="training")
        self.stopped = 0

    def request_stop(self) -> None:
        self.stopped += 1


@pytest.fixture
def window(qtbot: QtBot) -> QMainWindow:
    made = QMainWindow()
    qtbot.addWidget(made)
    made.show()
    return made


def make_desk(window: QMainWindow) -> Any:
    viewer = SimpleNamespace(window=SimpleNamespace(_qt_window=window))
    return SimpleNamespace(viewer=viewer, training=FakeTraining())


@pytest.mark.parametrize(
    ("answer", "closes", "stops"),
    [("keep", True, 0), ("stop", True, 1), ("cancel", False, 0)],
)
def test_answers(window: QMainWindow, answer: Any, closes: bool, stops: int) -> None:
    desk = make_desk(window)
    asked: list[bool] = []

    def ask(window: Any, paused: bool) -> Any:
        asked.append(paused)
        return answer

    question = ClosingQuestion(desk, ask)
    desk.training.active = object()
    desk.training.view = RunView(state="paused")
    desk.training.changed.emit()
    assert window.close() is closes
    assert asked == [True]
    assert desk.training.stopped == stops
    question.close()


def test_nobody_is_asked_without_a_run(window: QMainWindow) -> None:
    desk = make_desk(window)

    def ask(window: Any, paused: bool) -> Any:
        raise AssertionError("asked")

    question = ClosingQuestion(desk, ask)
    desk.training.active = object()
    desk.training.changed.emit()
    desk.training.active = None
    desk.training.changed.emit()
    assert window.close()
    question.close()
    question.close()


def test_it_is_asked_before_others_leave(window: QMainWindow) -> None:
    desk = make_desk(window)
    question = ClosingQuestion(desk, lambda window, paused: "cancel")
    left: list[str] = []

    class Leaver(QObject):
        def eventFilter(self, watched: Any, event: Any) -> bool:
            if event.type() == event.Type.Close:
                left.append("left")
            return False

    leaver = Leaver()
    window.installEventFilter(leaver)
    desk.training.active = object()
    desk.training.changed.emit()
    assert not window.close()
    assert left == []
    question.close()


@pytest.mark.parametrize(
    ("words", "answer"),
    [("Keep", "keep"), ("Stop", "stop"), ("Do not", "cancel"), ("", "cancel")],
)
def test_dialog(window: QMainWindow, qtbot: QtBot, words: str, answer: str) -> None:
    def press() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        if not words:
            box.reject()
            return
        buttons: list[QPushButton] = box.findChildren(QPushButton)
        next(one for one in buttons if one.text().startswith(words)).click()

    QTimer.singleShot(100, press)
    assert ask_in_dialog(window, False) == answer
