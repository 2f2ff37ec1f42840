from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_semiseg.geometry import Box
from napari_semiseg.project.accepting import accept_objects
from napari_semiseg.project.correction_planes import UNSET_CLASS
from napari_semiseg.project.corrections import CorrectionStore
from napari_semiseg.project.giving_back import give_back
from napari_semiseg.project.owners import Owner

if TYPE_CHECKING:
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem

LEFT, RIGHT = Box((4, 4), (6, 6)), Box((4, 30), (6, 6))


@pytest.fixture
def store(project: Project, item: ImageItem) -> CorrectionStore:
    """Two accepted objects, and a row of every kind of correction below them."""
    instances = np.zeros(item.shape, np.int32)
    instances[LEFT.slices], instances[RIGHT.slices] = 1, 2
    accept_objects(project, item, instances)
    store = CorrectionStore(project)
    whole = Box.whole(item.shape)
    planes = store.read(item, whole)
    planes.owners[20, 4:40] = Owner.HUMAN
    planes.classes[21, 4:40] = 1
    planes.trust[22, 4:40] = 2
    store.write(item, whole, planes, {})
    return store


def test_a_box_is_the_teachers_again(
    store: CorrectionStore, project: Project, item: ImageItem
) -> None:
    box = Box((0, 0), (30, 20))
    before = store.read(item, box)
    given = give_back(project, item, box)
    after = store.read(item, Box.whole(item.shape))
    for plane, nothing in zip(after.planes, (0, 0, UNSET_CLASS, 0), strict=True):
        assert (plane[box.slices] == nothing).all()
    assert (after.instances[RIGHT.slices] == 2).all()
    assert after.trust[22, 20:40].all()
    for removed, old in zip(given.corrections.planes, before.planes, strict=True):
        np.testing.assert_array_equal(removed, old)
    assert given.removed.sum() == 36 + 3 * 16
    assert set(given.objects) == {1}
    assert set(store.objects(item)) == {2}
    assert store.next_id(item) == 3


def test_an_object_that_is_left_in_part_stays_listed(
    store: CorrectionStore, project: Project, item: ImageItem
) -> None:
    given = give_back(project, item, Box((0, 0), (6, 40)))
    assert given.removed.sum() == 2 * 12
    assert given.objects == {}
    assert set(store.objects(item)) == {1, 2}


def test_single_objects_are_given_back(
    store: CorrectionStore, project: Project, item: ImageItem
) -> None:
    given = give_back(project, item, Box((-5, -5), (100, 100)), ids=[2])
    assert given.box == Box.whole(item.shape)
    assert set(given.objects) == {2}
    after = store.read(item, Box.whole(item.shape))
    assert (after.instances[LEFT.slices] == 1).all()
    assert not after.instances[RIGHT.slices].any()
    assert after.background.sum() == 36
    again = give_back(project, item, Box.whole(item.shape), ids=[2])
    assert not again.removed.any()
