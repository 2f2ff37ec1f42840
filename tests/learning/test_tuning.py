"""Views of the training tiles to tune thresholds on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.learning.conftest import tile

from napari_semiseg.geometry import ArraySource
from napari_semiseg.learning.tuning import altered_probabilities, n_tuning_views

CPU = torch.device("cpu")


class Bright(torch.nn.Module):
    """Logits that follow the grey value of the pixel."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([-x, x, torch.zeros_like(x)], 1)


@pytest.mark.parametrize(
    ("n_objects", "n_views"), [(0, 0), (1, 4), (60, 4), (100, 2), (299, 1), (300, 0)]
)
def test_the_more_objects_the_fewer_views(n_objects, n_views):
    ids = np.zeros(1024, np.int32)
    ids[:n_objects] = np.arange(1, n_objects + 1)
    tiles = [replace(tile(0), instances=ids.reshape(32, 32))]
    assert n_tuning_views(tiles) == n_views


def test_views_differ_but_are_the_same_each_time():
    tiles = [tile(0), tile(1)]
    views = altered_probabilities(Bright(), tiles, CPU)
    again = altered_probabilities(Bright(), tiles, CPU)
    assert len(views) == 4
    assert views[0][0].shape == (3, 32, 32)
    np.testing.assert_allclose(views[0][0].sum(0), 1, atol=1e-5)
    assert not np.array_equal(views[0][0], views[1][0])
    np.testing.assert_array_equal(views[3][1], again[3][1])


def test_the_view_is_cut_to_the_tile_again():
    """A bright square that ends with the tile fills the tile's map."""
    image = np.zeros((1, 100, 100), np.float32)
    image[:, 40:60, 30:50] = 50.0  # Too bright for any noise to hide.
    ids = np.ones((20, 20), np.int32)
    inside = tile(
        0,
        image=image[:, 40:60, 30:50],
        instances=ids,
        annotated=ids > 0,
        origin=(40, 30),
        source=ArraySource(image),
    )
    for view in altered_probabilities(Bright(), [inside], CPU):
        assert (view[0][1, 2:-2, 2:-2] > 0.9).all()


def test_the_network_keeps_its_mode():
    network = Bright().train()
    altered_probabilities(network, [tile(0)], CPU)
    assert network.training
