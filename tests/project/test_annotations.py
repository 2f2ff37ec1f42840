from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.project.annotations import Annotation, AnnotationStore

if TYPE_CHECKING:
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem

BOX = Box((4, 8), (6, 9))


@pytest.fixture
def store(project: Project) -> AnnotationStore:
    return AnnotationStore(project)


def drawn() -> np.ndarray:
    """Two objects, one of them three pixels, and a pixel to ignore."""
    instances = np.zeros(BOX.size, np.int32)
    instances[1:4, 1:4] = 1
    instances[0, 6:9] = 70_000
    instances[5, 0] = -1
    return instances


def test_a_finished_tile_is_annotated_but_for_what_is_ignored(
    store: AnnotationStore, item: ImageItem
) -> None:
    instances = drawn()
    nothing = np.zeros(BOX.size, bool)
    store.save(item, BOX, Annotation(instances, nothing, {70_000: 2}), "training")
    loaded = store.load(item, BOX)
    np.testing.assert_array_equal(loaded.instances, instances)
    np.testing.assert_array_equal(loaded.annotated, instances >= 0)
    assert loaded.classes == {70_000: 2}
    assert loaded.instances.dtype == np.int32


def test_ground_that_nobody_looked_at_is_no_background(
    store: AnnotationStore, item: ImageItem
) -> None:
    instances = drawn()
    background = np.zeros(BOX.size, bool)
    background[4, :] = True
    store.save(item, BOX, Annotation(instances, background))
    loaded = store.load(item, BOX)
    np.testing.assert_array_equal(loaded.annotated, background | (instances > 0))
    store.set_state(item, BOX, "validation")
    np.testing.assert_array_equal(store.load(item, BOX).annotated, instances >= 0)
    store.set_state(item, BOX, "to do")
    np.testing.assert_array_equal(store.load(item, BOX).annotated, loaded.annotated)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    arrays.arrays(np.int32, BOX.size, elements=st.integers(-1, 3)),
    arrays.arrays(np.bool_, BOX.size),
)
def test_what_is_painted_comes_back(
    store: AnnotationStore,
    item: ImageItem,
    instances: np.ndarray,
    annotated: np.ndarray,
) -> None:
    store.save(item, BOX, Annotation(instances, annotated))
    loaded = store.load(item, BOX)
    np.testing.assert_array_equal(loaded.instances, instances)
    expected = (annotated | (instances > 0)) & (instances >= 0)
    np.testing.assert_array_equal(loaded.annotated, expected)


def test_an_empty_finished_tile_says_that_there_is_nothing(
    store: AnnotationStore, item: ImageItem
) -> None:
    store.add_tile(item, BOX, "training")
    assert store.load(item, BOX).annotated.all()
    assert store.load(item, BOX).n_objects == 0


def test_an_empty_tile_to_do_says_nothing(
    store: AnnotationStore, item: ImageItem
) -> None:
    store.add_tile(item, BOX)
    assert not store.load(item, BOX).annotated.any()


def test_other_tools_read_the_file(
    store: AnnotationStore, project: Project, item: ImageItem
) -> None:
    store.save(item, BOX, Annotation.complete(drawn()), "training")
    path = project.folder / "annotations" / item.id / "tile_y4_x8_6x9.tif"
    np.testing.assert_array_equal(tifffile.imread(path), drawn())


def test_saving_touches_only_its_tile(
    store: AnnotationStore, project: Project, item: ImageItem
) -> None:
    other = Box((20, 20), (5, 5))
    store.add_tile(item, other, "training")
    empty = Annotation.complete(np.zeros((5, 5), np.int32))
    store.save(item, other, empty, "training")
    folder = project.folder / "annotations" / item.id
    before = (folder / "tile_y20_x20_5x5.tif").stat()
    store.save(item, BOX, Annotation.complete(drawn()), "training")
    listed = (folder / "tiles.json").stat().st_mtime_ns
    store.save(item, BOX, Annotation.complete(drawn() * 0), state=None)
    assert (folder / "tile_y20_x20_5x5.tif").stat() == before
    assert (folder / "tiles.json").stat().st_mtime_ns == listed, "nothing changed in it"
    assert [tile.state for tile in store.tiles(item)] == ["training", "training"]


@pytest.mark.parametrize(
    ("box", "sentence"),
    [
        (Box((0, 0), (5, 9)), "overlaps the tile 4,8,6,9"),
        (Box((36, 0), (5, 5)), "does not lie inside a.tif, which is 40 x 60"),
        (Box((-1, 0), (2, 2)), "does not lie inside"),
        (Box((0, 0), (0, 2)), "does not lie inside"),
    ],
)
def test_impossible_tiles_are_refused(
    store: AnnotationStore, item: ImageItem, box: Box, sentence: str
) -> None:
    store.add_tile(item, BOX, "training")
    for state in ("to do", "training", "validation"):
        with pytest.raises(SemisegError, match=sentence):
            store.add_tile(item, box, state)
    with pytest.raises(SemisegError, match=sentence):
        store.import_labels(item, np.zeros(item.shape, np.int32), [box])
    assert len(store.tiles(item)) == 1


