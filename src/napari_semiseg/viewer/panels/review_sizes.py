"""How large regions should be and are, where the training has asked for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox, QVBoxLayout, QWidget

from napari_semiseg.runs.outside import against_bounds
from napari_semiseg.viewer.counted import counted
from napari_semiseg.viewer.review.outside import band_words, percent
from napari_semiseg.viewer.widgets.buttons import note
from napari_semiseg.viewer.widgets.fold import Fold
from napari_semiseg.viewer.widgets.reason_list import ReasonList
from napari_semiseg.viewer.widgets.wheel import guard_wheel

if TYPE_CHECKING:
    from napari_semiseg.runs.sizes import RegionSize, SizeReport
    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.widgets.size_histogram import SizeHistogram

_WITHIN = "All images are within their bounds."


class SizeRows(Fold):
    """Rows of the review panel, shown only when a training has learned sizes."""

    def __init__(self, desk: Desk) -> None:
        content = QWidget()
        super().__init__("Sizes of regions", content)
        self._desk = desk
        self._class = QComboBox()
        self._class.setToolTip("Whose sizes to show.")
        self._class.setAccessibleName("Class whose sizes are shown")
        guard_wheel(self._class)
        self._class.activated.connect(self.refresh)
        self._histogram: SizeHistogram | None = None
        self._plot = QVBoxLayout()
        self.here, self.sentence, self.violators = note(), note(), note()
        self.list = ReasonList("Images outside their bounds", "size")
        self.list.chosen.connect(desk.reviewing.ranking.go)
        column = QVBoxLayout(content)
        column.setContentsMargins(8, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._class)
        column.addLayout(self._plot)
        for widget in (self.here, self.sentence, self.violators, self.list):
            column.addWidget(widget)
        self.set_tip("What the training knows of sizes, and which images violate it.")
        self.set_open(True)

    @property
    def histogram(self) -> SizeHistogram:
        """The plot, made when it is first needed: its library is slow to load."""
        if self._histogram is None:
            from napari_semiseg.viewer.widgets.size_histogram import SizeHistogram

            self._histogram = SizeHistogram()
            self._plot.addWidget(self._histogram)
        return self._histogram

    def refresh(self) -> None:
        """Show how things stand now."""
        report = self._desk.reviewing.reports.now.sizes
        shown = report is not None and self._desk.session.project is not None
        self.setVisible(shown)
        if report is None or not shown:
            return
        number = self._choose_class(report.classes)
        one = self._size_here(report, number)
        bounded = one is not None and report.used[number]
        band = (one.low, one.high) if one is not None and bounded else None
        self.histogram.show_sizes(
            [tile[number] for tile in report.labelled],
            band,
            None if one is None else one.size,
        )
        self.here.setText(_here_words(one, bounded=bounded))
        self.sentence.setText(report.sentence)
        self.sentence.setVisible(bool(report.sentence))
        self._show_violators(report)

    def _choose_class(self, classes: tuple[str, ...]) -> int:
        """The number of the class that is shown; offers others if there are any."""
        offered = [self._class.itemText(n) for n in range(self._class.count())]
        if offered != list(classes):
            self._class.clear()
            self._class.addItems(classes)
        self._class.setVisible(len(classes) > 1)
        return max(0, self._class.currentIndex())

    def _size_here(self, report: SizeReport, number: int) -> RegionSize | None:
        item = self._desk.session.item
        sizes = () if item is None else report.images.get(item.id, ())
        return sizes[number] if number < len(sizes) else None

    def _show_violators(self, report: SizeReport) -> None:
        """All that lie outside, the worst first; the queue has each image once."""
        names = {item.id: item.name for item in self._desk.session.opened.images}
        found = [
            (
                image_id,
                names[image_id],
                reason := f"{_class_words(report, number)}{against_bounds(one)}",
                f"{reason} of the image. Click to see it.",
            )
            for image_id, number, one in report.violators()
            if image_id in names
        ]
        self.list.fill(found)
        sizes = [one.size for of_image in report.images.values() for one in of_image]
        ended = any(size is not None for size in sizes)
        words = _WITHIN if ended else "Which images violate them is known at the end."
        if found:
            n_images = len({entry[0] for entry in found})
            words = f"Outside their bounds: {counted(n_images, 'image')}."
        self.violators.setText(words)


def _class_words(report: SizeReport, number: int) -> str:
    return f"{report.classes[number]} " if len(report.classes) > 1 else ""


def _here_words(one: RegionSize | None, *, bounded: bool) -> str:
    if one is None:
        return "The image in view has no bounds: it is labelled, or was added later."
    parts = []
    if one.size is not None:
        parts.append(f"{percent(one.size)} found")
    if bounded:
        parts.append(f"expected {band_words(one)}")
    if one.predicted is not None:
        parts.append(f"estimated {percent(one.predicted)}")
    return f"This image: {', '.join(parts)}." if parts else ""
