"""What labelling has brought: the score of each round against what was labelled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyqtgraph as pg

from napari_semiseg.viewer.widgets.themed_plot import ThemedPlot

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from qtpy.QtWidgets import QWidget

    from napari_semiseg.runs.rounds import Round

_HEIGHT = 110
_COLOUR, _IN_USE = "#3f8fd2", "#d9820f"
_TIP = (
    "Score of each round (0 to 1, left) against what was labelled when it began.\n"
    "Filled: measured on validation tiles; hollow: on tiles that were learned from.\n"
    "Orange: the round whose model is in use."
)


class EconomyPlot(ThemedPlot):
    """Rounds that have a score, in their order."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Score against what was labelled", _HEIGHT, parent)
        self.setToolTip(_TIP)
        self._line = pg.PlotDataItem(pen=pg.mkPen(_COLOUR, width=1))
        self._dots = pg.ScatterPlotItem(size=9)
        self._plot.addItem(self._line)
        self._plot.addItem(self._dots)
        self._plot.setYRange(0, 1, padding=0.06)
        axis = self._plot.getPlotItem().getAxis("left")
        axis.setTicks([[(0, "0"), (0.5, "0.5"), (1, "1")]])

    def show_rounds(self, rounds: Sequence[Round]) -> None:
        """Draw rounds that `curve` takes."""
        unit, points = curve(rounds)
        scored = [one for one in rounds if one.score is not None]
        self._line.setData([x for x, _ in points], [y for _, y in points])
        self._dots.setData(
            [
                {
                    "pos": point,
                    "brush": _colour(one) if one.validated else None,
                    "pen": pg.mkPen(_colour(one), width=2),
                }
                for one, point in zip(scored, points, strict=True)
            ]
        )
        most = max((x for x, _ in points), default=1)
        self._plot.setXRange(0, max(most, 1), padding=0.05)
        self._legend.setText(f"score against {unit} labelled")

    def drawn(self) -> tuple[np.ndarray, np.ndarray]:
        """What was labelled, and the scores, as they are drawn."""
        labelled, scores = self._line.getOriginalDataset()
        return labelled, scores

    def legend(self) -> str:
        """What is said under the plot."""
        return self._legend.text()


def curve(rounds: Sequence[Round]) -> tuple[str, list[tuple[float, float]]]:
    """What was counted, and (labelled, score) of each round that has a score.

    Objects where all of them were counted, else tiles, else the rounds themselves.
    """
    scored = [(one, one.score) for one in rounds if one.score is not None]
    counts = {
        "objects": [one.objects for one, _ in scored],
        "tiles": [one.tiles for one, _ in scored],
    }
    for unit, found in counts.items():
        known = [float(number) for number in found if number is not None]
        if len(known) == len(scored):
            return unit, [(x, y) for x, (_, y) in zip(known, scored, strict=True)]
    return "rounds", [(float(one.number), score) for one, score in scored]


def _colour(one: Round) -> str:
    return _IN_USE if one.in_use else _COLOUR
