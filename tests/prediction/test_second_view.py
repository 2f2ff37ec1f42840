"""An image turned, and what two views of it have in common."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from napari_semiseg.geometry import ArraySource, Box, ImageSource
from napari_semiseg.prediction import second_view
from napari_semiseg.prediction.second_view import (
    TurnedSource,
    change_by_other,
    change_when_turned,
    turned,
    turned_back,
)
from napari_semiseg.segmentation.components import label
from napari_semiseg.segmentation.doubts import object_change, pixel_change

PIXELS = np.random.default_rng(0).random((2, 5, 30, 44), dtype=np.float32)


class Bright:
    """Finds what is bright; ``slope`` makes the left darker, however it is turned."""

    def __init__(self, slope: float = 0.0) -> None:
        self.slope = slope

    def probability(
        self, source: ImageSource, region: Box, progress: Any = None
    ) -> np.ndarray:
        if progress is not None:
            progress(1, 1)
        seen = source.read(region)[0]
        columns = region.origin[-1] + np.arange(region.size[-1])
        inside = np.clip(seen - self.slope * columns, 0, 1)
        return np.stack([1 - inside, inside, 0 * inside]).astype(np.float32)

    def instances(self, probability: np.ndarray) -> np.ndarray:
        return label(probability[1] > 0.5)[0]

    def predict(self, source: ImageSource) -> Any:
        seen = self.probability(source, Box.whole(source.shape))
        return SimpleNamespace(probability=seen, instances=self.instances(seen))


@pytest.fixture
def source() -> ArraySource:
    pixels = np.zeros((1, 40, 60), np.float32)
    pixels[0, 4:14, 4:14] = 0.9
    pixels[0, 20:30, 40:52] = 0.9
    return ArraySource(pixels)


@pytest.mark.parametrize("source", [PIXELS[:, 0], PIXELS])
def test_a_box_of_the_turned_image_is_that_of_the_whole_turned(
    source: np.ndarray,
) -> None:
    image = ArraySource(source)
    other = TurnedSource(image)
    whole = np.rot90(source, 1, (-2, -1))
    assert other.shape == whole.shape[1:]
    assert other.n_channels == 2
    rest = ((0,), (5,)) if source.ndim > 3 else ((), ())
    box = Box((*rest[0], 3, 7), (*rest[1], 20, 11))

    np.testing.assert_array_equal(other.read(box), whole[(slice(None), *box.slices)])
    back = turned_back(box, image.shape)
    assert turned(back, image.shape) == box
    np.testing.assert_array_equal(
        np.rot90(other.read(box), -1, (-2, -1)), image.read(back)
    )


def test_a_model_that_does_not_mind_turns_agrees_with_itself(
    source: ArraySource,
) -> None:
    model = Bright()
    found = change_when_turned(model, source, model.predict(source))

    assert pixel_change(found, Box.whole(source.shape)) == 0
    assert object_change(found.objects, Box.whole(source.shape)) == 0


@pytest.mark.parametrize("part", [16, 2048])
def test_what_changes_when_turned_is_found_where_it_lies(
    source: ArraySource, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    monkeypatch.setattr(second_view, "_PART", part)
    model = Bright(slope=0.012)
    # Upright the right object is too dark; turned, it is the first that is lit less.
    told: list[tuple[int, int]] = []

    found = change_when_turned(
        model,
        source,
        model.predict(source),
        lambda done, total: told.append((done, total)),
    )

    left, right = Box((0, 0), (40, 30)), Box((0, 30), (40, 30))
    assert pixel_change(found, right) > pixel_change(found, left) > 0
    assert object_change(found.objects, right) == 1
    assert found.pixels.shape == source.shape
    assert told[-1][0] == told[-1][1]
    assert told == sorted(told)


def test_another_model_is_compared_upright(source: ArraySource) -> None:
    model, other = Bright(), Bright(slope=0.012)
    found = change_by_other(other, source, model.predict(source))

    left, right = Box((0, 0), (40, 30)), Box((0, 30), (40, 30))
    assert pixel_change(found, right) > pixel_change(found, left) > 0
    assert not found.objects.sizes.size
