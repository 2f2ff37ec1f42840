from __future__ import annotations

from typing import TYPE_CHECKING

import mahotas
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal
from scipy import ndimage
from skimage.segmentation import watershed

from napari_semiseg.errors import SemisegError
from napari_semiseg.segmentation.components import drop_small
from napari_semiseg.segmentation.flooding import strict_ranks
from napari_semiseg.segmentation.watershed import (
    Thresholds,
    connected_components,
    instances_from_probability,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray


def ids(*rows: str) -> NDArray[np.int32]:
    """Object ids from a drawing: '.' is 0, '-' is -1 (ignore), 'a' is 1, ..."""
    letters = {".": 0, "-": -1} | {c: i for i, c in enumerate("abcdefgh", 1)}
    return np.array([[letters[c] for c in row] for row in rows], np.int32)


def probability(interior: np.ndarray, foreground: np.ndarray) -> np.ndarray:
    """Three planes that sum to 1, from interior and interior + boundary."""
    interior = np.minimum(interior, foreground)
    planes = [1 - foreground, interior, foreground - interior]
    return np.stack(planes).astype(np.float32)


def smooth(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Softmax of smooth noise: blobs that touch."""
    logits = np.stack(
        [ndimage.gaussian_filter(rng.normal(size=shape), 2) for _ in "123"]
    )
    raised = np.exp(12 * logits)
    return (raised / raised.sum(axis=0)).astype(np.float32)


def reference(planes: np.ndarray, thresholds: Thresholds) -> np.ndarray:
    """scikit-image's watershed of the ranks of the relief, with a mask."""
    foreground = 1 - planes[0] > thresholds.foreground
    seeds, _ = ndimage.label((planes[1] > thresholds.seed) & foreground)
    ranks = np.empty(foreground.size)
    ranks[np.argsort((1 - planes[1]).ravel(), kind="stable")] = np.arange(ranks.size)
    return watershed(ranks.reshape(foreground.shape), seeds, mask=foreground)


@settings(max_examples=150)
@given(
    st.integers(0, 2**32),
    st.sampled_from([(24, 31), (1, 40), (7, 9, 11)]),
    st.floats(0.1, 0.9),
    st.floats(0.1, 0.95),
    st.sampled_from([None, 4, 20, 255]),
)
def test_equals_the_plain_watershed_in_strict_order(
    seed: int,
    shape: tuple[int, ...],
    t_foreground: float,
    t_seed: float,
    grey_levels: int | None,
) -> None:
    planes = smooth(np.random.default_rng(seed), shape)
    if grey_levels:  # Ties in plenty.
        planes = np.round(planes * grey_levels) / np.float32(grey_levels)
    thresholds = Thresholds(t_foreground, t_seed)
    result = instances_from_probability(planes, thresholds)
    assert result.dtype == np.int32
    assert_array_equal(result, reference(planes, thresholds))


@settings(max_examples=100)
@given(
    hnp.arrays(
        np.float32,
        (2, 8, 10),
        elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]),
    )
)
def test_equals_the_plain_watershed_on_plateaus(pair: np.ndarray) -> None:
    planes = probability(pair[0], pair[1])
    thresholds = Thresholds(0.2, 0.6)
    result = instances_from_probability(planes, thresholds)
    assert_array_equal(result, reference(planes, thresholds))


def test_float64_keeps_its_precision() -> None:
    planes = smooth(np.random.default_rng(1), (40, 40)).astype(np.float64)
    planes[1] *= 1 - 1e-9 * np.arange(1600).reshape(40, 40)
    thresholds = Thresholds(0.3, 0.6)
    result = instances_from_probability(planes, thresholds)
    assert_array_equal(result, reference(planes, thresholds))


@given(st.integers(0, 2**32), st.sampled_from([(20, 26), (6, 8, 9)]))
def test_papers_form_is_mahotas_cut_to_the_foreground(
    seed: int, shape: tuple[int, ...]
) -> None:
    planes = smooth(np.random.default_rng(seed), shape)
    result = instances_from_probability(planes, Thresholds(0.6, 0.5), form="mahotas")
    markers, n = ndimage.label(planes[1] > 0.5)
    everything = mahotas.cwatershed(1 - planes[1], markers) if n else markers
    expected = everything * (1 - planes[0] > 0.6)
    assert_array_equal(result, drop_small(expected.astype(np.int32), 0))


