"""Which objects are written, and how: a form for `ObjectOptions`."""

from __future__ import annotations

from qtpy.QtWidgets import QCheckBox, QFormLayout, QSpinBox, QWidget

from napari_semiseg.api.outputs import ObjectOptions
from napari_semiseg.viewer.widgets.wheel import guard_wheel

_LARGEST = 2_000_000_000  # Pixels.


class ObjectOptionsForm(QWidget):
    """Edits one value: the options of an export."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.drop_border = _check(
            "Leave out objects at the edge",
            "Objects that touch the edge of the image are cut off: their size and "
            "shape would be wrong.",
        )
        self.fill_holes = _check(
            "Fill holes", "Pixels enclosed by an object become part of it."
        )
        self.consecutive = _check(
            "Number from 1 to n",
            "Without gaps, where objects were left out. The numbers then differ from "
            "those that you see here.",
        )
        self.min_area = _area("none", "Smaller objects are left out.")
        self.max_area = _area("none", "Larger objects are left out.")
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(2)
        form.addRow(self.drop_border)
        form.addRow(self.fill_holes)
        form.addRow(self.consecutive)
        form.addRow("Smallest object", self.min_area)
        form.addRow("Largest object", self.max_area)

    def value(self) -> ObjectOptions:
        """The options as they are set."""
        return ObjectOptions(
            consecutive=self.consecutive.isChecked(),
            drop_border=self.drop_border.isChecked(),
            min_area=self.min_area.value(),
            max_area=self.max_area.value() or None,
            fill_holes=self.fill_holes.isChecked(),
        )

    def problem(self) -> str | None:
        """Why no object could fit, a sentence; None: some can."""
        options = self.value()
        if options.max_area is not None and options.max_area < options.min_area:
            return "No object is both that large and that small: change one size."
        return None


def _check(text: str, tip: str) -> QCheckBox:
    made = QCheckBox(text)
    made.setToolTip(tip)
    return made


def _area(nothing: str, tip: str) -> QSpinBox:
    made = QSpinBox()
    made.setRange(0, _LARGEST)
    made.setSuffix(" px")
    made.setSpecialValueText(nothing)
    made.setToolTip(tip)
    guard_wheel(made)
    return made
