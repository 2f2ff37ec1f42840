from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from napari_semiseg.segmentation.measurements import measure, measure_classes


def two_objects() -> np.ndarray:
    """A rectangle of 4 x 6 pixels, id 7, and a single pixel, id 3."""
    instances = np.zeros((12, 15), np.int32)
    instances[2:6, 3:9] = 7
    instances[10, 12] = 3
    instances[0, 0] = -1
    return instances


def test_a_row_per_object_by_id() -> None:
    columns = measure(two_objects())
    assert_array_equal(columns["label"], [3, 7])
    assert_array_equal(columns["area"], [1, 24])
    assert_allclose(columns["centroid_y"], [10, 3.5])
    assert_allclose(columns["centroid_x"], [12, 5.5])
    assert_array_equal(columns["bbox_y_start"], [10, 2])
    assert_array_equal(columns["bbox_x_start"], [12, 3])
    assert_array_equal(columns["bbox_y_stop"], [11, 6])
    assert_array_equal(columns["bbox_x_stop"], [13, 9])
    assert {len(column) for column in columns.values()} == {2}


def test_shape_of_a_rectangle_and_a_disc() -> None:
    columns = measure(two_objects())
    assert columns["solidity"][1] == 1
    assert columns["perimeter"][1] == 2 * (3 + 5)
    # The variance of n pixels in a row is (n^2 - 1) / 12.
    assert columns["eccentricity"][1] == pytest.approx(np.sqrt(1 - 15 / 35))

    y, x = np.mgrid[:61, :61]
    disc = ((y - 30) ** 2 + (x - 30) ** 2 <= 25**2).astype(np.int32)
    round_one = measure(disc)
    assert round_one["equivalent_diameter"][0] == pytest.approx(50, abs=0.5)
    assert round_one["perimeter"][0] == pytest.approx(2 * np.pi * 25, rel=0.05)
    assert round_one["eccentricity"][0] == pytest.approx(0, abs=1e-6)


def test_mean_intensity_of_each_channel() -> None:
    instances = two_objects()
    y, x = np.mgrid[:12, :15]
    columns = measure(instances, np.stack([y, x, x * 0 + 65_535]).astype(np.uint16))
    assert_allclose(columns["mean_intensity_0"], columns["centroid_y"])
    assert_allclose(columns["mean_intensity_1"], columns["centroid_x"])
    assert_allclose(columns["mean_intensity_2"], 65_535)


@pytest.mark.parametrize("unit", ["µm", "μm", "um", "micron"])
def test_micrometres_when_the_pixel_size_is_known(unit: str) -> None:
    columns = measure(two_objects(), None, (0.5, 0.5), unit)
    assert_allclose(columns["area_um2"], [0.25, 6])
    assert_allclose(columns["centroid_y_um"], [5, 1.75])
    assert_allclose(columns["perimeter_um"], columns["perimeter"] / 2)
    assert_allclose(
        np.pi / 4 * columns["equivalent_diameter_um"] ** 2, columns["area_um2"]
    )


def test_pixels_that_are_not_square_have_no_perimeter() -> None:
    columns = measure(two_objects(), None, (0.5, 0.25), "µm")
    assert_allclose(columns["area_um2"], [0.125, 3])
    assert_allclose(columns["centroid_x_um"], columns["centroid_x"] / 4)
    assert "perimeter_um" not in columns
    assert "perimeter" in columns


def test_unknown_pixel_size_gives_pixels_only() -> None:
    for columns in (measure(two_objects()), measure(two_objects(), None, (1, 1))):
        assert not any(name.endswith(("_um", "_um2", "pixel")) for name in columns)


def test_volumes_have_no_two_dimensional_shape() -> None:
    instances = np.zeros((4, 6, 8), np.int32)
    instances[1:3, 2:4, 3:5] = 1
    columns = measure(instances, np.ones((1, 4, 6, 8)), (2.0, 0.5, 0.5), "um")
    assert columns["area"] == 8
    assert columns["volume_um3"] == 4
    assert columns["centroid_z_um"] == 3
    assert columns["equivalent_diameter_um"] == pytest.approx(
        (6 * 4 / np.pi) ** (1 / 3)
    )
    assert "perimeter" not in columns


def test_ids_may_be_far_apart() -> None:
    instances = two_objects()
    instances[instances == 7] = 2_000_000_000
    assert_array_equal(measure(instances)["label"], [3, 2_000_000_000])


def test_lines_and_dots_warn_of_nothing() -> None:
    instances = np.zeros((9, 9), np.int32)
    instances[1, 1:8] = 1
    instances[3:8, 3] = 2
    instances[5, 6] = instances[6, 7] = 3
    columns = measure(instances)
    assert np.isfinite(columns["solidity"]).all()
    assert columns["eccentricity"][0] > 0.9


def test_no_object_gives_empty_columns() -> None:
    nothing = np.zeros((5, 6), np.int32)
    columns = measure(nothing, np.ones((2, 5, 6)), (1.0, 1.0), "µm")
    assert columns.keys() == (
        measure(two_objects(), np.ones((2, 12, 15)), (1.0, 1.0), "µm").keys()
    )
    assert {len(column) for column in columns.values()} == {0}


def test_arguments_must_fit() -> None:
    with pytest.raises(ValueError, match="expected channels"):
        measure(two_objects(), np.ones((12, 15)))
    with pytest.raises(ValueError, match="2 pixel sizes"):
        measure(two_objects(), None, (1.0,), "µm")


def test_areas_of_classes_in_pixels_and_micrometres() -> None:
    classes = np.zeros((10, 20), np.uint8)
    classes[:4] = 2
    columns = measure_classes(classes, ("a", "b", "c"), (0.5, 0.2), "µm")

    assert columns["class"].tolist() == [0, 1, 2, 3]
    assert columns["name"].tolist() == ["background", "a", "b", "c"]
    assert columns["area"].tolist() == [120, 0, 80, 0]
    assert_allclose(columns["fraction"], [0.6, 0, 0.4, 0])
    assert_allclose(columns["area_um2"], [12, 0, 8, 0])
    assert set(measure_classes(classes, ("a",))) == {
        "class",
        "name",
        "area",
        "fraction",
    }
    volume = measure_classes(
        np.ones((2, 3, 4), np.uint8), ("a",), (2.0, 1.0, 1.0), "nm"
    )
    assert_allclose(volume["volume_nm3"], [0, 48])
    with pytest.raises(ValueError, match="one per axis"):
        measure_classes(classes, ("a",), (1.0,), "nm")
