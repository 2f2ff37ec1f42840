"""The targets on the device equal those of the array function."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_semiseg.learning.targets import class_targets
from napari_semiseg.segmentation import classes

maps = hnp.arrays(np.int32, (12, 13), elements=st.integers(-1, 3))
masks = hnp.arrays(np.bool_, (12, 13))


@pytest.mark.parametrize("mode", ["inner", "outer"])
@settings(max_examples=150, deadline=None)
@given(coarse=maps, annotated=masks, valid=masks)
def test_twin_of_the_array_function(mode, coarse, annotated, valid):
    # Enlarged, so that there are objects with an interior as well.
    ids, known, inside = (
        np.kron(a, np.ones((3, 3), a.dtype)) for a in (coarse, annotated, valid)
    )
    expected = classes.class_targets(ids, known, mode=mode, valid=inside)
    ours = class_targets(
        torch.from_numpy(ids)[None].long(),
        torch.from_numpy(known)[None],
        torch.from_numpy(inside)[None],
        mode,
    )
    np.testing.assert_array_equal(ours[0].numpy(), expected)


@settings(max_examples=50, deadline=None)
@given(coarse=maps, annotated=masks, valid=masks, data=st.data())
def test_given_classes_win_where_they_are_set(coarse, annotated, valid, data):
    kinds = data.draw(
        hnp.arrays(np.int64, coarse.shape, elements=st.sampled_from([0, 1, 2, 255]))
    )
    given = [torch.from_numpy(a)[None] for a in (annotated, valid)]
    ids = torch.from_numpy(coarse)[None].long()
    plain = class_targets(ids, *given)[0].numpy()
    told = class_targets(ids, *given, overrides=torch.from_numpy(kinds)[None])
    expected = np.where((kinds != 255) & valid, kinds, plain)
    np.testing.assert_array_equal(told[0].numpy(), expected)
