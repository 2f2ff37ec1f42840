from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtWidgets import QWidget

from napari_semiseg.viewer.training.run_view import Curves
from napari_semiseg.viewer.training.traces import Curve
from napari_semiseg.viewer.widgets.curves import CurvesPlot

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


def curve(*values: float) -> Curve:
    return Curve(np.arange(1.0, len(values) + 1), np.array(values))


@pytest.fixture
def plot(qtbot: QtBot) -> CurvesPlot:
    made = CurvesPlot()
    qtbot.addWidget(made)
    made.resize(320, 180)
    made.show()
    return made


def test_curves_are_drawn_on_their_own_scales(plot: CurvesPlot) -> None:
    plot.show_curves(Curves(curve(10, 1, 0), curve(0.2, 0.5), curve(0.7)), 100)
    steps, values = plot.drawn("loss")
    assert steps.tolist() == [1, 2, 3]
    assert values.tolist() == [1, 0, -12]
    assert plot.drawn("coverage")[1].tolist() == [0.2, 0.5]
    assert plot.drawn("score")[1].tolist() == [0.7]
    assert "loss&nbsp;0" in plot.legend()
    assert "trusted pixels&nbsp;50%" in plot.legend()


def test_absent_curves_are_not_in_the_legend(plot: CurvesPlot) -> None:
    plot.show_curves(Curves(curve(1, 0.25)), None)
    assert "loss&nbsp;0.25" in plot.legend()
    assert "trusted" not in plot.legend()
    assert "score" not in plot.legend()
    plot.show_curves(Curves(), None)
    assert plot.legend() == ""
    assert plot.drawn("loss")[0].size == 0


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.1, 1.0, ["0.1", "0.2", "0.5", "1"]),
        (0.35, 0.4, ["0.5"]),
        (1e-3, 1.0, ["0.001", "0.01", "0.1", "1"]),
    ],
)
def test_ticks_of_losses(
    plot: CurvesPlot, low: float, high: float, ticks: list[str]
) -> None:
    plot.show_curves(Curves(curve(high, low)), None)
    assert plot.loss_ticks() == ticks


@pytest.mark.parametrize("ground", ["#262930", "#ffffff"])
def test_the_plot_follows_the_theme(qtbot: QtBot, ground: str) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    plot = CurvesPlot(window)
    window.resize(320, 180)
    window.show()
    plot.show_curves(Curves(curve(1, 0.5)), 10)
    window.setStyleSheet(f"QWidget {{ background-color: {ground}; color: #888888; }}")
    qtbot.waitUntil(
        lambda: plot.grab().toImage().pixelColor(3, 3).name() == ground, timeout=2000
    )
