from __future__ import annotations

import numpy as np
import pytest

from napari_semiseg.samples import napari_samples


@pytest.mark.parametrize("name", ["sparse_nuclei", "crowded_nuclei"])
def test_sample_is_an_image_with_its_truth(name: str) -> None:
    (image, attributes, kind), (truth, shown, truth_kind) = getattr(
        napari_samples, name
    )()

    assert (kind, truth_kind) == ("image", "labels")
    assert image.shape == truth.shape
    assert image.dtype == np.uint16
    assert truth.max() > 20
    assert attributes["name"] in shown["name"]
    inside, outside = image[truth > 0].mean(), image[truth == 0].mean()
    assert inside > 2 * outside


def test_sample_is_the_same_every_time() -> None:
    first, again = napari_samples.sparse_nuclei(), napari_samples.sparse_nuclei()

    np.testing.assert_array_equal(first[0][0], again[0][0])
