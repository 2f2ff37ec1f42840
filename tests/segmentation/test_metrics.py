from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import linear_sum_assignment

from napari_semiseg.segmentation.metrics import (
    IOU_THRESHOLDS,
    SCORE_NAMES,
    Counts,
    confusion,
    dice,
    jaccard,
    match,
    mean_iou,
    pool,
    score_image,
)

id_maps = hnp.arrays(np.int32, (4, 6), elements=st.integers(0, 4))


def row(text: str) -> np.ndarray:
    """One row of object ids: '.' is 0, '-' is ignore, 'a' is 1, ..."""
    return np.array([[{".": 0, "-": -1}.get(c, ord(c) - 96) for c in text]], np.int32)


def iou_table(prediction: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """IoU of every predicted with every true object, the plain way."""
    return np.array(
        [
            [
                np.sum((prediction == p) & (truth == t))
                / np.sum((prediction == p) | (truth == t))
                for t in np.unique(truth[truth > 0])
            ]
            for p in np.unique(prediction[prediction > 0])
        ]
    )


def brute_force(prediction: np.ndarray, truth: np.ndarray, iou: float) -> int:
    """Largest number of one-to-one matches, by trying all of them."""
    table = iou_table(prediction, truth)
    if not table.size:
        return 0
    if table.shape[0] > table.shape[1]:
        table = table.T
    hits = table >= iou
    return max(
        sum(hits[i, j] for i, j in enumerate(choice))
        for choice in itertools.permutations(range(hits.shape[1]), hits.shape[0])
    )


@settings(max_examples=150)
@given(id_maps, id_maps, st.sampled_from([0.1, 0.2, 0.25, 1 / 3, 0.5, 0.7, 1.0]))
def test_matches_as_many_as_possible(
    prediction: np.ndarray, truth: np.ndarray, iou: float
) -> None:
    result = match(prediction, truth, iou)
    assert result.tp == brute_force(prediction, truth, iou)
    assert result.tp + result.fp == len(np.unique(prediction[prediction > 0]))
    assert result.tp + result.fn == len(np.unique(truth[truth > 0]))
    assert len({p for p, _ in result.pairs}) == len({t for _, t in result.pairs})
    for (p, t), ratio in zip(result.pairs, result.ious, strict=True):
        union = np.sum((prediction == p) | (truth == t))
        assert ratio == np.sum((prediction == p) & (truth == t)) / union >= iou


@settings(max_examples=100)
@given(id_maps, id_maps, st.sampled_from([0.1, 0.2, 0.4]))
def test_prefers_larger_overlaps(
    prediction: np.ndarray, truth: np.ndarray, iou: float
) -> None:
    """Against the assignment of the whole table, where one more match always pays."""
    table = iou_table(prediction, truth)
    gain = np.where(table >= iou, 1 + table / 100, 0)
    best = gain[linear_sum_assignment(gain, maximize=True)].sum() if gain.size else 0
    result = match(prediction, truth, iou)
    assert result.tp + sum(result.ious) / 100 == pytest.approx(best)


def test_pairs_name_the_ids() -> None:
    result = match(row("cccc.aa."), row("ffff..gg"), 0.5)
    assert result.pairs == ((3, 6),)
    assert result.ious == (1.0,)
    assert (result.tp, result.fp, result.fn) == (1, 1, 1)


def test_exactly_the_threshold_is_a_match() -> None:
    assert match(row("aa.."), row("aaaa"), 0.5).tp == 1
    assert match(row("aaa......."), row("aaaaaaaaaa"), 0.3).tp == 1


def test_one_object_matches_once() -> None:
    """Both halves have an IoU of exactly 0.5 with the whole."""
    result = match(row("aabb"), row("aaaa"), 0.5)
    assert (result.tp, result.fp, result.fn) == (1, 1, 0)


def test_a_greedy_choice_would_find_one_pair_less() -> None:
    """The largest overlap, a with a, would leave both others alone."""
    result = match(row("bbaaaaaaa."), row("aaaaaabbbb"), 0.3)
    assert result.pairs == ((1, 2), (2, 1))


def test_ids_may_be_far_apart() -> None:
    near, far = row("a.bb.ccc"), row("a.bb.ccc")
    far[far > 0] += 2_000_000_000
    assert match(near, far).pairs == tuple((i, i + 2_000_000_000) for i in (1, 2, 3))


def test_unsigned_ids_match_signed_ones() -> None:
    drawn = row("a.bb.ccc")
    assert match(drawn.astype(np.uint16), drawn).tp == 3


def test_counts_against_closed_forms() -> None:
    counts = Counts(tp=3, fp=1, fn=2)
    assert counts.precision == 3 / 4
    assert counts.recall == 3 / 5
    assert counts.f1 == 6 / 9
    assert counts.s_dsb == 3 / 6


def test_13_f1_is_not_damped_when_precision_and_recall_are_low() -> None:
    """The public code divides by max(1, P + R)."""
    counts = Counts(tp=1, fp=3, fn=4)
    p, r = 1 / 4, 1 / 5
    assert p + r < 1
    assert counts.f1 == pytest.approx(2 * p * r / (p + r))


def test_13_the_two_average_precisions_are_told_apart() -> None:
    """The public code calls precision x recall "ap"; the paper prints precision."""
    counts = Counts(tp=3, fp=1, fn=2)
    assert counts.ap_printed == 3 / 4
    assert counts.ap_actis == pytest.approx(3 / 4 * 3 / 5)
    assert counts.ap_actis <= counts.s_dsb <= counts.ap_printed


def test_13_means_take_nine_thresholds_each_once() -> None:
    """The public code averages fourteen, some of them beyond 0.9."""
    assert pytest.approx([i / 10 for i in range(1, 10)]) == IOU_THRESHOLDS
    # IoU 6 / 10: found up to 0.6, that is at six thresholds of nine.
    scores = score_image(row("aaaaaa...."), row("aaaaaaaaaa"))
    assert scores.s_dsb_mean == scores.ap_printed_mean == pytest.approx(6 / 9)
    assert scores.ap_actis_mean == pytest.approx(6 / 9)
    assert scores.s_dsb == 1


def test_13_nothing_found_where_nothing_is_scores_one() -> None:
    """The public code gives 0 for the best answer to an empty image."""
    scores = score_image(row("...."), row("...."))
    assert all(getattr(scores, name) == 1 for name in SCORE_NAMES)


@pytest.mark.parametrize(("prediction", "truth"), [("aa..", "...."), ("....", "aa..")])
def test_one_side_empty_scores_zero(prediction: str, truth: str) -> None:
    scores = score_image(row(prediction), row(truth))
    assert all(getattr(scores, name) == 0 for name in SCORE_NAMES)


@given(id_maps, id_maps)
def test_scores_keep_their_order(prediction: np.ndarray, truth: np.ndarray) -> None:
    scores = score_image(prediction, truth)
    for name in SCORE_NAMES:
        assert 0 <= getattr(scores, name) <= 1
    assert scores.ap_actis <= scores.s_dsb + 1e-12
    assert scores.s_dsb <= scores.precision + 1e-12


@given(id_maps)
def test_truth_scores_one_against_itself(truth: np.ndarray) -> None:
    scores = score_image(truth, truth)
    assert all(getattr(scores, name) == 1 for name in SCORE_NAMES)
    mistakes = (
        scores.false_merges,
        scores.false_splits,
        scores.missed,
        scores.spurious,
    )
    assert mistakes == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("prediction", "truth", "expected"),
    [
        ("aaaaaa..", "aaabbb..", (1, 0, 0, 0)),  # merged
        ("aaabbb..", "aaaaaa..", (0, 1, 0, 0)),  # split
        ("aabbcc..", "aaaaaa..", (0, 1, 0, 0)),  # split in three: one mistake
        ("......bb", "aaa.....", (0, 0, 1, 1)),  # missed and spurious
        ("aaa.....", "aaaaaa..", (0, 0, 0, 0)),  # half of it is found
        ("aa......", "aaaaaa..", (0, 0, 1, 0)),  # a third only
        ("aaaaa...", "aa......", (0, 0, 0, 1)),  # mostly invented
    ],
)
def test_kinds_of_mistakes(
    prediction: str, truth: str, expected: tuple[int, ...]
) -> None:
    scores = score_image(row(prediction), row(truth))
    found = (scores.false_merges, scores.false_splits, scores.missed, scores.spurious)
    assert found == expected


