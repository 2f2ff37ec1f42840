"""The switches that are off by themselves: filters, pasted objects, photon noise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.learning.conftest import quick, tile, unlabelled

from napari_semiseg.learning import intensity
from napari_semiseg.learning.bank import Bank, LabelledByTeacher
from napari_semiseg.learning.copying import paste_objects
from napari_semiseg.learning.filters import AdaptiveFilter, FixedFilter, make_filter
from napari_semiseg.learning.methods import make_settings
from napari_semiseg.learning.pseudo_labels import PercentileFilter, PseudoLabels
from napari_semiseg.learning.randomness import Randomness
from napari_semiseg.learning.said import Said
from napari_semiseg.learning.sampling import LabelledBatch
from napari_semiseg.learning.settings import IntensitySettings
from napari_semiseg.learning.training import Training
from napari_semiseg.learning.training_set import TrainingSet

CPU = torch.device("cpu")


def pseudo(label: list[list[int]], confidence: list[list[float]]) -> PseudoLabels:
    rows = torch.tensor(label)[None].repeat(1, 20, 1)
    return PseudoLabels(
        torch.empty(0), rows, torch.tensor(confidence)[None].repeat(1, 20, 1)
    )


def test_the_fixed_filter_asks_every_class_for_the_same() -> None:
    seen = pseudo([[0, 1, 2, 2]], [[0.95, 0.94, 0.96, 0.5]])
    keep = FixedFilter(3, 0.95)
    keep.update(seen, torch.ones_like(seen.label, dtype=torch.bool))

    selected = keep.select(seen.label, seen.confidence)

    assert selected[0, 0].tolist() == [True, False, True, False]
    assert keep.thresholds == [0.95] * 3


def test_the_adaptive_filter_is_lower_for_harder_classes() -> None:
    # 40 pixels of 0.9 and 40 of 0.6: all together 0.75, and no pixel of class 2.
    seen = pseudo([[0, 0, 1, 1]], [[0.9, 0.9, 0.6, 0.6]])
    valid = torch.ones_like(seen.label, dtype=torch.bool)
    keep = AdaptiveFilter(3, 0.5)

    assert not keep.select(seen.label, seen.confidence).any()
    keep.update(seen, valid)

    assert keep.thresholds[:2] == pytest.approx([0.75, 0.75 * 0.6 / 0.9])
    assert keep.thresholds[2] is None
    keep.update(pseudo([[0, 0, 1, 1]], [[0.7, 0.7, 0.6, 0.6]]), valid)
    assert keep.means[:2] == pytest.approx([0.8, 0.6])
    assert keep.overall == pytest.approx(0.7)
    other = AdaptiveFilter(3, 0.5)
    other.load_state(keep.state())
    assert other.thresholds == keep.thresholds
    keep.update(seen, torch.zeros_like(valid))  # Nothing valid: nothing learned.
    assert other.thresholds == keep.thresholds


def test_settings_choose_the_filter() -> None:
    kinds = {"percentile": PercentileFilter, "fixed": FixedFilter}
    for name, kind in {**kinds, "adaptive": AdaptiveFilter}.items():
        stage = make_settings("actis", changes={"consistency": {"filter": name}})
        assert isinstance(make_filter(stage.consistency, 3), kind)


def squares(n: int = 3, size: int = 16) -> LabelledBatch:
    """Square ``k`` holds one object of brightness and number ``k + 1``."""
    image = torch.zeros(n, 1, size, size)
    fields = torch.zeros(n, 4, size, size)
    fields[:, 1:3] = 1
    for k in range(n):
        fields[k, 0, 1 + k : 5 + k, 2:6] = k + 1
        image[k, 0, 1 + k : 5 + k, 2:6] = k + 1
    return LabelledBatch(image, fields)


@given(seed=st.integers(0, 500))
def test_pasted_objects_bring_their_pixels_and_their_numbers(seed: int) -> None:
    batch = squares()

    pasted = paste_objects(batch, 1.0, Randomness(seed, CPU), distinct=True)

    for k in range(3):
        ids, pixels = pasted.fields[k, 0], pasted.image[k, 0]
        new = ids > k + 1
        # What was pasted is one whole object of 16 px of another square.
        assert int(new.sum()) in (0, 16)
        np.testing.assert_array_equal(pixels[new], ids[new] - (k + 1))
        np.testing.assert_array_equal(pixels[~new], ids[~new])
    assert (pasted.fields[:, 1:3] == 1).all()
    np.testing.assert_array_equal(batch.fields, squares().fields)


def test_objects_are_really_pasted_and_classes_keep_their_numbers() -> None:
    found = [
        paste_objects(squares(), 1.0, Randomness(seed, CPU), distinct=False)
        for seed in range(20)
    ]

    changed = sum(not torch.equal(one.image, squares().image) for one in found)
    assert changed > 10
    assert all(torch.equal(one.image, one.fields[:, :1]) for one in found)


def test_neither_cut_objects_nor_pixels_beyond_the_tile_are_pasted() -> None:
    batch = squares(2)
    batch.fields[:, 1, :, 5] = 0  # The last column of each object is not annotated.
    beyond = squares(2)
    beyond.fields[:, 2] = 0

    for seed in range(10):
        for one in (batch, beyond):
            pasted = paste_objects(one, 1.0, Randomness(seed, CPU), distinct=True)
            assert torch.equal(pasted.fields, one.fields)


def test_photon_noise_grows_with_the_root_of_the_brightness() -> None:
    settings = IntensitySettings(
        strength=1.0, probability=1.0, gamma=1.0, blur=0.0, noise=0.0, poisson=0.2
    )
    x = torch.cat([torch.full((1, 1, 200, 200), v) for v in (0.25, 1.0, -0.5)])
    noisy = intensity._add_photon_noise(x, settings, Randomness(0, CPU))  # noqa: SLF001
    again = intensity._add_photon_noise(x, settings, Randomness(0, CPU))  # noqa: SLF001

    assert torch.equal(noisy, again)
    assert torch.equal(noisy[2], x[2])
    drawn = Randomness(0, CPU).uniform(0.15, 1, (3, 1, 1, 1)).flatten() * 0.2
    for k, level in enumerate((0.25, 1.0)):
        assert float(noisy[k].mean()) == pytest.approx(level, rel=0.01)
        wanted = float(drawn[k]) * level**0.5
        assert float(noisy[k].std()) == pytest.approx(wanted, rel=0.03)


@pytest.mark.slow
def test_all_switches_together_train_and_resume(tmp_path) -> None:
    settings = quick(
        steps=6,
        supervised={"batch": 2, "copy_paste": 1.0, "intensity": {"poisson": 0.1}},
        consistency={
            "filter": "adaptive",
            "teacher_warm_up": True,
            "copy_paste": 1.0,
            "cutmix": 1.0,
        },
    )
    images = TrainingSet((tile(0), tile(1)), (unlabelled(10), unlabelled(11)))
    whole = Training(images, settings, device="cpu")
    broken = Training(images, settings, device="cpu")

    for report in broken:
        if report.step == 4:
            break
    broken.save_checkpoint(tmp_path / "checkpoint.pt")
    resumed = Training.resume(tmp_path / "checkpoint.pt", images, device="cpu")
    for training in (whole, resumed):
        assert [r.step for r in training][-1] == 6

    for name, value in whole.model().network.state_dict().items():
        assert torch.equal(value, resumed.model().network.state_dict()[name]), name


def test_every_switch_is_off_in_the_papers_form() -> None:
    values = make_settings("actis", "paper").model_dump()

    for stage in ("supervised", "consistency"):
        assert values[stage]["copy_paste"] == 0
        assert values[stage]["intensity"]["poisson"] == 0
    assert values["consistency"]["filter"] == "percentile"
    assert values["consistency"]["teacher_warm_up"] is False
    assert values["consistency"]["cutmix"] == 0


class Numbered:
    """An unlabelled batch whose pixels and labels tell which tile they are of."""

    def __init__(self, training: Training) -> None:
        stage = training.stage
        size = training.settings.tile_size
        numbers = torch.tensor([0, 0, 1, 2])
        planes = torch.arange(4).view(4, 1, 1).expand(4, size, size)
        said = Said.nothing(planes != 3)
        stage.bank = Bank(4)
        stage.bank.add(
            LabelledByTeacher(
                planes[:, None].float(),
                planes % 3,
                torch.ones(4, size, size),
                planes != 3,
                numbers=numbers,
                **{n: x for n, x in vars(said).items() if x is not None},
            )
        )
        self.drawn = stage.draw_unlabelled()


def test_cutmix_pastes_pixels_labels_and_masks_of_other_images_together() -> None:
    settings = quick(
        steps=2,
        supervised_fraction=0.0,
        consistency={
            "unlabelled_batch": 4,
            "cutmix": 1.0,
            "filtering": False,
            "intensity": {"probability": 0.0},
        },
    )
    images = TrainingSet((tile(0),), (unlabelled(10), unlabelled(11)))
    training = Training(images, settings, device="cpu")

    mixed = 0
    for _ in range(5):
        drawn = Numbered(training).drawn
        source = drawn.image[:, 0].long()
        assert torch.equal(drawn.label, source % 3)
        assert torch.equal(drawn.valid, source != 3)
        assert torch.equal(drawn.selected, drawn.valid)
        for one in source:
            inside = set(one.unique().tolist())
            mixed += len(inside) == 2
            assert inside != {0, 1}  # Both are of one image.
    assert mixed == 20
