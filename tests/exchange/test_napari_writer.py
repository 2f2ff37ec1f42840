from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from napari_semiseg.errors import SemisegError
from napari_semiseg.exchange.napari_writer import write_labels

if TYPE_CHECKING:
    from pathlib import Path


def two_objects() -> np.ndarray:
    instances = np.zeros((20, 30), np.int64)
    instances[2:8, 3:9] = 1
    instances[10:18, 12:25] = 7
    return instances


def test_file_holds_the_layer_and_its_pixel_size(tmp_path: Path) -> None:
    attributes = {"scale": (0.5, 250.0), "units": ("micrometer", "nanometer")}

    (written,) = write_labels(str(tmp_path / "cells.tif"), two_objects(), attributes)

    with tifffile.TiffFile(written) as file:
        np.testing.assert_array_equal(file.asarray(), two_objects())
        page = file.pages[0]
        across, of = page.tags["XResolution"].value
        assert of / across == pytest.approx(0.25)
        across, of = page.tags["YResolution"].value
        assert of / across == pytest.approx(0.5)


def test_ending_is_added(tmp_path: Path) -> None:
    written = write_labels(str(tmp_path / "cells.v2"), two_objects(), {})

    assert written == [str(tmp_path / "cells.v2.tif")]
    assert (tmp_path / "cells.v2.tif").is_file()


def test_scale_in_pixels_is_no_length(tmp_path: Path) -> None:
    attributes = {"scale": (2.0, 2.0), "units": ("pixel", "pixel")}

    (written,) = write_labels(str(tmp_path / "cells.tif"), two_objects(), attributes)

    with tifffile.TiffFile(written) as file:
        metadata = file.imagej_metadata or {}
    assert metadata.get("unit", "pixel") == "pixel"


def test_finest_level_of_a_pyramid_is_written(tmp_path: Path) -> None:
    pyramid = [two_objects(), two_objects()[::2, ::2]]

    (written,) = write_labels(str(tmp_path / "cells.tif"), pyramid, {})

    assert tifffile.imread(written).shape == (20, 30)


@pytest.mark.parametrize("shape", [(5,), (1, 1, 1, 4, 4)])
def test_other_numbers_of_axes_are_refused(
    shape: tuple[int, ...], tmp_path: Path
) -> None:
    with pytest.raises(SemisegError, match="2 to 4"):
        write_labels(str(tmp_path / "cells.tif"), np.zeros(shape, np.int32), {})


def test_stack_is_written_plane_by_plane(tmp_path: Path) -> None:
    stack = np.stack([two_objects(), two_objects().T.reshape(20, 30)])
    attributes = {"scale": (2.0, 0.5, 0.5), "units": ("micrometer",) * 3}

    (written,) = write_labels(str(tmp_path / "cells.tif"), stack, attributes)

    np.testing.assert_array_equal(tifffile.imread(written), stack)
