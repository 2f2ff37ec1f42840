"""Mixing doubts into an order: what counts, what is left out, what is too alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_semiseg.geometry import Box
from napari_semiseg.runs.doubts import (
    DEFAULT_WEIGHTS,
    DOUBTS,
    ImageDoubts,
    Placed,
    QueueWeights,
    Scale,
    in_order,
)

NOTHING = QueueWeights(**dict.fromkeys((*DOUBTS, "diversity"), 0.0))


def image(name: str, *unsure: float, **others: list[float]) -> ImageDoubts:
    """With a tile for each value."""
    tiles = {"unsureness": list(unsure), **others} if unsure else others
    n = len(unsure) or len(next(iter(others.values()), []))
    boxes = [Box((0, 32 * i), (32, 32)) for i in range(n)]
    return ImageDoubts(name, boxes, {k: np.array(v) for k, v in tiles.items()})


def names(placed: list[Placed]) -> list[str]:
    return [one.image_id for one in placed]


def test_an_image_is_as_doubtful_as_its_worst_tile() -> None:
    images = [image("a", 0.2, 0.3, 0.2), image("b", 0.0, 0.0, 0.9)]

    first, second = in_order([images])

    assert (first.image_id, first.tile) == ("b", 2)
    assert (second.image_id, second.tile) == ("a", 1)
    assert 0 <= second.score < first.score <= 1


def test_doubts_count_by_rank_and_not_by_size() -> None:
    a = image("a", 0.01, instability=[0.9])
    b = image("b", 0.02, instability=[0.1])
    c = image("c", 0.03, instability=[0.5])

    assert names(in_order([[a, b, c]])) == ["c", "a", "b"]
    only = replace(NOTHING, instability=1.0)
    assert names(in_order([[a, b, c]], only)) == ["a", "c", "b"]
    twice = QueueWeights(instability=3.0)
    assert names(in_order([[a, b, c]], twice)) == ["a", "c", "b"]


def test_doubts_of_images_and_of_tiles_are_mixed() -> None:
    a, b = image("a", 0.4, 0.1), image("b", 0.5, 0.2)
    a = replace(a, of_image={"unreliability": 0.9})
    b = replace(b, of_image={"unreliability": 0.1})

    first, _ = in_order([[a, b]], QueueWeights(unreliability=3.0))

    assert (first.image_id, first.tile, first.strongest) == ("a", 0, "unreliability")


def test_what_is_not_known_of_an_image_is_left_out() -> None:
    known = replace(image("a", 0.2), of_image={"unreliability": 0.5})

    placed = in_order([[known, image("b", 0.9), ImageDoubts("c")]])

    assert names(placed)[0] == "b"
    assert placed[-1] == Placed("c", 0.0)


def test_groups_stay_apart() -> None:
    groups = [[image("a", 0.1)], [image("b", 0.9), image("c", 0.95)], []]

    assert names(in_order(groups)) == ["a", "c", "b"]


def test_an_image_of_which_all_tiles_are_taken_comes_last() -> None:
    taken = image("a", 0.9, 0.8).only([])

    placed = in_order([[taken, image("b", 0.1)]])

    assert names(placed) == ["b", "a"]
    assert placed[1].tile is None


def looking(name: str, unsure: float, look: float) -> ImageDoubts:
    features = np.array([[look, -look, 0.5]])
    return replace(image(name, unsure), features=features, n_brightness=1)


def test_a_tile_like_one_that_comes_before_it_has_to_wait() -> None:
    images = [
        looking("a", 0.9, 1.0),
        looking("twin", 0.8, 1.0),
        looking("other", 0.7, 9.0),
        looking("calm", 0.1, 5.0),
    ]
    plain = QueueWeights(diversity=0.0)

    assert names(in_order([images], plain)) == ["a", "twin", "other", "calm"]
    placed = in_order([images], QueueWeights(diversity=0.5))
    assert names(placed)[:2] == ["a", "other"]


def test_a_tile_like_a_labelled_one_has_to_wait() -> None:
    images = [looking("a", 0.9, 1.0), looking("b", 0.8, 9.0), looking("c", 0.1, 5.0)]
    labelled = [np.array([1.0, -1.0, 0.5])]

    placed = in_order([images], QueueWeights(diversity=0.6), labelled)

    assert names(placed)[0] == "b"
    # Features of another number of channels tell nothing.
    assert names(in_order([images], DEFAULT_WEIGHTS, [np.zeros(7)]))[0] == "a"


@given(
    st.lists(
        st.lists(st.floats(0, 1), min_size=1, max_size=4), min_size=1, max_size=12
    ),
    st.floats(0, 1),
)
def test_scores_never_rise_and_stay_between_0_and_1(
    values: list[list[float]], diversity: float
) -> None:
    images = [
        replace(
            image(str(n), *tiles),
            features=np.array([[v, n % 3, 1 - v] for v in tiles]),
            n_brightness=1,
        )
        for n, tiles in enumerate(values)
    ]

    placed = in_order([images], QueueWeights(diversity=diversity))

    scores = [one.score for one in placed]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert sorted(names(placed)) == sorted(one.image_id for one in images)


def test_only_a_doubt_that_stands_out_is_named() -> None:
    images = [image(str(n), n / 10, instability=[0.5]) for n in range(10)]
    scale = Scale(images)

    assert scale.place(images[9]).strongest == "unsureness"
    assert scale.place(images[2]).strongest is None


def test_equal_values_have_equal_scores() -> None:
    images = [image("a", 0.0), image("b", 0.0), image("c", 0.4)]
    scores = [Scale(images).place(one).score for one in images]

    assert scores[:2] == pytest.approx([1 / 3, 1 / 3])
    assert scores[2] == pytest.approx(5 / 6)
