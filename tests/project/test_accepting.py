from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.project.accepting import accept_objects, accept_tile, open_tile
from napari_semiseg.project.annotations import Annotation, AnnotationStore
from napari_semiseg.project.correction_planes import Corrections
from napari_semiseg.project.corrections import CorrectionStore, ObjectRecord
from napari_semiseg.project.labelled import joined, labelled_areas
from napari_semiseg.project.owners import Owner

if TYPE_CHECKING:
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem


@pytest.fixture
def proposal() -> np.ndarray:
    """Three objects in a 40 x 60 image: at the left, in the middle, at the right."""
    instances = np.zeros((40, 60), np.int32)
    instances[4:8, 4:8] = 1
    instances[20:26, 20:26] = 2
    instances[30:34, 50:56] = 9
    return instances


def test_accepted_objects_are_stored_with_their_class(
    project: Project, item: ImageItem, proposal: np.ndarray
) -> None:
    report = accept_objects(project, item, proposal, [2, 9, 5], classes={9: 3})
    assert report.accepted == {2: 1, 9: 2}
    assert report.skipped == {5: "There is no object 5."}
    store = CorrectionStore(project)
    found = store.read(item, Box.whole(item.shape))
    np.testing.assert_array_equal(found.instances == 1, proposal == 2)
    assert set(np.unique(found.owners)) == {Owner.NOBODY, Owner.ACCEPTED}
    assert store.objects(item)[2] == ObjectRecord(
        owner=Owner.ACCEPTED, box=Box((30, 50), (4, 6)), class_id=3
    )


def test_accepting_a_region_puts_objects_in_their_place(
    project: Project, item: ImageItem, proposal: np.ndarray
) -> None:
    box = Box((15, 10), (20, 20))
    accept_objects(project, item, proposal[box.slices], box=box)
    found = CorrectionStore(project).read(item, Box.whole(item.shape))
    np.testing.assert_array_equal(found.instances == 1, proposal == 2)


def test_what_is_the_persons_already_is_not_overwritten(
    project: Project, item: ImageItem, proposal: np.ndarray
) -> None:
    store = CorrectionStore(project)
    box = Box((4, 4), (4, 3))
    drawn = Corrections(
        np.full(box.size, 1, np.int32), np.full(box.size, Owner.HUMAN, np.uint8)
    )
    store.write(item, box, drawn, {1: ObjectRecord(owner=Owner.HUMAN, box=box)})
    report = accept_objects(project, item, proposal)
    assert set(report.accepted) == {2, 9}
    assert "yours already" in report.skipped[1]
    np.testing.assert_array_equal(store.read(item, box).instances, 1)


def test_objects_in_finished_tiles_are_the_tiles_business(
    project: Project, item: ImageItem, proposal: np.ndarray
) -> None:
    AnnotationStore(project).add_tile(item, Box((0, 0), (16, 16)), "validation")
    report = accept_objects(project, item, proposal)
    assert "finished tile" in report.skipped[1]
    assert set(report.accepted) == {2, 9}


def test_accepted_objects_train_with_their_own_pixels_only(
    project: Project, item: ImageItem, proposal: np.ndarray
) -> None:
    accept_objects(project, item, proposal, [2])
    (area,) = labelled_areas(project)
    assert (area.role, area.accepted) == ("training", True)
    here = proposal[area.box.slices] == 2
    np.testing.assert_array_equal(area.annotation.instances > 0, here)
    np.testing.assert_array_equal(area.annotation.annotated, here)


def test_no_box_of_accepted_objects_reaches_into_validation(
    project: Project, item: ImageItem, proposal: np.ndarray
) -> None:
    accept_objects(project, item, proposal)
    judge = Box((10, 10), (8, 40))
    AnnotationStore(project).add_tile(item, judge, "validation")
    areas = list(labelled_areas(project))
    assert [area.role for area in areas].count("validation") == 1
    training = [area for area in areas if area.accepted]
    assert len(training) == 3
    assert not any(area.box.overlaps(judge) for area in training)


def test_objects_beneath_a_later_tile_leave_training_to_it(
    project: Project, item: ImageItem, proposal: np.ndarray
) -> None:
    accept_objects(project, item, proposal, [1])
    AnnotationStore(project).add_tile(item, Box((0, 0), (6, 6)), "validation")
    assert [area.role for area in labelled_areas(project)] == ["validation"]


