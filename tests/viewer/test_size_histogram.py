from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_semiseg.viewer.widgets.size_histogram import SizeHistogram, bars

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


def test_every_tile_is_in_one_bar() -> None:
    counts, edges = bars(np.array([0.0, 2.5, 9.9, 10.0, 20.0]))

    assert counts.tolist() == [2, 1, 1, 1]
    assert edges.tolist() == [0, 5, 10, 15, 20]


def test_without_tiles_or_objects_there_is_an_empty_plot() -> None:
    assert bars(np.array([]))[0].sum() == 0
    assert bars(np.array([0.0, 0.0]))[0].tolist() == [2, 0, 0, 0]


def test_many_tiles_have_no_more_bars_than_can_be_seen() -> None:
    assert len(bars(np.linspace(0, 50, 1000))[0]) == 12


def test_the_band_and_the_size_of_the_image_are_marked(qtbot: QtBot) -> None:
    shown = SizeHistogram()
    qtbot.addWidget(shown)

    shown.show_sizes([0.1, 0.2], (0.1, 0.22), 0.31)

    assert shown.drawn().sum() == 2
    assert shown.band() == pytest.approx((10, 22))
    assert shown.size_line() == pytest.approx(31)
    low, high = shown._plot.viewRange()[0]
    assert low <= 0
    assert high > 31

    shown.show_sizes([0.1, 0.2], None, None)
    assert shown.band() is None
    assert shown.size_line() is None
    assert "expected" not in shown._legend.text()
