"""The one question when napari is closed while a run trains."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Literal

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QMessageBox, QWidget

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_semiseg.viewer.desk import Desk

Answer = Literal["keep", "stop", "cancel"]


class ClosingQuestion(QObject):
    """Asks, before napari's window closes, what shall become of the run.

    Parameters
    ----------
    desk
        Its viewer's window is watched while a run is going on.
    ask
        Given the window, what to do; a dialog by itself.
    """

    def __init__(
        self, desk: Desk, ask: Callable[[QWidget, bool], Answer] | None = None
    ) -> None:
        super().__init__()
        self._desk = desk
        self._ask = ask or ask_in_dialog
        self._window: QWidget = desk.viewer.window._qt_window  # noqa: SLF001
        self._closed = False
        desk.training.changed.connect(self._watch)
        self._watch()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Let the window close, or not."""
        if event is None or event.type() != QEvent.Type.Close or self._may_close():
            return False
        event.ignore()
        return True

    def close(self) -> None:
        """Watch the window no more."""
        if self._closed:
            return
        self._closed = True
        # At the end of a program that closes no window, Qt has deleted them already.
        with contextlib.suppress(RuntimeError):
            self._desk.training.changed.disconnect(self._watch)
            self._window.removeEventFilter(self)

    def _watch(self) -> None:
        # Installed anew each time: the filter that was installed last is asked first,
        # and nobody else may take leave of the window before the answer is known.
        if self._desk.training.active is None:
            self._window.removeEventFilter(self)
        else:
            self._window.installEventFilter(self)

    def _may_close(self) -> bool:
        training = self._desk.training
        if training.active is None or not self._window.isVisible():
            return True
        answer = self._ask(self._window, training.view.state == "paused")
        if answer == "stop":
            training.request_stop()
        return answer != "cancel"


def ask_in_dialog(window: QWidget, paused: bool) -> Answer:
    """Ask in a dialog; Escape is *cancel*."""
    box = QMessageBox(window)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("A run is going on")
    box.setText(
        "A run is paused. What shall become of it?"
        if paused
        else "A run is training. What shall become of it?"
    )
    box.setInformativeText(
        "It can go on without napari: open the project again to see how it stands. Or "
        "stop it now: the model of the steps made so far is saved, which takes a "
        "moment in the background."
    )
    keep = box.addButton(
        "Leave it paused" if paused else "Keep training",
        QMessageBox.ButtonRole.AcceptRole,
    )
    stop = box.addButton("Stop and save", QMessageBox.ButtonRole.DestructiveRole)
    cancel = box.addButton("Do not close napari", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(keep)
    box.setEscapeButton(cancel)
    box.exec()
    clicked = box.clickedButton()
    answers: dict[object, Answer] = {keep: "keep", stop: "stop"}
    return answers.get(clicked, "cancel")
