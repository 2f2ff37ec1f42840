from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from projects import make_project

from napari_semiseg.errors import SemisegError
from napari_semiseg.geometry import Box
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.correction_planes import Corrections
from napari_semiseg.project.corrections import CorrectionStore
from napari_semiseg.project.owners import Owner
from napari_semiseg.project.project import Project
from napari_semiseg.runs.folder import RunFolder
from napari_semiseg.runs.lineage import LearnedBox
from napari_semiseg.runs.snapshot import (
    load_inputs,
    save_inputs,
    take_snapshot,
    training_set,
)
from napari_semiseg.segmentation.trust import Trust

if TYPE_CHECKING:
    from pathlib import Path

TRAIN, JUDGE = Box((0, 0), (48, 56)), Box((40, 56), (32, 40))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    tiles = {0: [(TRAIN, "training"), (JUDGE, "validation")], 1: [(TRAIN, "to do")]}
    return make_project(tmp_path / "project", tiles)


def test_finished_tiles_and_all_pool_images_are_taken(project: Project) -> None:
    found = training_set(project)
    assert [t.box for t in found.training] == [TRAIN]
    assert [t.box for t in found.validation] == [JUDGE]
    assert len(found.unlabelled) == 3
    tile = found.training[0]
    source = project.source(project.image("cells0.tif"))
    np.testing.assert_array_equal(tile.image, source.read(TRAIN))
    # The tile's border cuts an object: it is known, but not annotated there.
    assert tile.instances[30, 55] > 0
    assert not tile.annotated[30, 55]
    assert tile.annotated[30, 54]


def test_validation_tiles_are_never_unlabelled(project: Project) -> None:
    by_id = {image.image_id: image for image in training_set(project).unlabelled}
    judged = by_id[project.image("cells0.tif").id]
    assert judged.excluded == (Box((8, 24), (88, 88)),)  # 32 px wider, clipped.
    assert by_id[project.image("cells1.tif").id].excluded == ()


def test_images_for_testing_are_left_out(project: Project) -> None:
    project.set_role(project.image("cells2.tif"), "test")
    found = take_snapshot(project)
    test_id = project.image("cells2.tif").id
    assert test_id not in {image.image_id for image in found.training_set.unlabelled}
    assert test_id not in found.hashes


def test_validation_tile_an_ancestor_learned_is_not_clean(project: Project) -> None:
    item = project.image("cells0.tif")
    learned = LearnedBox("elsewhere", item.content_hash, Box((60, 60), (8, 8)))
    apart = LearnedBox("elsewhere", item.content_hash, Box((0, 60), (8, 8)))
    assert [t.clean for t in training_set(project).validation] == [True]
    found = training_set(project, ancestors=[apart, learned])
    assert [t.clean for t in found.validation] == [False]
    assert [t.clean for t in training_set(project, ancestors=[apart]).validation] == [
        True
    ]


def test_missing_unlabelled_image_is_told_not_fatal(project: Project) -> None:
    (project.folder.parent / "project-images" / "cells2.tif").unlink()
    found = take_snapshot(project)
    assert len(found.training_set.unlabelled) == 2
    assert "cells2.tif" in found.messages[0]


def test_missing_labelled_image_is_a_sentence(project: Project) -> None:
    (project.folder.parent / "project-images" / "cells0.tif").unlink()
    with pytest.raises(SemisegError, match="cells0"):
        take_snapshot(project)


def test_project_without_images_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SemisegError, match="no image"):
        training_set(Project.create(tmp_path / "empty"))


def test_inputs_come_back_as_they_were_although_labelling_went_on(
    project: Project,
) -> None:
    before = take_snapshot(project)
    run = RunFolder.create(project.folder, "actis")
    save_inputs(run, before)
    store = AnnotationStore(project)
    store.remove_tile(project.image("cells0.tif"), TRAIN)
    after = load_inputs(run, Project.open(project.folder))
    known = before.training_set
    assert len(after.labelled) == 2
    for old, new in zip(known.labelled, after.labelled, strict=True):
        np.testing.assert_array_equal(old.image, new.image)
        np.testing.assert_array_equal(old.instances, new.instances)
        np.testing.assert_array_equal(old.annotated, new.annotated)
        assert new.image.dtype == np.float32
        assert new.instances.dtype == np.int32
        assert (old.box, old.role, old.clean) == (new.box, new.role, new.clean)
        assert new.source is not None
    assert [i.excluded for i in known.unlabelled] == [
        i.excluded for i in after.unlabelled
    ]
    facts = ("n_channels", "classes", "task", "pixel_size", "pixel_unit")
    assert [getattr(known, f) for f in facts] == [getattr(after, f) for f in facts]


def test_corrections_come_back_although_correcting_went_on(project: Project) -> None:
    item = project.image("cells1.tif")
    store, whole = CorrectionStore(project), Box.whole(item.shape)
    said = Corrections.unset(whole)
    said.owners[60:66, 10:20] = Owner.HUMAN
    said.classes[62, 30:40] = 2
    said.trust[:, 50:70], said.trust[5:9, 5:9] = Trust.TRUSTED, Trust.NOT_TRUSTED
    store.write(item, whole, said, {})
    before = take_snapshot(project)
    run = RunFolder.create(project.folder, "actis")
    save_inputs(run, before)
    store.write(item, whole, Corrections.unset(whole), {})
    for found in (before.training_set, load_inputs(run, project)):
        (area,) = [t for t in found.labelled if t.image_id == item.id]
        kinds = np.full(item.shape, 255)
        kinds[area.box.slices] = area.class_overrides
        np.testing.assert_array_equal(kinds, said.classes)
        known = np.zeros(item.shape, bool)
        known[area.box.slices] = area.annotated
        np.testing.assert_array_equal(known, said.background)
        np.testing.assert_array_equal(found.trust(item.id, whole), said.trust)
        part = Box((3, 40), (20, 31))
        np.testing.assert_array_equal(
            found.trust(item.id, part), said.trust[part.slices]
        )
        told = {image.image_id for image in found.unlabelled if image.trust}
        assert told == {item.id}
    assert not training_set(project).trust(item.id, whole).any()


def test_inputs_written_before_there_were_overrides_are_read(project: Project) -> None:
    run = RunFolder.create(project.folder, "actis")
    save_inputs(run, take_snapshot(project))
    path = run.inputs / "inputs.json"
    content = json.loads(path.read_text())
    for tile in content["tiles"]:
        del tile["class_overrides"]
    path.write_text(json.dumps({**content, "schema_version": 1}))
    found = load_inputs(run, project)
    assert [tile.class_overrides for tile in found.labelled] == [None, None]


def test_resuming_without_inputs_or_image_is_a_sentence(
    project: Project, tmp_path: Path
) -> None:
    run = RunFolder.create(project.folder, "actis")
    with pytest.raises(SemisegError, match="no inputs"):
        load_inputs(run, project)
    save_inputs(run, take_snapshot(project))
    other = make_project(tmp_path / "other", {}, n_images=1)
    with pytest.raises(SemisegError, match="no longer in the project"):
        load_inputs(run, other)
