from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_semiseg.learning.filters import CappedFilter, FixedFilter
from napari_semiseg.learning.fixmatch_st_settings import FixMatchSettings
from napari_semiseg.learning.pseudo_labels import PercentileFilter, PseudoLabels
from napari_semiseg.prediction.view import selected_pixels
from napari_semiseg.segmentation.selecting import Selecting, at_least, percentile

SHARES = [0.0, 0.01, 0.2, 0.37, 0.5, 0.8, 0.999, 1.0]


def seen(seed: int = 0, size: tuple[int, int] = (64, 80)) -> PseudoLabels:
    """What a teacher says: a sure background, an unsure boundary."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (1, 3, *size)).astype(np.float32)
    logits[:, 0, : size[0] // 2] += 6
    return PseudoLabels.of(torch.softmax(torch.from_numpy(logits), 1))


def arrays(pseudo: PseudoLabels) -> tuple[np.ndarray, np.ndarray]:
    return pseudo.label[0].numpy().astype(np.uint8), pseudo.confidence[0].numpy()


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("seed", range(3))
def test_a_share_of_each_class_is_what_actis_leaves_out(
    share: float, seed: int
) -> None:
    pseudo = seen(seed)
    valid = torch.from_numpy(np.random.default_rng(seed).random((1, 64, 80)) > 0.3)
    engine = PercentileFilter(3, share, 0.99, bias_correction=True)
    engine.update(pseudo, valid)
    expected = engine.select(pseudo.label, pseudo.confidence)[0].numpy()

    label, confidence = arrays(pseudo)
    mine = Selecting(left_out=share)
    known = valid[0].numpy()
    assert np.array_equal(mine.select(label, confidence, 3, known), expected)
    assert mine.thresholds(label, confidence, 3, known) == pytest.approx(
        engine.thresholds, abs=1e-7
    )


@pytest.mark.parametrize("limit", [0.0, 0.5, 0.95, 1.0])
def test_one_limit_is_the_fixed_filter(limit: float) -> None:
    pseudo = seen()
    engine = FixedFilter(3, limit)
    expected = engine.select(pseudo.label, pseudo.confidence)[0].numpy()
    found = Selecting(limit=limit).select(*arrays(pseudo), 3)
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("class_wise", [True, False])
@pytest.mark.parametrize("limit", [0.4, 0.8, 0.95])
def test_a_limit_with_a_share_is_what_fixmatch_does(
    limit: float, class_wise: bool
) -> None:
    pseudo = seen()
    engine = CappedFilter(3, FixMatchSettings(threshold=limit, class_wise=class_wise))
    engine.update(pseudo, torch.ones_like(pseudo.label, dtype=torch.bool))
    expected = engine.select(pseudo.label, pseudo.confidence)[0].numpy()
    mine = Selecting(limit, 0.5 if class_wise else None)
    assert np.array_equal(mine.select(*arrays(pseudo), 3), expected)


def test_of_a_class_hardly_seen_nothing_is_known() -> None:
    label = np.zeros((20, 20), np.uint8)
    label[0, :20] = 1
    confidence = np.full((20, 20), 0.9, np.float32)
    assert Selecting(left_out=0.2).thresholds(label, confidence, 3) == (
        pytest.approx(0.9),
        None,
        None,
    )
    capped = Selecting(0.95, 0.2).thresholds(label, confidence, 2)
    assert capped == (pytest.approx(0.9), 0.95)
    assert not Selecting(left_out=0.2).select(label, confidence, 3)[0].any()


def test_no_rule_keeps_everything() -> None:
    assert Selecting().select(*arrays(seen()), 3).all()


def test_a_large_image_is_thinned_out_as_in_a_training() -> None:
    confidence = np.random.default_rng(0).random(2_100_000).astype(np.float32)
    engine = PercentileFilter(1, 0.2, 0.99, bias_correction=True)
    wide = torch.from_numpy(confidence)[None, None, :]
    label = torch.zeros((1, *wide.shape[1:]), dtype=torch.int64)
    engine.update(PseudoLabels(wide, label, wide), torch.ones_like(label).bool())
    assert percentile(confidence, 0.2) == pytest.approx(engine.thresholds[0], abs=1e-7)


def test_a_finished_model_shows_its_thresholds_by_the_same_rule() -> None:
    label, confidence = arrays(seen())
    levels = (0.9, None, 0.5)
    found = selected_pixels(label, confidence, levels)
    assert np.array_equal(found, at_least(levels, label, confidence))
    assert not found[label == 1].any()
