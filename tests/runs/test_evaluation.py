from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from napari_semiseg.learning.training_set import LabelledTile, TrainingSet
from napari_semiseg.runs.evaluation import (
    Evaluation,
    evaluate,
    foreground_of,
    judges_of,
    named_scores,
)
from napari_semiseg.runs.verdict import decide


def tile(**fields: Any) -> LabelledTile:
    """Two squares of 8 x 8 in a tile of 32 x 32."""
    instances = np.zeros((32, 32), np.int32)
    instances[4:12, 4:12] = 1
    instances[18:26, 16:24] = 2
    image = instances[None].astype(np.float32)
    return LabelledTile(image, instances, np.ones((32, 32), bool), **fields)


def sure(objects: np.ndarray) -> np.ndarray:
    inside = np.where(objects > 0, 0.9, 0.02)
    return np.stack([0.95 - inside, inside, np.full(inside.shape, 0.05)]).astype("f4")


def evaluated(*objects: np.ndarray) -> Evaluation:
    tiles = [tile() for _ in objects]
    return evaluate(
        tiles,
        [sure(one) for one in objects],
        form="components",
        min_size=0,
        rule="plateau",
    )


PERFECT = tile().instances
HALF = np.where(PERFECT == 1, 1, 0)
NOTHING = np.zeros_like(PERFECT)


def test_perfect_model_scores_one() -> None:
    found = evaluated(PERFECT, PERFECT)
    assert found.score == 1
    assert not found.collapsed
    assert found.search.n_objects == 4


def test_score_is_precision_times_recall_averaged_over_tiles() -> None:
    assert evaluated(PERFECT, HALF).score == pytest.approx((1 + 0.5) / 2)


@pytest.mark.parametrize(
    ("objects", "collapsed"),
    [(PERFECT, False), (HALF, False), (NOTHING, True), (np.ones_like(PERFECT), True)],
)
def test_collapse(objects: np.ndarray, collapsed: bool) -> None:
    assert foreground_of([objects], [tile()]).collapsed is collapsed


def test_tile_without_objects_shows_no_collapse() -> None:
    empty = replace(tile(), instances=NOTHING)
    assert foreground_of([NOTHING], [empty]).collapsed is False


def test_only_annotated_pixels_show_a_collapse() -> None:
    known = np.zeros((32, 32), bool)
    known[:14] = True  # Only the first object.
    second = np.where(PERFECT == 2, 2, 0)
    assert foreground_of([second], [replace(tile(), annotated=known)]).collapsed is True


def test_judges_are_clean_validation_tiles_first() -> None:
    train, clean = tile(), tile(role="validation")
    dirty = tile(role="validation", clean=False)
    found = judges_of(TrainingSet((train, dirty, clean)))
    assert (found.tiles, found.words) == ((clean,), "1 validation tile")
    found = judges_of(TrainingSet((train, dirty)))
    assert found.tiles == (dirty,)
    assert "earlier model was trained on" in found.words
    found = judges_of(TrainingSet((train, train)))
    assert found.words == "2 training tiles"


def test_scores_say_what_they_were_measured_on() -> None:
    judges = judges_of(TrainingSet((tile(), tile(role="validation"))))
    names = named_scores(judges, evaluated(PERFECT))
    assert names["validation.ap_actis"] == 1
    assert all(name.startswith("validation.") for name in names)


def verdict(new: np.ndarray, old: np.ndarray | None, **facts: Any) -> tuple[bool, str]:
    known: dict[str, Any] = {
        "in_use": True,
        "stopped": False,
        "judged_on": "1 validation tile",
        **facts,
    }
    earlier = None if old is None else evaluated(old)
    found = decide(evaluated(new), earlier, **known)
    return found.accepted, found.sentence


@pytest.mark.parametrize(
    ("new", "old", "facts", "accepted", "word"),
    [
        (PERFECT, HALF, {}, True, "1.000 against 0.500"),
        (HALF, PERFECT, {}, False, "stays"),
        (HALF, PERFECT, {}, False, "difference -0.500, noise unknown with one tile"),
        (PERFECT, PERFECT, {}, True, "as good as"),
        (NOTHING, HALF, {}, False, "0.0% of the annotated pixels, in the labels 12.5%"),
        (NOTHING, None, {"in_use": False}, False, "collapsed"),
        (HALF, None, {"in_use": False}, True, "first model"),
        (HALF, None, {"in_use": False, "stopped": True}, True, "first model"),
        (HALF, None, {"judged_on": None}, True, "Not validated"),
        (HALF, None, {"judged_on": None, "stopped": True}, False, "Not validated"),
    ],
)
def test_verdict(
    new: np.ndarray,
    old: np.ndarray | None,
    facts: dict[str, Any],
    accepted: bool,
    word: str,
) -> None:
    found = verdict(new, old, **facts)
    assert found[0] is accepted
    assert word in found[1]


@pytest.mark.parametrize(
    ("new", "old", "accepted"),
    [
        # Differences -0.5, 0, 0.5: none on average.
        ((HALF, PERFECT, PERFECT), (PERFECT, PERFECT, HALF), True),
        # -0.5, -0.5, 0.5: mean -1/6, standard error 1/3.
        ((HALF, HALF, PERFECT), (PERFECT, PERFECT, HALF), True),
        # -0.5, -0.5, 0: mean -1/3, standard error 1/6.
        ((HALF, HALF, PERFECT), (PERFECT, PERFECT, PERFECT), False),
    ],
)
def test_only_a_loss_beyond_the_noise_keeps_the_old_model(
    new: tuple[np.ndarray, ...], old: tuple[np.ndarray, ...], accepted: bool
) -> None:
    found = decide(
        evaluated(*new),
        evaluated(*old),
        in_use=True,
        stopped=False,
        judged_on="3 validation tiles",
    )
    assert found.accepted is accepted
    assert found.compared is not None
    assert f"{found.compared.old:.3f} (precision x recall" in found.sentence
