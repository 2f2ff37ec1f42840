from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tifffile
from napari.components import ViewerModel

from napari_semiseg.exchange.images import describe, open_frame
from napari_semiseg.exchange.pyramid import levels

if TYPE_CHECKING:
    from pathlib import Path


def test_napari_shows_the_levels_of_a_large_image(tmp_path: Path) -> None:
    path = tmp_path / "large.tif"
    stored = tifffile.memmap(path, shape=(20_000, 20_000), dtype=np.uint16)
    stored[:64, :64] = 9
    del stored
    found = levels(open_frame(describe(path)))
    viewer = ViewerModel()
    layer = viewer.add_image(found, multiscale=True, contrast_limits=(0, 10))
    assert layer.data.shapes[0] == (1, 20_000, 20_000)
    assert layer.data_level == len(found) - 1
    assert layer.get_value((0, 3, 3), world=True) == (len(found) - 1, 9)
