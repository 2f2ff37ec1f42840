"""How objects are cut out of what the model sees: sliders, and what is kept of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_semiseg.viewer.widgets.buttons import allow, button, note
from napari_semiseg.viewer.widgets.fold import Fold
from napari_semiseg.viewer.widgets.threshold_sliders import ThresholdSliders

if TYPE_CHECKING:
    from napari_semiseg.viewer.desk import Desk


class CuttingRows(Fold):
    """Rows of the review panel about thresholds of objects; open at first."""

    def __init__(self, desk: Desk) -> None:
        content = QWidget()
        super().__init__("How objects are cut out", content)
        self._desk = desk
        cutting = desk.reviewing.cutting
        self.sliders = ThresholdSliders()
        self.sliders.moved.connect(cutting.put)
        self.reset = button(
            "Back to what the training found best",
            "Undo what you changed with these sliders.",
            cutting.reset,
        )
        self.kept = note()
        column = QVBoxLayout(content)
        column.setContentsMargins(8, 0, 0, 0)
        column.setSpacing(4)
        for widget in (self.sliders, self.reset, self.kept):
            column.addWidget(widget)
        self.set_tip("Move the sliders and watch the objects in the image.")
        self.set_open(True)

    def refresh(self) -> None:
        """Show how things stand now; nothing where classes are sought, not objects."""
        self.setVisible(not self._desk.palette.semantic)
        cutting = self._desk.reviewing.cutting
        self.sliders.setEnabled(cutting.tuned is not None)
        self.sliders.show_values(*cutting.in_force)
        same = cutting.tuned is not None and _nearly(cutting.tuned, cutting.in_force)
        reason = None
        if cutting.tuned is None:
            reason = "Train a model first."
        elif same:
            reason = "They are as the training found them."
        allow(self.reset, reason)
        self.reset.setVisible(reason is None)
        self.kept.setText(self._kept_words(same))
        self.kept.setVisible(bool(self.kept.text()))

    def _kept_words(self, same: bool) -> str:
        session, teacher = self._desk.session, self._desk.looking.teacher
        if teacher is None:
            return "There is no model yet: train one in step 3."
        if session.read_only:
            return "Your choice is not kept: the project was opened to look only."
        if teacher.lives:
            return "Just to try: the training finds its own when it ends."
        return "" if same else "Your choice is kept, and used for the results."


def _nearly(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Whether values show as the same."""
    return all(abs(a - b) < 5e-3 for a, b in zip(one, other, strict=True))
