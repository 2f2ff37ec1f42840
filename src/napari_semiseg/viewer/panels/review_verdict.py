"""What became of the last training, in a line that opens to its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_semiseg.viewer.widgets.buttons import note
from napari_semiseg.viewer.widgets.fold import Fold

if TYPE_CHECKING:
    from napari_semiseg.viewer.review.verdicts import Verdict

_NONE = "No training has ended yet"


class VerdictRow(Fold):
    """Opens by itself when a model was not taken: then its user wants to know why."""

    def __init__(self) -> None:
        content = QWidget()
        super().__init__(_NONE, content)
        self.sentence, self.measured = note(), note()
        column = QVBoxLayout(content)
        column.setContentsMargins(8, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.sentence)
        column.addWidget(self.measured)
        self.set_tip("What became of the last training, and on which numbers.")
        self._verdict: Verdict | None = None

    def show_verdict(self, verdict: Verdict | None) -> None:
        """Show a verdict; None: there is none yet."""
        if verdict == self._verdict:
            return
        self._verdict = verdict
        self.set_title(_NONE if verdict is None else verdict.headline.rstrip("."))
        self.sentence.setText("" if verdict is None else verdict.sentence)
        self.measured.setText("" if verdict is None else verdict.measured)
        self.measured.setVisible(bool(self.measured.text()))
        self.set_open(verdict is not None and not verdict.accepted)
