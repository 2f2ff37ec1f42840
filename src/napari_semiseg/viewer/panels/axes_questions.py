"""Asks what the axes of a file are, where the file does not tell."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_semiseg.viewer.images.adding import AXES_WORDS
from napari_semiseg.viewer.widgets.buttons import button, note, row

if TYPE_CHECKING:
    from napari_semiseg.viewer.images.adding import Adding, AxesQuestion


class AxesQuestions(QWidget):
    """The questions that are open, each with its answers as buttons."""

    def __init__(self, adding: Adding) -> None:
        super().__init__()
        self._adding = adding
        self._column = _column(self)

    def refresh(self) -> None:
        """Show the questions that are open now."""
        while (entry := self._column.takeAt(0)) is not None:
            widget = entry.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for question in self._adding.questions:
            self._column.addWidget(self._question(question))
        self.setVisible(bool(self._adding.questions))

    def _question(self, question: AxesQuestion) -> QWidget:
        whole = QWidget()
        column = _column(whole)
        column.addWidget(note(question.words))
        answers = [
            button(
                AXES_WORDS.get(axes[0], axes),
                f"Read the axes as {axes}.",
                partial(self._adding.answer, question, axes),
            )
            for axes in question.choices
        ]
        skip = button(
            "Leave it out",
            "Do not add this file.",
            partial(self._adding.answer, question, None),
        )
        column.addWidget(row(*answers, skip))
        return whole


def _column(widget: QWidget) -> QVBoxLayout:
    made = QVBoxLayout(widget)
    made.setContentsMargins(0, 0, 0, 0)
    return made