@given(st.integers(0, 2**32))
def test_forms_agree_where_every_component_has_one_seed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    centre = rng.integers(3, 9, (3, 3, 2)) + 12 * np.moveaxis(np.indices((3, 3)), 0, -1)
    y, x = np.indices((36, 36))
    distance = np.hypot(
        y - np.repeat(np.repeat(centre[..., 0], 12, 0), 12, 1),
        x - np.repeat(np.repeat(centre[..., 1], 12, 0), 12, 1),
    )
    planes = probability(np.exp(-distance / 4), np.exp(-distance / 9))
    ours = instances_from_probability(planes, Thresholds(0.75, 0.7))
    theirs = instances_from_probability(planes, Thresholds(0.75, 0.7), form="mahotas")
    assert ours.max() == 9
    assert_array_equal(ours, theirs)


def test_two_nuclei_part_where_the_interior_is_lowest() -> None:
    line = np.array([0, 0.6, 0.9, 0.7, 0.3, 0.2, 0.4, 0.8, 0.9, 0.6, 0], np.float32)
    planes = probability(line[None], np.where(line > 0, 1, 0)[None])
    result = instances_from_probability(planes, Thresholds(0.5, 0.75))
    # The valley's floor (index 5) borders on 0.3 and on 0.4: the lower relief wins.
    assert_array_equal(result, [[0, 1, 1, 1, 1, 2, 2, 2, 2, 2, 0]])


def test_component_with_one_seed_is_filled() -> None:
    foreground = np.zeros((7, 7))
    foreground[1:6, 1:6] = 1
    interior = np.zeros((7, 7))
    interior[2, 3] = 0.9
    result = instances_from_probability(probability(interior, foreground), Thresholds())
    assert_array_equal(result, foreground)


def unseeded() -> np.ndarray:
    """A nucleus with a seed, and beside it, apart, one without."""
    foreground = np.zeros((5, 12))
    foreground[1:4, 1:5] = foreground[1:4, 7:11] = 0.9
    interior = foreground * 0.4
    interior[2, 2] = 0.8
    return probability(interior, foreground)


def test_19_component_without_a_seed_stays_background() -> None:
    """The public code lets a neighbour's label absorb it, in pieces."""
    planes = unseeded()
    result = instances_from_probability(planes, Thresholds())
    assert not result[:, 6:].any()
    papers = instances_from_probability(planes, Thresholds(), form="mahotas")
    assert (papers[1:4, 7:11] == 1).all()


@pytest.mark.parametrize("form", ["components", "mahotas"])
def test_component_without_a_seed_can_be_kept(form: str) -> None:
    result = instances_from_probability(
        unseeded(),
        Thresholds(),
        keep_unseeded=True,
        form=form,  # type: ignore[arg-type]
    )
    assert (result[1:4, 1:5] == 1).all()
    assert (result[1:4, 7:11] == 2).all()


def test_small_objects_are_removed_and_numbers_closed() -> None:
    foreground = np.zeros((4, 12))
    foreground[1:3, 1:3] = foreground[1, 5] = foreground[1:3, 8:11] = 1
    planes = probability(foreground, foreground)
    result = instances_from_probability(planes, Thresholds(), min_size=4)
    expected = np.zeros((4, 12))
    expected[1:3, 1:3] = 1
    expected[1:3, 8:11] = 2
    assert_array_equal(result, expected)


def test_small_unseeded_components_are_not_kept() -> None:
    kept = instances_from_probability(
        unseeded(), Thresholds(), keep_unseeded=True, min_size=13
    )
    assert not kept.any()


def test_seed_that_the_foreground_cuts_in_two_makes_two_objects() -> None:
    foreground = np.array([[0.9, 0.9, 0.4, 0.9, 0.9]])
    planes = probability(np.full((1, 5), 0.35), foreground)
    result = instances_from_probability(planes, Thresholds(0.5, 0.3))
    assert_array_equal(result, [[1, 1, 0, 2, 2]])


