"""Two thresholds and a smallest size, changed while one looks at the objects."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QSpinBox, QWidget

from napari_semiseg.viewer.widgets.share_slider import share_slider
from napari_semiseg.viewer.widgets.wheel import guard_wheel

_LARGEST = 100_000  # Pixels; nobody looks for larger "smallest" objects.


class ThresholdSliders(QWidget):
    """Sliders from 0 to 1 for foreground and seeds, a box for the smallest object."""

    moved = Signal(float, float, int)
    """The user has moved one: foreground, seed, pixels of the smallest object."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.foreground = share_slider()
        self.seed = share_slider()
        self.min_size = QSpinBox()
        self.min_size.setRange(0, _LARGEST)
        self.min_size.setSuffix(" px")
        self.min_size.setKeyboardTracking(False)
        guard_wheel(self.min_size)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(2)
        for number, (name, control, tip) in enumerate(
            (
                (
                    "Outline tighter",
                    self.foreground,
                    "How sure the model must be that a pixel belongs to an object. "
                    "To the right, objects shrink and faint ones vanish; to the left, "
                    "they grow. (Threshold of the foreground)",
                ),
                (
                    "Split more",
                    self.seed,
                    "How sure the model must be of the inside of an object. To the "
                    "right, objects that touch come apart, and unclear ones vanish; to "
                    "the left, they merge. (Threshold of the seeds)",
                ),
                (
                    "Smallest",
                    self.min_size,
                    "Objects of fewer pixels are left out.",
                ),
            )
        ):
            label = QLabel(name)
            label.setToolTip(tip)
            label.setBuddy(control)
            control.setToolTip(tip)
            control.setAccessibleName(name)
            grid.addWidget(label, number, 0)
            grid.addWidget(control, number, 1)
        grid.setColumnStretch(1, 1)
        self.foreground.valueChanged.connect(self._tell)
        self.seed.valueChanged.connect(self._tell)
        self.min_size.valueChanged.connect(self._tell)
        self._showing = False

    def show_values(self, foreground: float, seed: float, min_size: int) -> None:
        """Show values without telling that they were moved."""
        self._showing = True
        try:
            for slider, value in ((self.foreground, foreground), (self.seed, seed)):
                # What rounds to the same must not jump under the user's hand.
                if abs(slider.value() - value) > 5e-3:
                    slider.setValue(value)
            self.min_size.setValue(min_size)
        finally:
            self._showing = False

    def _tell(self, _value: float) -> None:
        if not self._showing:
            self.moved.emit(
                self.foreground.value(), self.seed.value(), self.min_size.value()
            )
