"""Where pixels lie in the world of the viewer."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from napari_semiseg.geometry import Box
from napari_semiseg.viewer.placement import Placement, visible_box


@pytest.mark.parametrize(
    "placement",
    [
        Placement(),
        Placement((0.5, 0.25), (10, -3)),
        Placement((0.5, 0.25), (10, -3), reduction=4),
    ],
)
def test_layers_and_pixels_agree(placement: Placement) -> None:
    box = Box((6, 9), (20, 30))
    layer = Labels(np.zeros(box.size, np.int32), **placement.at(box))

    world = layer.data_to_world((2, 3))

    assert placement.to_pixel(world) == pytest.approx((8, 12))
    assert placement.to_world((8, 12)) == pytest.approx(world)


def test_a_working_pixel_covers_the_full_pixels_it_stands_for() -> None:
    placement = Placement((1, 1), (0, 0), reduction=4)
    layer = Labels(np.zeros((3, 3), np.int32), **placement.at(Box((0, 0), (3, 3))))

    # Full pixels have their centres at 0, 1, 2, ...: the first four end at 3.5.
    assert tuple(layer.data_to_world((-0.5, -0.5))) == (-0.5, -0.5)
    assert tuple(layer.data_to_world((0.5, 0.5))) == (3.5, 3.5)


def test_the_visible_box_is_what_the_canvas_shows() -> None:
    box = visible_box((0, 100, 50), 2.0, (40, 80), Placement(), (300, 300))

    assert box == Box((90, 30), (21, 41))


def test_an_image_out_of_sight_shows_nothing() -> None:
    assert visible_box((0, 900, 900), 1, (50, 50), Placement(), (300, 300)).empty
