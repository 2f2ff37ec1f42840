"""Masks and maps as TIFF: what other programs read, and what the options leave out."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from napari_semiseg.errors import DiskFullError, SemisegError
from napari_semiseg.exchange.images import describe, open_frame
from napari_semiseg.exchange.labels import read_labels
from napari_semiseg.exchange.selection import fill_object_holes, select_objects
from napari_semiseg.exchange.tiff import (
    write_classes,
    write_confidence,
    write_instances,
    write_probability,
)
from napari_semiseg.geometry import Box

MASK = np.array(
    [
        [4, 4, 0, 0, 0, 0],
        [0, 0, 9, 9, 9, 0],
        [0, 0, 9, 0, 9, 0],
        [0, 0, 9, 9, 9, 0],
        [0, -1, 0, 0, 0, 0],
        [0, 2, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ],
    np.int32,
)


def test_mask_as_other_programs_read_it(tmp_path: Path) -> None:
    exported = write_instances(
        tmp_path / "new" / "a.tif", MASK, pixel_size=(0.25, 0.5), unit="µm"
    )

    assert exported.n_objects == 3
    assert exported.dtype == "uint16"
    with tifffile.TiffFile(exported.path) as tiff:
        assert tiff.is_imagej
        assert tiff.series[0].axes == "YX"
        metadata = tiff.imagej_metadata
        assert metadata["unit"] == "um"
        assert (metadata["min"], metadata["max"]) == (0, 9)
        tags = tiff.pages.first.tags
        x, y = tags["XResolution"].value, tags["YResolution"].value
        assert (x[0] / x[1], y[0] / y[1]) == pytest.approx((2, 4))
        np.testing.assert_array_equal(tiff.asarray(), np.maximum(MASK, 0))
    description = describe(exported.path)
    assert description.pixel_size == pytest.approx((0.25, 0.5))


def test_19_more_than_65535_objects_take_32_bits(tmp_path: Path) -> None:
    many = np.arange(70_000, dtype=np.int32).reshape(280, 250)

    exported = write_instances(
        tmp_path / "a.tif", many, pixel_size=(0.5, 0.5), unit="um"
    )

    assert (exported.n_objects, exported.dtype) == (69_999, "uint32")
    np.testing.assert_array_equal(read_labels(exported.path, many.shape), many)
    with tifffile.TiffFile(exported.path) as tiff:
        assert tiff.pages.first.description.startswith("ImageJ=")
        assert tiff.pages.first.sampleformat == 1
        assert not tiff.is_bigtiff
    assert describe(exported.path).pixel_size == (0.5, 0.5)


@pytest.mark.parametrize(("largest", "dtype"), [(65535, "uint16"), (65536, "uint32")])
def test_where_16_bits_end(tmp_path: Path, largest: int, dtype: str) -> None:
    mask = np.array([[0, largest]])

    assert write_instances(tmp_path / "a.tif", mask).dtype == dtype
    assert read_labels(tmp_path / "a.tif", (1, 2)).max() == largest
    assert write_instances(tmp_path / "b.tif", mask, consecutive=True).dtype == "uint16"


@pytest.mark.parametrize("first_id", [1, 70_000])
@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ("ZYX", "1 channel, 3 planes, 5 x 6"),
        ("TYX", "1 channel, 3 frames, 5 x 6"),
        ("TZYX", "1 channel, 2 frames, 3 planes, 5 x 6"),
    ],
)
def test_axes_are_said_in_the_file(
    tmp_path: Path, axes: str, words: str, first_id: int
) -> None:
    mask = np.full((2, 3, 5, 6)[-len(axes) :], first_id)

    exported = write_instances(
        tmp_path / "a.tif",
        mask,
        axes=axes,
        pixel_size=(2, 0.5, 0.5)[axes == "TYX" :],
        unit="µm",
    )

    description = describe(exported.path)
    assert description.words == words
    expected = (0.5, 0.5) if axes == "TYX" else (2, 0.5, 0.5)
    assert description.pixel_size == pytest.approx(expected)
    np.testing.assert_array_equal(tifffile.imread(exported.path), mask)


@pytest.mark.parametrize("shape", [(1, 1), (17, 300)])
def test_odd_shapes_and_no_object(tmp_path: Path, shape: tuple[int, int]) -> None:
    exported = write_instances(tmp_path / "a.tif", np.zeros(shape, np.int32))

    assert exported.n_objects == 0
    assert read_labels(exported.path, shape).shape == shape


def test_sidecar_states_the_options(tmp_path: Path) -> None:
    exported = write_instances(
        tmp_path / "a.tif", MASK, drop_border=True, min_area=2, consecutive=True
    )

    stated = json.loads(exported.sidecar.read_text())
    assert exported.sidecar.name == "a.json"
    assert stated["options"] == {
        "consecutive": True,
        "drop_border": True,
        "min_area": 2,
        "max_area": None,
        "fill_holes": False,
    }
    assert stated["n_objects"] == 1
    assert stated["dropped"] == {"at the border": 1, "too small": 1, "too large": 0}


# --- options --------------------------------------------------------------------------


def ids(**options: Any) -> list[int]:
    kept, _ = select_objects(MASK, **options)
    return sorted(set(kept.ravel().tolist()) - {0})


def test_options_choose_objects() -> None:
    assert ids() == [2, 4, 9]
    assert ids(consecutive=True) == [1, 2, 3]
    assert ids(drop_border=True) == [2, 9]
    assert ids(min_area=2) == [4, 9]
    assert ids(max_area=2) == [2, 4]
    assert ids(max_area=8) == [2, 4, 9]
    # The hole counts: areas are measured after filling.
    assert ids(max_area=8, fill_holes=True) == [2, 4]


def test_large_ids_are_treated_alike() -> None:
    mask = np.where(MASK > 0, MASK.astype(np.int64) * 100_000_000, MASK)

    kept, dropped = select_objects(mask, consecutive=True, drop_border=True, min_area=2)

    expected, same = select_objects(
        MASK, consecutive=True, drop_border=True, min_area=2
    )
    np.testing.assert_array_equal(kept, expected)
    assert dropped == same


def test_first_and_last_plane_cut_no_object() -> None:
    mask = np.zeros((2, 5, 5), np.int32)
    mask[:, 2, 2] = 3

    kept, _ = select_objects(mask, "TYX", drop_border=True)

    assert kept.max() == 3


@pytest.mark.parametrize("options", [{"min_area": -1}, {"min_area": 5, "max_area": 4}])
def test_areas_that_exclude_each_other(options: dict[str, int]) -> None:
    with pytest.raises(SemisegError, match="No object"):
        select_objects(MASK, **options)


def test_a_hole_between_two_objects_stays() -> None:
    ring = np.array([[1, 1, 1], [1, 0, 2], [1, 2, 2]])

    np.testing.assert_array_equal(fill_object_holes(ring), ring)


@given(
    hnp.arrays(
        np.int64,
        st.tuples(st.integers(1, 9), st.integers(1, 9)),
        elements=st.integers(0, 1),
    )
)
@settings(max_examples=60, deadline=None)
def test_holes_of_a_single_object_are_those_of_scipy(mask: np.ndarray) -> None:
    np.testing.assert_array_equal(
        fill_object_holes(mask) > 0, ndimage.binary_fill_holes(mask)
    )


# --- maps -----------------------------------------------------------------------------


def test_maps(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    probability = rng.random((3, 6, 7), dtype=np.float32)
    probability[0, 0, 0] = np.nan

    write_probability(tmp_path / "p.tif", probability, pixel_size=(0.5, 0.5), unit="µm")
    write_confidence(tmp_path / "c.tif", probability.max(axis=0))
    write_classes(tmp_path / "k.tif", probability.argmax(axis=0))

    description = describe(tmp_path / "p.tif")
    assert description.words == "3 channels, 6 x 7"
    assert description.pixel_size == (0.5, 0.5)
    read = open_frame(description).read(Box((0, 0), (6, 7)))
    np.testing.assert_array_equal(read, probability)
    assert describe(tmp_path / "c.tif").dtype == "float32"
    assert describe(tmp_path / "k.tif").dtype == "uint8"


def test_probability_of_a_volume(tmp_path: Path) -> None:
    probability = np.random.default_rng(0).random((3, 2, 6, 7), dtype=np.float32)

    write_probability(tmp_path / "p.tif", probability, axes="CZYX")

    description = describe(tmp_path / "p.tif")
    read = open_frame(description).read(Box.whole(description.shape))
    np.testing.assert_array_equal(read, probability)


# --- what goes wrong ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mask", "options"),
    [
        (np.ones((2, 2), np.float32), {}),
        (np.ones((2, 2, 2), np.int32), {}),
        (np.ones((2, 2), np.int32), {"axes": "ZYX"}),
        (np.ones((2, 2), np.int32), {"pixel_size": (1, 1, 1), "unit": "µm"}),
        (np.ones((0, 2), np.int32), {}),
    ],
)
def test_arrays_that_do_not_fit(
    tmp_path: Path, mask: np.ndarray, options: dict[str, Any]
) -> None:
    with pytest.raises(SemisegError):
        write_instances(tmp_path / "a.tif", mask, **options)
    assert not list(tmp_path.iterdir())


def test_full_disk_keeps_the_older_mask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_instances(tmp_path / "a.tif", MASK)
    before = (tmp_path / "a.tif").read_bytes()

    def full(path: Path, *_: object, **__: object) -> None:
        Path(path).write_bytes(b"II*\0 torn")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tifffile, "imwrite", full)
    with pytest.raises(DiskFullError, match="disk is full"):
        write_instances(tmp_path / "a.tif", MASK + 1)

    assert (tmp_path / "a.tif").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.json", "a.tif"]


def test_a_faulty_disk_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = tifffile.imwrite

    def faulty(path: Path, array: np.ndarray, **options: Any) -> None:
        array = array.copy()
        array.flat[5] += 1
        honest(path, array, **options)

    monkeypatch.setattr(tifffile, "imwrite", faulty)
    with pytest.raises(SemisegError, match="read back"):
        write_instances(tmp_path / "a.tif", MASK)
    assert not list(tmp_path.iterdir())
