"""One small plot of how a training goes: loss, validation score, coverage."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg

from napari_semiseg.viewer.widgets.themed_plot import ThemedPlot

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qtpy.QtWidgets import QWidget

    from napari_semiseg.viewer.training.run_view import Curves
    from napari_semiseg.viewer.training.traces import Curve

_HEIGHT = 130
_LEAST = 1e-12  # A loss of 0 has no logarithm.
_MOST_TICKS = 4


@dataclass(frozen=True)
class _Look:
    """A colour that is seen on dark and on light ground, and words."""

    colour: str
    label: str
    share: bool = False
    dots: bool = False


# Told apart by people who see no red or no green as well.
_LOOKS = {
    "loss": _Look("#d9820f", "loss"),
    "score": _Look("#3f8fd2", "validation score", dots=True),
    "coverage": _Look("#2a9d74", "trusted pixels", share=True),
}
_TIP = (
    "Loss (left scale, logarithmic): how far the network is from the labels; it should "
    "fall.\nValidation score (right scale): precision x recall on your validation "
    "tiles; 1 is perfect.\nTrusted pixels (right scale): share of the unlabelled ones "
    "that the training learns from."
)


class CurvesPlot(ThemedPlot):
    """Draws `Curves` with a scale for losses and one from 0 to 1 for the others."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Curves of the training", _HEIGHT, parent)
        self._plot.setToolTip(_TIP)
        self._legend.setToolTip(_TIP)
        item = self._plot.getPlotItem()
        item.showAxis("right")
        self._shares = pg.ViewBox(enableMouse=False, enableMenu=False)
        item.scene().addItem(self._shares)
        item.getAxis("right").linkToView(self._shares)
        self._shares.setXLink(item)
        self._shares.setYRange(0, 1, padding=0.04)
        item.getAxis("right").setTicks([[(0, "0"), (0.5, "0.5"), (1, "1")]])
        item.vb.sigResized.connect(self._fit)
        self._items = {name: _curve_item(look) for name, look in _LOOKS.items()}
        item.addItem(self._items["loss"])
        for name in ("score", "coverage"):
            self._shares.addItem(self._items[name])
        self._take_theme()

    def show_curves(self, curves: Curves, n_steps: int | None) -> None:
        """Draw curves; ``n_steps`` is the width of the plot, where it is known."""
        for name, item in self._items.items():
            curve: Curve = getattr(curves, name)
            values = curve.values
            if name == "loss":
                values = np.log10(np.maximum(values, _LEAST))
                self._plot.getPlotItem().getAxis("left").setTicks([_ticks(values)])
            item.setData(curve.steps, values)
        last = curves.loss.steps[-1] if curves.loss.steps.size else 1
        # Nothing to be seen is left of the first step, or right of the last.
        self._plot.setXRange(0, max(n_steps or last, 1), padding=0.01)
        self._legend.setText(_legend(curves))

    def drawn(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Steps and values of a curve in its plot; of losses, the logarithm."""
        steps, values = self._items[name].getOriginalDataset()
        return (np.empty(0), np.empty(0)) if steps is None else (steps, values)

    def loss_ticks(self) -> list[str]:
        """The losses that are written beside the plot."""
        values = self.drawn("loss")[1]
        return [words for _, words in _ticks(values)]

    def legend(self) -> str:
        """What is said under the plot."""
        return self._legend.text()

    def _fit(self) -> None:
        item = self._plot.getPlotItem()
        self._shares.setGeometry(item.vb.sceneBoundingRect())
        self._shares.linkedViewChanged(item.vb, self._shares.XAxis)


def _curve_item(look: _Look) -> pg.PlotDataItem:
    item = pg.PlotDataItem(pen=pg.mkPen(look.colour, width=2))
    if look.dots:  # It is measured at a few steps only.
        item.setSymbol("o")
        item.setSymbolSize(5)
        item.setSymbolBrush(look.colour)
        item.setSymbolPen(None)
    return item


def _ticks(logarithms: NDArray[np.float64]) -> list[tuple[float, str]]:
    """A few round losses in the range of a curve: 1, 2, 5, 10, or 1, 10, 100."""
    if not logarithms.size:
        return []
    low, high = float(logarithms.min()), float(logarithms.max())
    decades = range(math.floor(low), math.ceil(high) + 1)
    fine = [(factor, decade) for decade in decades for factor in (1, 2, 5)]
    coarse = [(1, decade) for decade in decades]
    for among in (fine, coarse, coarse[:: 1 + len(coarse) // _MOST_TICKS]):
        found = [math.log10(factor) + decade for factor, decade in among]
        inside = [place for place in found if low - 0.1 <= place <= high + 0.1]
        if len(inside) <= _MOST_TICKS:
            break
    return [(place, f"{10**place:.3g}") for place in inside]


def _legend(curves: Curves) -> str:
    parts = []
    for name, look in _LOOKS.items():
        last = getattr(curves, name).last
        if last is not None:
            number = f"{last:.0%}" if look.share else f"{last:.3g}"
            square = f'<span style="color:{look.colour}">\N{BLACK SQUARE}</span>'
            parts.append(f"{square}&nbsp;{look.label}&nbsp;{number}")
    return " &nbsp; ".join(parts)