def test_neighbours_that_touch_are_possible(
    store: AnnotationStore, item: ImageItem
) -> None:
    store.add_tile(item, BOX, "training")
    store.add_tile(item, Box((4, 17), (6, 9)), "validation")
    assert len(store.tiles(item)) == 2


def test_wrong_arrays_are_refused(store: AnnotationStore, item: ImageItem) -> None:
    with pytest.raises(SemisegError, match="3 x 3 pixels, but the tile 4,8,6,9"):
        store.save(item, BOX, Annotation.complete(np.zeros((3, 3), np.int32)))
    assert store.tiles(item) == []


def test_an_unknown_tile_names_the_others(
    store: AnnotationStore, item: ImageItem
) -> None:
    store.add_tile(item, BOX)
    with pytest.raises(SemisegError, match=r"no tile 0,0,2,2\. Its tiles are: 4,8,6,9"):
        store.load(item, Box((0, 0), (2, 2)))


def test_a_removed_tile_leaves_nothing(
    store: AnnotationStore, project: Project, item: ImageItem
) -> None:
    store.save(item, BOX, Annotation.complete(drawn()))
    store.remove_tile(item, BOX)
    assert store.tiles(item) == []
    files = (project.folder / "annotations" / item.id).iterdir()
    assert [file.name for file in files] == ["tiles.json"]


def test_test_images_neither_train_nor_judge(
    store: AnnotationStore, project: Project, item: ImageItem
) -> None:
    held_out = project.set_role(item, "test")
    with pytest.raises(SemisegError, match="held out for testing"):
        store.add_tile(held_out, BOX, "training")
    store.add_tile(held_out, BOX)
    with pytest.raises(SemisegError, match="held out for testing"):
        store.set_state(held_out, BOX, "validation")


def test_labels_of_other_pixels_are_not_used(
    store: AnnotationStore, project: Project, item: ImageItem
) -> None:
    store.add_tile(item, BOX, "training")
    path = project.folder / "annotations" / item.id / "tiles.json"
    raw = json.loads(path.read_text())
    path.write_text(json.dumps({**raw, "content_hash": "of another image"}))
    with pytest.raises(SemisegError, match="made on another image"):
        store.tiles(item)
    with pytest.raises(SemisegError, match="made on another image"):
        store.save(item, BOX, Annotation.complete(drawn()))


def test_a_damaged_tile_is_named(
    store: AnnotationStore, project: Project, item: ImageItem
) -> None:
    store.save(item, BOX, Annotation.complete(drawn()))
    path = project.folder / "annotations" / item.id / "tile_y4_x8_6x9.tif"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(SemisegError, match=r"tile_y4_x8_6x9\.tif is damaged"):
        store.load(item, BOX)


def labels_of_image() -> np.ndarray:
    """Object 3 lies in two pieces; object 9 is cut by the tile's border."""
    labels = np.zeros((40, 60), np.int32)
    labels[5:7, 9:11] = 3
    labels[5:7, 13:15] = 3
    labels[8:13, 8:12] = 9
    return labels


def test_imported_labels_report_ids_in_pieces(
    store: AnnotationStore, item: ImageItem
) -> None:
    report = store.import_labels(item, labels_of_image(), [BOX], "validation")
    assert (report.n_objects, report.split_ids, report.fixed) == (2, (3,), False)
    assert "2 object(s) in 1 tile(s). 1 id(s) (3) cover several pieces" in report.words
    loaded = store.load(item, BOX)
    np.testing.assert_array_equal(loaded.instances, labels_of_image()[BOX.slices])
    assert store.tile(item, BOX).state == "validation"


def test_imported_pieces_get_ids_on_request(
    store: AnnotationStore, item: ImageItem
) -> None:
    report = store.import_labels(
        item, labels_of_image(), [BOX], fix_components=True, classes={9: 2, 3: 1, 50: 4}
    )
    assert (report.n_objects, report.fixed) == (3, True)
    loaded = store.load(item, BOX)
    assert loaded.instances[1, 1] != loaded.instances[1, 5]
    assert loaded.classes == {9: 2, 3: 1}


def test_the_whole_image_is_one_tile(store: AnnotationStore, item: ImageItem) -> None:
    report = store.import_labels(item, labels_of_image(), None)
    assert report.boxes == (Box((0, 0), (40, 60)),)
    again = store.import_labels(item, labels_of_image() * 0, None)
    assert again.n_objects == 0, "labels imported again replace the old ones"
    assert store.load(item, Box.whole(item.shape)).n_objects == 0


def test_labels_of_another_shape_are_refused(
    store: AnnotationStore, item: ImageItem
) -> None:
    with pytest.raises(SemisegError, match=r"40 x 59 pixels, but a\.tif is 40 x 60"):
        store.import_labels(item, np.zeros((40, 59), np.int32), None)


def test_one_impossible_tile_writes_none(
    store: AnnotationStore, item: ImageItem
) -> None:
    boxes = [BOX, Box((4, 10), (6, 9))]
    with pytest.raises(SemisegError, match="overlaps"):
        store.import_labels(item, labels_of_image(), boxes)
    assert store.tiles(item) == []