def test_objects_outside_annotated_ground_are_not_judged() -> None:
    truth = row("aaa.........")
    prediction = row("aaa.bbb..ccc")
    annotated = np.array([[True] * 6 + [False] * 6])
    scores = score_image(prediction, truth, annotated=annotated)
    # b lies mostly inside and is wrong; c lies outside and is nobody's business.
    assert (scores.at_half.tp, scores.at_half.fp, scores.at_half.fn) == (1, 1, 0)


def test_object_mostly_outside_annotated_ground_is_not_judged() -> None:
    annotated = np.array([[True] * 4 + [False] * 4])
    scores = score_image(row("...aaa.."), row("........"), annotated=annotated)
    assert scores.at_half == Counts(0, 0, 0)


def test_overlap_is_measured_on_annotated_pixels_only() -> None:
    annotated = np.array([[True] * 4 + [False] * 4])
    scores = score_image(row("aaaaaa.."), row("aaaa...."), annotated=annotated)
    assert scores.counts[-1].tp == 1


def test_ignored_pixels_are_not_judged() -> None:
    scores = score_image(row("aaa..bbb"), row("aaa..---"))
    assert scores.at_half == Counts(1, 0, 0)
    scores = score_image(row("bbb."), row("-aa."))
    assert scores.counts[-1].tp == 1