@pytest.mark.parametrize("level", [0.0, 1.0])
@pytest.mark.parametrize("form", ["components", "mahotas"])
def test_empty_and_full_maps(level: float, form: str) -> None:
    full = np.full((6, 5), level)
    result = instances_from_probability(
        probability(full, full),
        Thresholds(),
        form=form,  # type: ignore[arg-type]
    )
    assert (result == level).all()


@pytest.mark.parametrize("shape", [(0, 5), (1, 1), (1, 7)])
def test_tiny_maps(shape: tuple[int, int]) -> None:
    full = np.ones(shape)
    assert (
        instances_from_probability(probability(full, full), Thresholds()) == 1
    ).all()


def test_more_than_sixteen_bits_of_objects() -> None:
    """65,536 objects and more keep their own ids (uint16 would wrap)."""
    foreground = np.zeros((520, 520))
    foreground[::2, ::2] = 1
    result = instances_from_probability(
        probability(foreground, foreground), Thresholds()
    )
    assert result.max() == 260 * 260 == len(np.unique(result)) - 1


def test_7_logits_are_refused() -> None:
    """The public code thresholds logits: 0.7 > 0.6 there, while softmax says 0.087."""
    logits = np.array([3.0, 0.7, 0.1], np.float32)[:, None, None]
    softmax = np.exp(logits) / np.exp(logits).sum()
    assert softmax[1].item() == pytest.approx(0.087, abs=1e-3)
    with pytest.raises(ValueError, match="not logits"):
        instances_from_probability(logits, Thresholds(0.5, 0.6))
    assert not instances_from_probability(softmax, Thresholds(0.5, 0.6)).any()


def test_not_a_number_is_refused() -> None:
    planes = unseeded()
    planes[1, 0, 0] = np.nan
    with pytest.raises(ValueError, match="between 0 and 1"):
        instances_from_probability(planes, Thresholds())


@pytest.mark.parametrize("shape", [(2, 4, 4), (4, 4), (3,)])
def test_wrong_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"shape \(3, \*S\)"):
        instances_from_probability(np.zeros(shape, np.float32), Thresholds())


def test_unknown_form_names_the_choices() -> None:
    with pytest.raises(ValueError, match="'components' or 'mahotas'"):
        instances_from_probability(unseeded(), Thresholds(), form="x")  # type: ignore[arg-type]


@pytest.mark.parametrize("pair", [(-0.1, 0.5), (0.5, 1.2), (float("nan"), 0.5)])
def test_thresholds_lie_between_0_and_1(pair: tuple[float, float]) -> None:
    with pytest.raises(SemisegError, match="between 0 and 1"):
        Thresholds(*pair)


@given(hnp.arrays(np.float32, st.integers(0, 60), elements=st.floats(0, 1, width=16)))
def test_strict_ranks_are_a_stable_sort(heights: np.ndarray) -> None:
    order = np.argsort(heights, kind="stable")
    for same in (heights, heights.astype(np.float64), heights - np.float32(0.5)):
        assert_array_equal(np.argsort(strict_ranks(same)), order)


def test_negative_zero_ranks_with_zero() -> None:
    heights = np.array([0.5, 0.0, -0.0, 0.0], np.float32)
    assert_array_equal(strict_ranks(heights), [3, 0, 1, 2])


def test_classes_fall_into_pieces() -> None:
    drawn = np.array(
        [
            [1, 1, 2, 0, 1],
            [0, 0, 2, 0, 1],
            [2, 0, 255, 1, 0],
        ],
        np.uint8,
    )
    expected = ids(
        "aad.b",
        "..d.b",
        "e..c.",
    )
    assert_array_equal(connected_components(drawn), expected)
    assert_array_equal(
        connected_components(drawn, min_size=2), ids("aac.b", "..c.b", ".....")
    )


def test_dropping_nothing_closes_gaps() -> None:
    assert_array_equal(drop_small(ids("b.d", "b.d"), 0), ids("a.b", "a.b"))
