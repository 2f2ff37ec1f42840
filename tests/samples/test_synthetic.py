"""Synthetic nuclei: truth that is true, looks that follow the settings."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_semiseg.errors import SemisegError
from napari_semiseg.samples.synthetic import sample_set, synthetic_nuclei


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_image_and_truth_have_the_promised_types_and_ids_without_gaps() -> None:
    image, instances = synthetic_nuclei(rng(), (120, 160))

    assert image.shape == instances.shape == (120, 160)
    assert (image.dtype, instances.dtype) == (np.uint16, np.int32)
    ids = np.unique(instances)
    np.testing.assert_array_equal(ids, np.arange(ids.size))


def test_every_object_is_one_piece() -> None:
    _, instances = synthetic_nuclei(rng(3), crowding=1.0)

    for index in range(1, instances.max() + 1):
        assert ndimage.label(instances == index, np.ones((3, 3)))[1] == 1


def test_same_generator_state_same_image() -> None:
    first, second = synthetic_nuclei(rng(5)), synthetic_nuclei(rng(5))

    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


def test_the_truth_covers_the_bright_pixels() -> None:
    image, instances = synthetic_nuclei(rng(1), noise=0)
    inside, outside = image[instances > 0], image[instances == 0]

    assert np.median(inside) > 4 * np.median(outside)
    assert image.min() >= 100  # The camera's offset.


def test_noise_background_brightness_and_size_do_what_they_say() -> None:
    def draw(**options: float) -> tuple[np.ndarray, np.ndarray]:
        return synthetic_nuclei(rng(2), (200, 200), **options)

    def outside(drawn: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        return drawn[0][drawn[1] == 0].astype(float)

    clean, weak, strong = (draw(noise=n)[0].astype(float) for n in (0, 1, 3))
    assert (strong - clean).std() > 2 * (weak - clean).std() > 20
    dark, light = (np.median(outside(draw(background=b))) for b in (0.0, 0.3))
    assert light > dark + 300
    dim, bright = (np.percentile(draw(brightness=b)[0], 99) for b in (500, 5000))
    assert bright > 4 * dim
    small, large = (draw(size=s)[1] for s in (12, 36))
    area = [(x > 0).sum() / x.max() for x in (small, large)]
    assert 4 < area[1] / area[0] < 14


def test_crowding_makes_nuclei_touch() -> None:
    def touching(crowding: float) -> float:
        n_touching = n_objects = 0
        for seed in range(4):
            _, instances = synthetic_nuclei(rng(seed), n_objects=20, crowding=crowding)
            grown = ndimage.maximum_filter(instances, 3)
            meets = (instances > 0) & (grown != instances)
            n_touching += np.unique(instances[meets]).size
            n_objects += instances.max()
        return n_touching / n_objects

    assert touching(0.9) > touching(0.0) + 0.2


def test_a_full_field_ends_the_placing() -> None:
    _, instances = synthetic_nuclei(rng(), (64, 64), n_objects=500, size=16)

    assert 4 < instances.max() < 60


@pytest.mark.parametrize("shape", [(1, 1), (17, 300), (5, 1)])
def test_odd_shapes(shape: tuple[int, int]) -> None:
    image, instances = synthetic_nuclei(rng(), shape)

    assert image.shape == instances.shape == shape


def test_no_object_is_a_valid_image() -> None:
    image, instances = synthetic_nuclei(rng(), (40, 40), n_objects=0)

    assert instances.max() == 0
    assert image.std() > 0


@pytest.mark.parametrize(
    "options", [{"crowding": 2}, {"noise": -1}, {"size": 0}, {"n_objects": -1}]
)
def test_numbers_out_of_bounds_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(SemisegError, match=next(iter(options))):
        synthetic_nuclei(rng(), **options)


def test_a_set_varies_and_its_images_do_not_depend_on_how_many() -> None:
    two, four = sample_set(7, 2, (64, 64)), sample_set(7, 4, (64, 64))

    np.testing.assert_array_equal(two[1][0], four[1][0])
    levels = [np.percentile(image, 99) for image, _ in four]
    assert max(levels) > 1.3 * min(levels)
