"""How long to train: about so many minutes, or exactly so many steps."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QLabel,
    QRadioButton,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QWidget,
)

from napari_semiseg.viewer.training.run_words import duration_words
from napari_semiseg.viewer.widgets.wheel import guard_wheel

MINUTES = (1, 2, 3, 5, 8, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 480)
"""Stops of the slider."""
_MOST_STEPS = 10_000_000


class EffortEdit(QWidget):
    """Edits minutes (None: the steps hold) and steps."""

    valueChanged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._minutes: float = 5
        self._by_time = QRadioButton("time")
        self._by_time.setToolTip(
            "Train for about this long: quick to the left, thorough to the right"
        )
        self._by_steps = QRadioButton("steps")
        self._by_steps.setToolTip(
            "Make exactly so many steps: the same result on every computer, however "
            "long it takes"
        )
        self._group = QButtonGroup(self)
        self._group.addButton(self._by_time)
        self._group.addButton(self._by_steps)
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(0, len(MINUTES) - 1)
        self._slider.setPageStep(1)
        self._slider.setToolTip(self._by_time.toolTip())
        self._slider.setAccessibleName("Minutes of training")
        self._words = QLabel()
        self._words.setMinimumWidth(52)
        self._steps = QSpinBox()
        self._steps.setRange(1, _MOST_STEPS)
        self._steps.setSingleStep(100)
        self._steps.setGroupSeparatorShown(True)
        self._steps.setKeyboardTracking(False)
        self._steps.setToolTip(self._by_steps.toolTip())
        self._steps.setAccessibleName("Steps of training")
        self._steps.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        guard_wheel(self._slider)
        guard_wheel(self._steps)
        self._lay_out()
        self.set_value(5, 600)
        self._by_time.toggled.connect(self._switch)
        self._slider.valueChanged.connect(self._slide)
        self._steps.valueChanged.connect(self._count)

    @property
    def minutes(self) -> float | None:
        """About so long; None: as many steps as are asked for."""
        return self._minutes if self._by_time.isChecked() else None

    @property
    def steps(self) -> int:
        """As many, where no minutes are asked for."""
        return self._steps.value()

    def set_value(self, minutes: float | None, steps: int) -> None:
        """Show how long; nothing is emitted."""
        self.blockSignals(True)
        (self._by_steps if minutes is None else self._by_time).setChecked(True)
        self._steps.setValue(steps)
        if minutes is not None:
            nearest = min(MINUTES, key=lambda stop: abs(stop - minutes))
            self._slider.setValue(MINUTES.index(nearest))
            self._minutes = minutes
        self._show()
        self.blockSignals(False)

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        grid.setColumnStretch(1, 1)
        grid.addWidget(self._by_time, 0, 0)
        grid.addWidget(self._slider, 0, 1)
        grid.addWidget(self._words, 0, 2)
        grid.addWidget(self._by_steps, 1, 0)
        grid.addWidget(self._steps, 1, 1, 1, 2)

    def _switch(self, _by_time: bool) -> None:
        self._show()
        self.valueChanged.emit()

    def _slide(self, place: int) -> None:
        self._minutes = MINUTES[place]
        self._show()
        self.valueChanged.emit()

    def _count(self, _steps: int) -> None:
        self.valueChanged.emit()

    def _show(self) -> None:
        by_time = self._by_time.isChecked()
        self._words.setText(duration_words(60 * self._minutes))
        for control in (self._slider, self._words):
            control.setEnabled(by_time)
        self._steps.setEnabled(not by_time)
