"""Pairs of files, grey values of classes, and what belongs together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from benchmark_examples import example, squares

from napari_semiseg.api.benchmarking.class_values import ClassValues
from napari_semiseg.api.benchmarking.examples import read_examples
from napari_semiseg.api.benchmarking.groups import grouped, read_groups
from napari_semiseg.api.benchmarking.sides import apart
from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box

if TYPE_CHECKING:
    from pathlib import Path


def write(folder: Path, name: str, array: np.ndarray, **options: object) -> None:
    folder.mkdir(exist_ok=True)
    tifffile.imwrite(folder / name, array, **options)


def test_pairs_are_read_and_normalised(tmp_path: Path) -> None:
    image, truth = squares(0)
    write(tmp_path / "images", "a.tif", (image[0] * 1000).astype(np.uint16))
    write(tmp_path / "images", "lonely.tif", np.zeros((64, 64), np.uint8))
    write(tmp_path / "masks", "a.tif", truth.astype(np.uint16))

    found = read_examples(tmp_path / "images", tmp_path / "masks")

    (one,) = found.examples
    assert (one.name, one.group, found.n_channels) == ("a", "a", 1)
    np.testing.assert_array_equal(one.truth, truth)
    pixels = one.source.read(Box.whole((64, 64)))
    assert np.percentile(pixels, 1) == pytest.approx(0, abs=0.01)
    assert found.messages == ("1 image(s) have no truth and are left out.",)


def test_frames_of_a_stack_are_examples_of_one_group(tmp_path: Path) -> None:
    stack = np.stack([squares(s)[0][0] for s in range(3)]).astype(np.float32)
    masks = np.stack([squares(s)[1] for s in range(3)]).astype(np.uint16)
    write(tmp_path / "images", "t.tif", stack, imagej=True, metadata={"axes": "TYX"})
    write(tmp_path / "masks", "t.tif", masks, imagej=True, metadata={"axes": "TYX"})

    examples = read_examples(tmp_path / "images", tmp_path / "masks").examples

    assert [one.name for one in examples] == ["t#0", "t#1", "t#2"]
    assert len({one.group for one in grouped(examples)}) == 1
    for one, mask in zip(examples, masks, strict=True):
        np.testing.assert_array_equal(one.truth, mask)


def test_images_of_other_channels_are_refused(tmp_path: Path) -> None:
    for name, shape in (("a", (64, 64)), ("b", (64, 64, 3))):
        picture = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
        write(tmp_path / "images", f"{name}.tif", picture, photometric=None)
        write(tmp_path / "masks", f"{name}.tif", np.ones((64, 64), np.uint8))

    with pytest.raises(SemisegError, match="same channels"):
        read_examples(tmp_path / "images", tmp_path / "masks")


def test_grey_values_become_classes() -> None:
    known = ClassValues.parse("255:nucleus, 0:Background,128:cytoplasm,9:ignore")

    mask = np.array([[0, 128, 255], [9, 250, 100], [-1, 12, 0]], np.int32)

    assert known.classes == ("nucleus", "cytoplasm")
    np.testing.assert_array_equal(
        known.classes_of(mask), [[0, 2, 1], [255, 1, 2], [255, 255, 0]]
    )
    assert known.share_unnamed(mask) == pytest.approx(3 / 8)


@pytest.mark.parametrize(
    "text", ["0:background", "1:cell", "0:background,x:cell", "0:background,1:", ""]
)
def test_values_without_background_or_class_are_refused(text: str) -> None:
    with pytest.raises(SemisegError):
        ClassValues.parse(text)


def test_values_in_between_are_told(tmp_path: Path) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[:32], mask[:16] = 255, 250
    write(tmp_path / "images", "a.tif", np.eye(64, dtype=np.uint8))
    write(tmp_path / "masks", "a.tif", mask)

    found = read_examples(
        tmp_path / "images",
        tmp_path / "masks",
        ClassValues.parse("0:background,255:membrane"),
    )

    assert found.examples[0].truth.sum() == 32 * 64
    assert found.messages[0].startswith("25.00% of the pixels")


def test_groups_are_chained_by_table_and_by_pixels(tmp_path: Path) -> None:
    table = tmp_path / "groups.csv"
    table.write_text("image,group\nimage0.tif,a\nimage1.tif,b\nimage2,a\nimage3,c\n")
    examples = [example(n) for n in range(3)]
    examples.append(example(3, content_hash="hash1"))

    groups = [one.group for one in grouped(examples, read_groups(table))]

    assert groups[0] == groups[2]
    assert groups[1] == groups[3]
    assert len(set(groups)) == 2
    assert len({one.group for one in grouped(examples)}) == 3


def test_a_table_that_lacks_an_image_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "groups.csv"
    table.write_text("image0,a\n")

    with pytest.raises(SemisegError, match="image1: add a row"):
        grouped([example(0), example(1)], read_groups(table))


@pytest.mark.parametrize("text", ["image0\n", "image0,a\nimage0.tif,b\n"])
def test_a_wrong_table_is_refused(tmp_path: Path, text: str) -> None:
    table = tmp_path / "groups.csv"
    table.write_text(text)

    with pytest.raises(SemisegError):
        read_groups(table)


def test_what_belongs_to_test_images_does_not_train() -> None:
    examples = [example(n) for n in range(4)]
    tested = [example(3, content_hash="new"), example(9, content_hash="hash0")]
    tested.append(example(11))
    table = {**{f"image{n}": f"p{n}" for n in range(4)}, "image11": "p2"}

    pool, test = apart(examples, tested, table)

    # image0 has the pixels of a test image, image2 its patient; image3 only its name.
    assert [one.name for one in pool] == ["image1", "image3"]
    assert [one.name for one in test] == [
        "test/image3",
        "test/image9",
        "test/image11",
    ]
    with pytest.raises(SemisegError, match="nothing is left"):
        apart(examples[:1], tested[1:2], None)
