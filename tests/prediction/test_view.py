from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from napari_semiseg.geometry import ArraySource, Box
from napari_semiseg.learning.told import Told
from napari_semiseg.prediction.view import ModelView, selected_pixels
from napari_semiseg.segmentation.trust import Trust

BOX = Box((0, 1), (1, 4))
SOURCE = ArraySource(np.zeros((1, 2, 6), np.float32))
# Labels 0, 1, 2, 1 with confidences 0.9, 0.5, 0.8, 0.7.
PROBABILITY = np.array(
    [[[0.9, 0.25, 0.1, 0.2]], [[0.05, 0.5, 0.1, 0.7]], [[0.05, 0.25, 0.8, 0.1]]],
    np.float32,
)


@dataclass
class FixedPredictor:
    """Predicts `PROBABILITY`, in two tiles."""

    selection: tuple[float | None, ...] | None
    probability: Any = field(default_factory=lambda: PROBABILITY)
    model: Any = field(init=False)

    def __post_init__(self) -> None:
        card = SimpleNamespace(
            selection=self.selection,
            n_classes=3,
            task="instances",
            boundary_mode="inner",
        )
        self.model = SimpleNamespace(card=card)

    def all_probabilities(self, source: Any, box: Box, *, progress: Any) -> Any:
        assert box == BOX
        progress(1, 2)
        progress(2, 2)
        return self.probability


def view(selection: tuple[float | None, ...] | None, **options: Any) -> ModelView:
    return ModelView(FixedPredictor(selection), **options)  # type: ignore[arg-type]


def test_pixels_are_selected_by_the_threshold_of_their_class() -> None:
    attended: list[None] = []
    seen = view((0.9, 0.6, None), attend=lambda: attended.append(None)).preview(
        SOURCE, BOX
    )
    np.testing.assert_array_equal(seen.label, [[0, 1, 2, 1]])
    np.testing.assert_array_equal(seen.confidence, PROBABILITY.max(0))
    np.testing.assert_array_equal(seen.selected, [[True, False, False, True]])
    assert (seen.label.dtype, seen.selected.dtype) == (np.uint8, np.bool_)
    assert len(attended) == 2


def test_classes_of_objects_are_counted_from_one() -> None:
    kinds = np.array([[[0.9, 0.2, 0.4, 0.6]], [[0.1, 0.8, 0.6, 0.4]]], np.float32)
    both = FixedPredictor(None, np.concatenate([PROBABILITY, kinds]))
    seen = ModelView(both).preview(SOURCE, BOX)  # type: ignore[arg-type]
    np.testing.assert_array_equal(seen.kind, [[1, 2, 2, 1]])
    np.testing.assert_array_equal(seen.probability, PROBABILITY)


def test_a_person_has_the_last_word() -> None:
    asked = []

    def read_told(box: Box) -> Told:
        asked.append(box)
        trust = np.array([[Trust.NOT_TRUSTED, Trust.TRUSTED, 0, 0]], np.uint8)
        return replace(Told.nothing((1, 4)), trust=trust)

    seen = view((0.9, 0.6, None), read_told=read_told).preview(SOURCE, BOX)
    np.testing.assert_array_equal(seen.selected, [[False, True, False, True]])
    assert asked == [BOX]
    # Nothing is in the loss of a supervised training, whatever is said.
    seen = view(None, read_told=read_told).preview(SOURCE, BOX)
    assert not seen.selected.any()


def test_a_persons_pixels_are_their_targets_and_ignored_ones_none() -> None:
    told = Told.nothing((1, 4))
    told.annotated[0, 1:3], told.instances[0, 2], told.instances[0, 3] = True, 7, -1
    plain = view((0.9, 0.6, None)).preview(SOURCE, BOX)

    seen = view((0.9, 0.6, None), read_told=lambda box: told).preview(SOURCE, BOX)

    assert seen.label[0, 1:3].tolist() == [2, 1]  # The outline of a dot, and it.
    assert seen.label[0, [0, 3]].tolist() == plain.label[0, [0, 3]].tolist()
    first = plain.selected[0, 0]
    assert seen.selected[0].tolist() == [first, True, True, False]
    np.testing.assert_array_equal(seen.probability, plain.probability)


@pytest.mark.parametrize(
    ("selection", "share"), [((0.0, 0.0), 1.0), ((None, None), 0.0), (None, 0.0)]
)
def test_all_or_nothing(selection: Any, share: float) -> None:
    label = np.array([0, 1, 1], np.uint8)
    confidence = np.array([0.5, 0.6, 1.0], np.float32)
    assert selected_pixels(label, confidence, selection).mean() == share
