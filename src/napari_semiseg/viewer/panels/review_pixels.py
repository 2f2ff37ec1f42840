"""Which pixels of the image count in training, and what another number would change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from napari_semiseg.viewer.widgets.buttons import allow, button, note, row
from napari_semiseg.viewer.widgets.fold import Fold
from napari_semiseg.viewer.widgets.share_slider import share_slider

if TYPE_CHECKING:
    from napari_semiseg.learning.pixel_choice import PixelChoice
    from napari_semiseg.viewer.desk import Desk

_TITLE = "Pixels it learns from"
_NAMES = {"share": "Leave out", "limit": "Sure at least"}
_SETTINGS = {"share": "Quantile k of the method", "limit": "Limit tau of the method"}
_NOT_YET = "The model has not looked at this image yet."
_NONE_YET = "No pixel counts yet: so far it learns from the labelled tiles alone."
_TRIED = "Just to see: here the share is of this image, in training of all images."


class PixelSlider(QWidget):
    """A slider from 0 to 1 under the name of what it is for the method."""

    moved = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self.label = QLabel()
        self.slider = share_slider()
        self.label.setBuddy(self.slider)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(self.label, 0, 0)
        grid.addWidget(self.slider, 0, 1)
        grid.setColumnStretch(1, 1)
        self._showing = False
        self.slider.valueChanged.connect(self._tell)

    def show_choice(self, choice: PixelChoice, value: float) -> None:
        """Show a number without telling that it was moved."""
        kind = choice.kind or "limit"
        self.label.setText(_NAMES[kind])
        self.slider.setAccessibleName(_NAMES[kind])
        for part in (self.label, self.slider):
            part.setToolTip(f"{choice.about} ({_SETTINGS[kind]})")
        self._showing = True
        try:
            # What rounds to the same must not jump under the user's hand.
            if abs(self.slider.value() - value) > 5e-3:
                self.slider.setValue(value)
        finally:
            self._showing = False

    def _tell(self, value: float) -> None:
        if not self._showing:
            self.moved.emit(value)


class PixelRows(Fold):
    """Rows of the review panel about the confidence mask; closed, it says how much."""

    def __init__(self, desk: Desk) -> None:
        content = QWidget()
        super().__init__(_TITLE, content)
        self._desk = desk
        choosing = desk.reviewing.choosing
        self.slider = PixelSlider()
        self.slider.moved.connect(choosing.put)
        self.kept, self.about = note(), note()
        self.reset = button(
            "As trained",
            "Show which pixels the training of this model uses.",
            choosing.reset,
        )
        self.use = button(
            "Use in next training",
            "Set this number in step 3. What is trained already stays as it is.",
            choosing.use,
        )
        self._buttons = row(self.reset, self.use)
        column = QVBoxLayout(content)
        column.setContentsMargins(8, 0, 0, 4)
        column.setSpacing(4)
        for widget in (self.slider, self.kept, self.about, self._buttons):
            column.addWidget(widget)
        self.set_tip(
            "The layer confidence mask: the pixels of this image that count in "
            "training, and what another number would change."
        )
        self.toggled.connect(self.refresh)

    def refresh(self, _is_open: bool = True) -> None:
        """Show how things stand now."""
        choosing = self._desk.reviewing.choosing
        choice, kept = choosing.choice, choosing.kept()
        chooses = choice.kind is not None
        counts = kept is not None and kept.all > 0
        share = f": {kept.all:.0%}".replace("%", " %") if kept and counts else ""
        self.set_title(f"{_TITLE}{share}")
        for widget in (self.slider, self._buttons):
            widget.setVisible(chooses)
        self.kept.setText(kept.words if kept and (counts or chooses) else "")
        self.kept.setVisible(bool(self.kept.text()))
        self.about.setText(self._about(kept_any=counts, seen=kept is not None))
        self.about.setVisible(bool(self.about.text()))
        self.slider.show_choice(choice, choosing.value)
        if chooses:
            untouched = None if choosing.tried is not None else "It is as trained."
            allow(self.reset, untouched)
            allow(self.use, choosing.why_not())

    def _about(self, *, kept_any: bool, seen: bool) -> str:
        choosing = self._desk.reviewing.choosing
        if choosing.choice.kind is None:
            return choosing.choice.about
        if not seen:
            return _NOT_YET
        if choosing.tried is None:
            return "" if kept_any else _NONE_YET
        tried = choosing.choice.at(choosing.tried)
        return _TRIED if tried.left_out is not None else "Just to see."
