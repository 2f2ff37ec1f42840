from __future__ import annotations

from napari_semiseg.runs.outside import against_bounds, outside
from napari_semiseg.runs.sizes import RegionSize, SizeReport
from napari_semiseg.viewer.review.outside import band_words, percent

KNOWN = {"a", "b", "c"}


def report(*classes: str, **images: tuple[RegionSize, ...]) -> SizeReport:
    per_class = (0.1,) * len(classes)
    return SizeReport(
        classes, (), per_class, per_class, (True,) * len(classes), "", "typed", images
    )


def test_the_reason_says_what_was_found_and_what_was_expected() -> None:
    found = outside(report("object", a=(RegionSize(0.1, 0.22, 0.31),)), KNOWN)

    assert found["a"].reason == "31 %, expected 10 to 22 %"
    assert found["a"].about == "predicted 31 %, expected 10 to 22 % of the image."


def test_the_worst_image_comes_first_and_others_are_left_out() -> None:
    near, far = RegionSize(0.1, 0.2, 0.21), RegionSize(0.1, 0.2, 0.05)
    inside, unknown = RegionSize(0.1, 0.2, 0.15), RegionSize(0.1, 0.2)
    sizes = report("object", a=(near,), b=(far,), c=(inside,), gone=(far,))

    assert list(outside(sizes, KNOWN)) == ["b", "a"]
    assert not outside(report("object", a=(unknown,)), KNOWN)


def test_of_several_classes_the_worst_one_is_named() -> None:
    sizes = (RegionSize(0.1, 0.2, 0.21), RegionSize(0.4, 0.5, 0.9))

    found = outside(report("nucleus", "cytoplasm", a=sizes), KNOWN)

    assert found["a"].reason == "cytoplasm 90 %, expected 40 to 50 %"
    assert found["a"].class_number == 1


def test_small_shares_keep_a_digit() -> None:
    assert band_words(RegionSize(0.004, 0.0312)) == "0.4 to 3.1 %"
    assert band_words(RegionSize(0.0, 0.0999)) == "0 to 10 %"
    assert percent(None) == "?"


def test_a_size_never_reads_like_the_bound_that_it_misses() -> None:
    below, above = RegionSize(0.321, 0.547, 0.319), RegionSize(0.1, 0.3, 0.304)

    assert against_bounds(below) == "31.9 %, expected 32.1 to 55 %"
    assert against_bounds(above) == "30.4 %, expected 10 to 30.0 %"
