"""What corrections outside tiles give to learn from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_semiseg.geometry import Box
from napari_semiseg.project import corrections, labelled
from napari_semiseg.project.accepting import accept_objects
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.correction_planes import UNSET_CLASS, Corrections
from napari_semiseg.project.corrections import CorrectionStore, ObjectRecord
from napari_semiseg.project.labelled import LabelledArea, joined, labelled_areas
from napari_semiseg.project.owners import Owner

if TYPE_CHECKING:
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes that an image of 40 x 60 holds many of."""
    monkeypatch.setattr(corrections, "_BLOCK", (8, 16, 16))
    for name in ("_CONTEXT", "_MARGIN", "_CELL"):
        monkeypatch.setattr(labelled, name, 4)


def write(project: Project, item: ImageItem, planes: Corrections) -> None:
    CorrectionStore(project).write(item, Box.whole(item.shape), planes, {})


def unset(item: ImageItem) -> Corrections:
    return Corrections.unset(Box.whole(item.shape))


def erased(item: ImageItem, *boxes: Box) -> Corrections:
    planes = unset(item)
    for box in boxes:
        planes.owners[box.slices] = Owner.HUMAN
    return planes


def painted(item: ImageItem, areas: list[LabelledArea]) -> np.ndarray:
    """What the areas say of each pixel: -1 nothing, 0 background, 1 an object."""
    said = np.full(item.shape, -1)
    for area in areas:
        known = area.annotation.annotated
        value = (area.annotation.instances > 0).astype(int)
        here = said[area.box.slices]
        here[known] = value[known]
    return said


def test_erased_pixels_train_as_background(project: Project, item: ImageItem) -> None:
    # Across four blocks.
    box = Box((12, 13), (9, 8))
    write(project, item, erased(item, box))
    (area,) = labelled_areas(project)
    assert (area.role, area.accepted, area.class_overrides) == ("training", True, None)
    expected = np.full(item.shape, -1)
    expected[box.slices] = 0
    np.testing.assert_array_equal(painted(item, [area]), expected)
    assert area.box.contains(box)
    assert area.box.size < (20, 20)


def test_classes_alone_make_an_area(project: Project, item: ImageItem) -> None:
    planes = unset(item)
    planes.classes[30:32, 50] = 2
    write(project, item, planes)
    (area,) = labelled_areas(project)
    assert not area.annotation.annotated.any()
    assert area.class_overrides is not None
    there = np.full(item.shape, UNSET_CLASS)
    there[area.box.slices] = area.class_overrides
    np.testing.assert_array_equal(there, planes.classes)


def test_trust_alone_labels_nothing(project: Project, item: ImageItem) -> None:
    planes = unset(item)
    planes.trust[3:6, 3:6] = 1
    write(project, item, planes)
    assert list(labelled_areas(project)) == []


def test_ignored_pixels_say_nothing(project: Project, item: ImageItem) -> None:
    planes = erased(item, Box((5, 5), (10, 10)))
    planes.classes[5:10, 5:15] = 1
    planes.owners[5:7, 5:15] = Owner.IGNORED
    planes.instances[8:10, 5:15] = -1
    write(project, item, planes)
    (area,) = labelled_areas(project)
    said = painted(item, [area])
    kinds = np.full(item.shape, UNSET_CLASS)
    kinds[area.box.slices] = area.class_overrides
    for rows in (slice(5, 7), slice(8, 10)):
        assert (said[rows] == -1).all()
        assert (kinds[rows] == UNSET_CLASS).all()
    assert (said[7, 5:15] == 0).all()
    assert (kinds[7, 5:15] == 1).all()


def test_objects_and_erased_ground_beside_them_share_an_area(
    project: Project, item: ImageItem
) -> None:
    instances = np.zeros(item.shape, np.int32)
    instances[10:16, 10:16] = 1
    accept_objects(project, item, instances)
    store = CorrectionStore(project)
    planes = store.read(item, Box.whole(item.shape))
    planes.owners[10:16, 17:20] = Owner.HUMAN
    planes.classes[12, 12] = 2
    write(project, item, planes)
    (area,) = labelled_areas(project)
    said = painted(item, [area])
    assert (said[10:16, 10:16] == 1).all()
    assert (said[10:16, 17:20] == 0).all()
    assert (said >= 0).sum() == 36 + 18
    assert area.class_overrides is not None
    assert (area.class_overrides != UNSET_CLASS).sum() == 1


def test_a_finished_tile_speaks_for_its_pixels(
    project: Project, item: ImageItem
) -> None:
    tile = Box((0, 0), (16, 16))
    AnnotationStore(project).add_tile(item, tile, "training")
    planes = erased(item, Box((10, 10), (12, 12)))
    planes.classes[14:18, 14] = 1
    write(project, item, planes)
    areas = [area for area in labelled_areas(project) if area.accepted]
    said = painted(item, areas)
    assert (said[:16, :16] == -1).all()
    assert (said[16:22, 10:22] == 0).all()
    (kinds,) = [a.class_overrides for a in areas if a.class_overrides is not None]
    assert (kinds != UNSET_CLASS).sum() == 2


def test_no_area_of_corrections_reaches_into_validation(
    project: Project, item: ImageItem
) -> None:
    judge = Box((10, 10), (12, 12))
    AnnotationStore(project).add_tile(item, judge, "validation")
    # A frame all around the tile, whose hull would hold it.
    write(project, item, erased(item, Box((4, 4), (24, 24))))
    areas = [area for area in labelled_areas(project) if area.accepted]
    assert not any(area.box.overlaps(judge) for area in areas)
    said = painted(item, areas)
    assert (said[10:22, 10:22] == -1).all()
    at_corners = 4 * (4 * 4 - 2 * 2)  # A box around these would touch the tile.
    assert (said == 0).sum() == 24 * 24 - 12 * 12 - at_corners


def test_far_apart_corrections_stay_apart(project: Project, item: ImageItem) -> None:
    write(project, item, erased(item, Box((1, 1), (3, 3)), Box((33, 50), (3, 3))))
    boxes = [area.box for area in labelled_areas(project)]
    assert boxes == [Box((0, 0), (8, 8)), Box((29, 46), (11, 11))]


def test_joined_boxes_stay_small_enough_to_keep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(labelled, "_WIDEST", 10)
    chain = [Box((0, 4 * n), (3, 5)) for n in range(4)]
    boxes = joined([*chain, Box((1, 0), (1, 30)), Box((1, 1), (1, 1))])
    assert max(box.size[1] for box in boxes if box.size[1] < 30) <= 10
    assert Box((1, 0), (1, 30)) in boxes
    assert all(any(b.contains(small) for b in boxes) for small in chain)


def test_a_drawn_object_keeps_its_class(project: Project, item: ImageItem) -> None:
    box = Box((5, 5), (6, 6))
    drawn = replace(
        Corrections.unset(box),
        instances=np.full(box.size, 4, np.int32),
        owners=np.full(box.size, Owner.HUMAN, np.uint8),
    )
    record = ObjectRecord(owner=Owner.HUMAN, box=box, class_id=3)
    CorrectionStore(project).write(item, box, drawn, {4: record})
    (area,) = labelled_areas(project)
    assert area.annotation.classes == {4: 3}
