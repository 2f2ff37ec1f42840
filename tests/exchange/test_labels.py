"""Label images of other programs: whole numbers of any type, sentences for the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_semiseg.errors import SemisegError
from napari_semiseg.exchange.labels import as_labels, read_labels

if TYPE_CHECKING:
    from pathlib import Path

LABELS = np.array([[0, 1, 1], [7, 7, 0]])


@pytest.mark.parametrize(
    "dtype",
    ["uint8", "int16", "uint16", "int32", "uint32", "int64", "float32", "float64"],
)
def test_whole_numbers_of_any_type_with_gaps(tmp_path: Path, dtype: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", LABELS.astype(dtype))

    labels = read_labels(tmp_path / "a.tif", (2, 3))

    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, LABELS)


@pytest.mark.parametrize("dtype", ["int8", "int64", "float32"])
def test_negative_numbers_are_ignored_pixels(dtype: str) -> None:
    labels = as_labels(np.array([[-5, -1], [0, 2]], dtype), (2, 2))

    np.testing.assert_array_equal(labels, [[-1, -1], [0, 2]])


def test_seventy_thousand_objects(tmp_path: Path) -> None:
    many = np.arange(70_000, dtype=np.uint32).reshape(280, 250)
    tifffile.imwrite(tmp_path / "a.tif", many)

    labels = read_labels(tmp_path / "a.tif", (280, 250))

    assert labels.max() == 69_999
    assert np.unique(labels).size == 70_000


def test_numbers_of_a_palette_and_not_its_colours(tmp_path: Path) -> None:
    picture = Image.fromarray(LABELS.astype(np.uint8)).convert("P")
    picture.putpalette([0, 0, 0] * 7 + [255, 0, 0])
    picture.save(tmp_path / "a.png")

    np.testing.assert_array_equal(read_labels(tmp_path / "a.png", (2, 3)), LABELS)


def test_axes_of_size_one_do_not_count(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", LABELS[None, None].astype(np.uint16))

    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif", (2, 3)), LABELS)


@pytest.mark.parametrize("shape", [(1, 1), (17, 300), (1, 300)])
def test_odd_shapes(tmp_path: Path, shape: tuple[int, int]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.ones(shape, np.uint16))

    assert read_labels(tmp_path / "a.tif", shape).shape == shape


def test_one_frame_of_a_stack(tmp_path: Path) -> None:
    stack = np.stack([LABELS, 2 * LABELS, 3 * LABELS, LABELS]).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")

    labels = read_labels(tmp_path / "a.tif", (2, 3), frame=2)
    np.testing.assert_array_equal(labels, 3 * LABELS)
    for frame in (None, 4, -1):
        with pytest.raises(SemisegError, match="4 frames"):
            read_labels(tmp_path / "a.tif", (2, 3), frame=frame)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([[0.5, 1]], "fractions"),
        ([[np.nan, 1]], "fractions"),
        ([[np.inf, 1]], "fractions"),
        ([[2**31, 1]], "renumber"),
        ([[1j, 1]], "complex"),
        ([[1, 1, 1]], "1 x 3"),
    ],
)
def test_what_is_no_label_image_gets_a_sentence(
    values: list[object], words: str
) -> None:
    with pytest.raises(SemisegError, match=words):
        as_labels(np.array(values), (1, 2))


def test_wrong_shape_says_both_sizes(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", LABELS.astype(np.uint8))
    Image.new("RGB", (3, 2)).save(tmp_path / "colour.png")

    with pytest.raises(SemisegError, match=r"a\.tif is 2 x 3 and its image is 4 x 4"):
        read_labels(tmp_path / "a.tif", (4, 4))
    with pytest.raises(SemisegError, match="colour picture"):
        read_labels(tmp_path / "colour.png", (2, 3))


def test_damaged_and_missing_files(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\0")

    with pytest.raises(SemisegError, match="damaged"):
        read_labels(tmp_path / "a.tif", (2, 3))
    with pytest.raises(SemisegError, match="does not exist"):
        read_labels(tmp_path / "b.tif", (2, 3))
