from __future__ import annotations

import resource
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest
import tifffile

from napari_semiseg.exchange.images import LazyFrame, describe, open_frame
from napari_semiseg.exchange.pyramid import SMALL, Level, _complete, levels

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

LARGE = 20_000


def opened(path: Path, axes: str | None = None, frame: int = 0) -> LazyFrame:
    return open_frame(describe(path, axes=axes), frame)


@pytest.fixture
def image() -> NDArray[np.uint16]:
    return np.arange(2 * 37 * 53, dtype=np.uint16).reshape(2, 37, 53)


@pytest.fixture
def frame(tmp_path: Path, image: NDArray[np.uint16]) -> LazyFrame:
    tifffile.imwrite(tmp_path / "a.tif", image, metadata={"axes": "CYX"})
    return opened(tmp_path / "a.tif", "CYX")


@pytest.fixture
def large(tmp_path: Path) -> LazyFrame:
    """A file of 800 MB that takes no room on the disk: three small patches in it."""
    path = tmp_path / "large.tif"
    stored = tifffile.memmap(path, shape=(LARGE, LARGE), dtype=np.uint16)
    for first in (0, 9_984, 19_968):
        stored[first : first + 32, first : first + 32] = 1 + first
    stored.flush()
    del stored
    return opened(path)


@pytest.mark.parametrize("step", [1, 2, 3, 8])
@pytest.mark.parametrize(
    "index",
    [
        ...,
        0,
        (1, slice(3, 20), slice(5, 50)),
        (slice(None), 4, slice(None, None, 3)),
        (..., slice(-9, -2)),
        (-1, ..., 2),
        (0, np.int64(3), 4),
        (slice(1, 1), slice(2, 2)),
        (slice(None), slice(0, 1000), slice(2, 900, 2)),
    ],
)
def test_a_level_is_indexed_like_an_array(
    frame: LazyFrame, image: NDArray[np.uint16], step: int, index: Any
) -> None:
    expected = image[:, ::step, ::step]
    for level in (Level(frame, step), uncached(frame, step)):
        assert level.shape == expected.shape
        assert (level.ndim, level.size, len(level)) == (3, expected.size, 2)
        assert level.dtype == np.uint16
        np.testing.assert_array_equal(level[index], expected[index])


def uncached(frame: LazyFrame, step: int) -> Level:
    """A level that reads at every index, as large ones do."""

    class Uncached(Level):
        def __getitem__(self, index: Any) -> NDArray[Any]:
            return self._read(_complete(index, self.ndim))

    return Uncached(frame, step)


def test_indices_beyond_the_image_are_refused(frame: LazyFrame) -> None:
    level = uncached(frame, 2)
    for index in ((0, 99), (0, -99), (0, 0, 0, 0), (0, slice(None, None, -1))):
        with pytest.raises(IndexError):
            level[index]


def test_a_small_image_is_its_only_level(
    frame: LazyFrame, image: NDArray[np.uint16]
) -> None:
    (only,) = levels(frame)
    np.testing.assert_array_equal(np.asarray(only), image)


def test_levels_halve_down_to_what_a_screen_shows(large: LazyFrame) -> None:
    found = levels(large)
    assert [level.shape[-1] for level in found] == [20000, 10000, 5000, 2500, 1250, 625]
    assert max(found[-1].shape) <= SMALL
    patch = found[2][0, 2496:2504, 2496:2504]
    np.testing.assert_array_equal(patch, np.full((8, 8), 9_985))
    assert set(np.unique(found[-1])) == {0, 1, 9_985, 19_969}


@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
def test_a_view_of_a_large_image_takes_little_memory(large: LazyFrame) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for level in levels(large):
        level[0, : SMALL // 2, : SMALL // 2]
        level[0, -SMALL // 2 :, -SMALL // 2 :]
    np.asarray(levels(large)[-1])
    unit = 1 if sys.platform == "darwin" else 1024
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit
    assert grown < 200 << 20


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep the pages")
def test_what_was_read_of_a_large_image_takes_no_memory(large: LazyFrame) -> None:
    process = psutil.Process()
    before = process.memory_info().rss
    whole = levels(large)[0]
    for first in range(0, LARGE, 2500):
        whole[0, first : first + 2500, ::500]
    assert process.memory_info().rss - before < 100 << 20


def test_the_smallest_level_is_read_once(frame: LazyFrame) -> None:
    level = Level(frame, 4)
    first = level[0]
    frame.close()
    np.testing.assert_array_equal(level[0], first)


def test_levels_of_ome_zarr_are_used(tmp_path: Path) -> None:
    import zarr

    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    for path, side, value in (("0", 2600, 1), ("1", 1300, 2)):
        array = group.create_array(
            path, shape=(2, 1, side, side), chunks=(1, 1, 650, 650), dtype="uint8"
        )
        array[:, :, :100, :100] = value
    axes = [{"name": name} for name in "tcyx"]
    group.attrs["multiscales"] = [
        {"axes": axes, "datasets": [{"path": "0"}, {"path": "1"}]}
    ]
    found = levels(opened(tmp_path / "a.zarr", frame=1))
    assert [level.shape for level in found] == [
        (1, 2600, 2600),
        (1, 1300, 1300),
        (1, 650, 650),
    ]
    # The file's own, and every second pixel of the last of them.
    assert [level[0, 50, 50] for level in found[:2]] == [1, 2]
    assert found[2][0, 10, 10] == 2
    assert found[2].step == 2


def test_levels_of_a_pyramid_tiff_are_used(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tiff:
        options = {"tile": (128, 128), "photometric": "rgb", "compression": "deflate"}
        large = np.full((1200, 1600, 3), 1, np.uint8)
        tiff.write(large, subifds=1, **options)
        tiff.write(2 * large[::2, ::2], subfiletype=1, **options)
    found = levels(opened(path))
    assert [level.shape for level in found] == [(3, 1200, 1600), (3, 600, 800)]
    assert [int(level[1, 5, 5]) for level in found] == [1, 2]


def test_volumes_keep_their_planes(tmp_path: Path) -> None:
    volume = np.zeros((3, 40, 1500), np.uint8)
    volume[1] = 7
    tifffile.imwrite(tmp_path / "v.tif", volume, photometric="minisblack")
    found = levels(opened(tmp_path / "v.tif", "ZYX"))
    assert [level.shape for level in found] == [(1, 3, 40, 1500), (1, 3, 20, 750)]
    assert found[1][0, :, 3, 3].tolist() == [0, 7, 0]
