from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.project import corrections
from napari_semiseg.project.correction_planes import UNSET_CLASS, Corrections
from napari_semiseg.project.corrections import CorrectionStore, ObjectRecord
from napari_semiseg.project.owners import Owner
from napari_semiseg.project.tile_files import write_layers
from napari_semiseg.segmentation.trust import Trust

if TYPE_CHECKING:
    from napari_semiseg.project.project import Project
    from napari_semiseg.project.records import ImageItem


@pytest.fixture
def store(project: Project, monkeypatch: pytest.MonkeyPatch) -> CorrectionStore:
    """With blocks so small that an image of 40 x 60 has many."""
    monkeypatch.setattr(corrections, "_BLOCK", (8, 16, 16))
    return CorrectionStore(project)


def stroke(box: Box, number: int) -> Corrections:
    owners = np.full(box.size, Owner.HUMAN, np.uint8)
    return Corrections(np.full(box.size, number, np.int32), owners)


def test_nothing_is_decided_at_first(store: CorrectionStore, item: ImageItem) -> None:
    found = store.read(item, Box((3, 3), (30, 40)))
    assert not found.claimed.any()
    assert store.next_id(item) == 1


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 30), st.integers(0, 40), st.integers(1, 10), st.integers(1, 20))
def test_a_stroke_across_blocks_comes_back(
    store: CorrectionStore, item: ImageItem, y: int, x: int, height: int, width: int
) -> None:
    whole = Box.whole(item.shape)
    before = store.read(item, whole)
    box = Box((y, x), (height, width))
    store.write(
        item, box, stroke(box, 5), {5: ObjectRecord(owner=Owner.HUMAN, box=box)}
    )
    after = store.read(item, whole)
    np.testing.assert_array_equal(after.instances[box.slices], 5)
    assert after.claimed[box.slices].all()
    before.instances[box.slices] = 5
    np.testing.assert_array_equal(after.instances, before.instances)


def test_erased_pixels_differ_from_those_never_touched(
    store: CorrectionStore, item: ImageItem
) -> None:
    box = Box((0, 0), (4, 4))
    store.write(item, box, stroke(box, 0), {})
    found = store.read(item, Box((0, 0), (8, 8)))
    assert not found.instances.any()
    assert found.claimed.sum() == 16


def test_only_blocks_that_change_are_written(
    store: CorrectionStore, project: Project, item: ImageItem
) -> None:
    box = Box((14, 0), (4, 4))
    store.write(item, box, stroke(box, 1), {})
    folder = project.folder / "corrections" / item.id
    names = sorted(path.name for path in folder.glob("*.tif"))
    assert names == ["block_y0_x0_16x16.tif", "block_y16_x0_16x16.tif"]
    before = [(folder / name).stat() for name in names]
    store.write(
        item, Box((10, 0), (10, 10)), store.read(item, Box((10, 0), (10, 10))), {}
    )
    assert [(folder / name).stat() for name in names] == before


def test_ids_are_never_given_twice(store: CorrectionStore, item: ImageItem) -> None:
    box = Box((0, 0), (2, 2))
    store.write(
        item, box, stroke(box, 7), {7: ObjectRecord(owner=Owner.HUMAN, box=box)}
    )
    store.write(item, box, stroke(box, 0), {})
    assert store.next_id(item) == 8


def test_corrections_of_other_pixels_are_not_used(
    store: CorrectionStore, project: Project, item: ImageItem
) -> None:
    box = Box((0, 0), (2, 2))
    store.write(item, box, stroke(box, 1), {})
    path = project.folder / "corrections" / item.id / "objects.json"
    raw = json.loads(path.read_text())
    path.write_text(json.dumps({**raw, "shape": [41, 60]}))
    with pytest.raises(SemisegError, match="made on another image"):
        store.read(item, box)


def overrides(box: Box, kind: int = UNSET_CLASS, trust: int = 0) -> Corrections:
    """Nothing decided about objects, but a class or a trust for every pixel."""
    return replace(
        Corrections.unset(box),
        classes=np.full(box.size, kind, np.uint8),
        trust=np.full(box.size, trust, np.uint8),
    )


def test_classes_and_trust_come_back_and_claim_nothing(
    store: CorrectionStore, item: ImageItem
) -> None:
    box = Box((5, 10), (9, 13))
    store.write(item, box, overrides(box, 2, Trust.NOT_TRUSTED), {})
    found = store.read(item, Box.whole(item.shape))
    inside = np.zeros(item.shape, bool)
    inside[box.slices] = True
    np.testing.assert_array_equal(found.classes, np.where(inside, 2, UNSET_CLASS))
    np.testing.assert_array_equal(found.trust, 2 * inside)
    assert not found.claimed.any()


def test_blocks_of_two_planes_read_on(
    store: CorrectionStore, project: Project, item: ImageItem
) -> None:
    box = Box((0, 0), (16, 16))
    record = ObjectRecord(owner=Owner.HUMAN, box=box)
    store.write(item, box, stroke(box, 3), {3: record})
    folder = project.folder / "corrections" / item.id
    old = stroke(box, 3)
    write_layers(folder / "block_y0_x0_16x16.tif", [old.instances, old.owners])
    path = folder / "objects.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 1}))
    found = store.read(item, box)
    assert (found.instances == 3).all()
    assert (found.classes == UNSET_CLASS).all()
    assert not found.trust.any()
    assert store.objects(item) == {3: record}
    store.write(item, box, found, {})
    assert json.loads(path.read_text())["schema_version"] == 2


def test_a_forgotten_object_keeps_its_id_to_itself(
    store: CorrectionStore, item: ImageItem
) -> None:
    box = Box((0, 0), (2, 2))
    record = ObjectRecord(owner=Owner.HUMAN, box=box)
    store.write(item, box, stroke(box, 7), {6: record, 7: record})
    store.write(item, box, Corrections.unset(box), {7: None})
    assert store.objects(item) == {6: record}
    assert store.next_id(item) == 8


def test_an_image_with_nothing_decided_any_more_has_no_corrections(
    store: CorrectionStore, project: Project, item: ImageItem
) -> None:
    assert store.images() == ()
    box = Box((14, 6), (4, 4))
    store.write(item, box, overrides(box, trust=Trust.TRUSTED), {})
    assert store.images() == (item.id,)
    parts = dict(store.blocks(item))
    assert set(parts) == {Box((0, 0), (16, 16)), Box((16, 0), (16, 16))}
    assert sum(int((part.trust == 1).sum()) for part in parts.values()) == 16
    store.write(item, box, Corrections.unset(box), {})
    assert store.images() == ()
    assert not list((project.folder / "corrections" / item.id).glob("*.tif"))


def test_a_class_the_project_lacks_is_refused(
    store: CorrectionStore, item: ImageItem
) -> None:
    box = Box((0, 0), (2, 2))
    with pytest.raises(SemisegError, match="class 3, but the last class"):
        store.write(item, box, overrides(box, 3), {})
    assert store.images() == ()


def test_background_and_ignored_are_told_apart() -> None:
    instances = np.array([[0, 0, 0, -1, 4, 0]], np.int32)
    owners = [Owner.NOBODY, Owner.HUMAN, Owner.ACCEPTED, Owner.HUMAN, Owner.HUMAN]
    planes = Corrections(instances, np.array([[*owners, Owner.IGNORED]], np.uint8))
    assert planes.background.tolist() == [[False, True, False, False, False, False]]
    assert planes.ignored.tolist() == [[False, False, False, True, False, True]]