def test_pool_averages_images_and_counts_objects() -> None:
    good = score_image(row("a.b.c.d."), row("a.b.c.d."))
    bad = score_image(row("aa.b...."), row("cc...d.."))
    together = pool([good, bad])
    assert together.n_images == 2
    assert together.mean["precision"] == pytest.approx((1 + 1 / 2) / 2)
    assert together.pooled.precision == pytest.approx(5 / 6)
    assert together.pooled.missed == together.pooled.spurious == 1
    assert together.pooled.as_dict()["tp"] == 5


def test_pool_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no image"):
        pool([])


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        score_image(row("aa"), row("aaa"))
    with pytest.raises(ValueError, match="differ in shape"):
        match(row("aa"), row("aaa"))


@pytest.mark.parametrize("iou", [0.0, -0.1, 1.1, float("nan")])
def test_iou_thresholds_out_of_range_are_refused(iou: float) -> None:
    with pytest.raises(ValueError, match="IoU"):
        match(row("aa"), row("aa"), iou)


def test_confusion_counts_by_truth_and_prediction() -> None:
    truth = np.array([[0, 0, 1, 2, 255]], np.uint8)
    prediction = np.array([[0, 1, 1, 1, 1]])
    table = confusion(prediction, truth, 3)
    assert table.tolist() == [[1, 1, 0], [0, 1, 0], [0, 1, 0]]
    assert dice(table).tolist() == [2 / 3, 2 / 4, 0]
    assert jaccard(table).tolist() == [1 / 2, 1 / 3, 0]
    assert mean_iou(table) == pytest.approx((1 / 2 + 1 / 3) / 3)


def test_absent_class_is_left_out_of_the_mean() -> None:
    table = confusion(np.array([0, 1]), np.array([0, 1]), 4)
    assert np.isnan(dice(table)[2:]).all()
    assert mean_iou(table) == 1


def test_mean_of_no_pixel_is_no_number() -> None:
    assert np.isnan(mean_iou(confusion(np.array([0]), np.array([255]), 2)))


@pytest.mark.parametrize(("truth", "prediction"), [(3, 0), (0, 3), (-1, 0)])
def test_classes_out_of_range_are_refused(truth: int, prediction: int) -> None:
    with pytest.raises(ValueError, match="outside 0 to 2"):
        confusion(np.array([prediction]), np.array([truth]), 3)
