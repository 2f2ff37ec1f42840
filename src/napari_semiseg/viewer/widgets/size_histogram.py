"""How large labelled regions are, and where an image lies among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from qtpy.QtGui import QColor

from napari_semiseg.viewer.widgets.themed_plot import ThemedPlot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from qtpy.QtWidgets import QWidget

_HEIGHT = 110
_MOST_BARS = 12
# Told apart by people who see no red or no green as well.
_BARS, _BAND, _SIZE = "#8a8f98", "#3f8fd2", "#d9820f"
_TIP = (
    "Bars: how many labelled tiles have regions of that size.\n"
    "Blue band: between which sizes the regions of the image in view should be.\n"
    "Orange line: the size that the model finds in it."
)


class SizeHistogram(ThemedPlot):
    """Bars of sizes in percent; a band and a line for one image."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Sizes of labelled regions", _HEIGHT, parent)
        self._bars = pg.BarGraphItem(x=[0], height=[0], width=1, brush=_BARS, pen=None)
        band = QColor(_BAND)
        band.setAlphaF(0.3)
        self._band = pg.LinearRegionItem(
            movable=False, brush=band, pen=pg.mkPen(_BAND, width=1)
        )
        self._size = pg.InfiniteLine(angle=90, pen=pg.mkPen(_SIZE, width=3))
        for item in (self._bars, self._band, self._size):
            self._plot.addItem(item)
        self.setToolTip(_TIP)

    def show_sizes(
        self,
        labelled: Sequence[float],
        band: tuple[float, float] | None,
        size: float | None,
    ) -> None:
        """Draw sizes, each a share of its tile or image, 0 to 1.

        Parameters
        ----------
        labelled
            Of the labelled tiles.
        band
            Bounds of the image in view; None: it has none.
        size
            Of the image in view; None: not known.
        """
        counts, edges = bars(100 * np.asarray(labelled, np.float64))
        middles, widths = (edges[1:] + edges[:-1]) / 2, 0.9 * np.diff(edges)
        self._bars.setOpts(x=middles, height=counts, width=widths)
        self._band.setVisible(band is not None)
        self._size.setVisible(size is not None)
        ends = [float(edges[-1])]
        if band is not None:
            self._band.setRegion((100 * band[0], 100 * band[1]))
            ends.append(100 * band[1])
        if size is not None:
            self._size.setValue(100 * size)
            ends.append(100 * size)
        self._plot.setXRange(0, 1.05 * max(ends), padding=0)
        top = int(counts.max(initial=1))
        self._plot.setYRange(0, top + 0.3, padding=0)
        left = self._plot.getPlotItem().getAxis("left")
        left.setTicks([[(0, "0"), (top, str(top))]])
        self._legend.setText(_legend(band is not None, size is not None))

    def drawn(self) -> NDArray[np.int64]:
        """How many tiles each bar stands for."""
        return np.asarray(self._bars.opts["height"])

    def band(self) -> tuple[float, float] | None:
        """The band that is shown, percent."""
        low, high = self._band.getRegion()
        return (float(low), float(high)) if self._band.isVisible() else None

    def size_line(self) -> float | None:
        """Where the line is shown, percent."""
        return float(self._size.value()) if self._size.isVisible() else None


def bars(
    sizes: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """How many sizes fall into each bar, and the edges of the bars, from 0 on.

    Parameters
    ----------
    sizes
        Percent.
    """
    most = float(sizes.max(initial=0.0)) or 1.0
    # Few tiles: few bars, else each would stand alone.
    number = min(_MOST_BARS, max(4, 2 * round(len(sizes) ** 0.5)))
    counts, edges = np.histogram(sizes, bins=number, range=(0.0, most))
    return counts, edges


def _legend(band: bool, size: bool) -> str:
    parts = [(_BARS, "labelled tiles"), (_BAND, "expected"), (_SIZE, "found here")]
    shown = [True, band, size]
    return (
        " &nbsp; ".join(
            f'<span style="color:{colour}">\N{BLACK SQUARE}</span>&nbsp;{words}'
            for (colour, words), on in zip(parts, shown, strict=True)
            if on
        )
        + " &nbsp; (% of the area)"
    )