def test_a_tile_to_do_shows_what_is_accepted_in_it(
    project: Project, item: ImageItem, proposal: np.ndarray
) -> None:
    tiles = AnnotationStore(project)
    box = Box((18, 18), (5, 12))
    tiles.add_tile(item, box)
    accept_objects(project, item, proposal, classes={2: 4})
    loaded = tiles.load(item, box)
    inside = proposal[box.slices] == 2
    np.testing.assert_array_equal(loaded.instances > 0, inside)
    np.testing.assert_array_equal(loaded.annotated, inside)
    assert set(loaded.classes.values()) == {4}


def test_tiles_to_do_and_test_images_do_not_train(
    project: Project, item: ImageItem, proposal: np.ndarray
) -> None:
    tiles = AnnotationStore(project)
    tiles.import_labels(item, proposal, [Box((0, 0), (16, 16))])
    tiles.add_tile(item, Box((0, 20), (16, 16)))
    assert [area.box for area in labelled_areas(project)] == [Box((0, 0), (16, 16))]
    project.set_role(item, "test")
    assert list(labelled_areas(project)) == []


def test_the_edge_that_a_tile_cuts_is_not_known(
    project: Project, item: ImageItem, proposal: np.ndarray
) -> None:
    box = Box((18, 18), (5, 12))
    AnnotationStore(project).import_labels(item, proposal, [box])
    (area,) = labelled_areas(project)
    expected = np.ones(box.size, bool)
    expected[-1, 2:8] = False
    np.testing.assert_array_equal(area.annotation.annotated, expected)


def test_an_accepted_tile_is_finished_with_the_persons_objects_on_top(
    project: Project, item: ImageItem, proposal: np.ndarray
) -> None:
    tiles = AnnotationStore(project)
    box = Box((18, 0), (16, 40))
    strokes = np.zeros(box.size, np.int32)
    strokes[2:8, 18:24] = 5
    tiles.save(item, box, Annotation(strokes, strokes > 0, {5: 2}))
    other = proposal.copy()
    other[19:27, 20:23] = 2
    other[28:32, 4:8] = 3
    record = accept_tile(project, item, box, other[box.slices], classes={3: 7})
    assert record.state == "training"
    loaded = tiles.load(item, box)
    assert loaded.annotated.all()
    assert loaded.n_objects == 2, "the proposal's opinion about object 5 is dropped"
    np.testing.assert_array_equal(loaded.instances == 5, strokes == 5)
    assert loaded.classes == {5: 2, 8: 7}
    with pytest.raises(SemisegError, match="finished already"):
        accept_tile(project, item, box, other[box.slices])


def test_objects_accepted_before_stay_in_an_accepted_tile(
    project: Project, item: ImageItem, proposal: np.ndarray
) -> None:
    accept_objects(project, item, proposal, [1], classes={1: 3})
    box = Box((0, 0), (16, 16))
    seen = open_tile(project, item, box)
    np.testing.assert_array_equal(seen.annotated, proposal[box.slices] == 1)
    accept_tile(project, item, box, np.zeros(box.size, np.int32), "validation")
    loaded = AnnotationStore(project).load(item, box)
    np.testing.assert_array_equal(loaded.instances > 0, proposal[box.slices] == 1)
    assert list(loaded.classes.values()) == [3]


def test_a_proposal_of_another_size_is_refused(
    project: Project, item: ImageItem
) -> None:
    with pytest.raises(SemisegError, match="predict the image again"):
        accept_objects(project, item, np.zeros((4, 4), np.int32))


def test_a_changed_image_accepts_nothing(
    project: Project, item: ImageItem, proposal: np.ndarray
) -> None:
    (project.folder / item.path).unlink()
    with pytest.raises(SemisegError, match=r"a\.tif is missing"):
        accept_objects(project, item, proposal)


def test_boxes_join_until_none_overlap() -> None:
    chain = [Box((0, 4 * n), (3, 5)) for n in (0, 2, 1)]
    assert joined([*chain, Box((9, 0), (2, 2))]) == [
        Box((0, 0), (3, 13)),
        Box((9, 0), (2, 2)),
    ]
