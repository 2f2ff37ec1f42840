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
from napari_semiseg.project.corrections import CorrectionStore, ObjectRecord
from napari_semiseg.project.owners import Owner
from napari_semiseg.project.project import Project
from napari_semiseg.project.tile_files import tile_name, write_layers
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

    from napari_semiseg.project.records import ImageItem, TileState

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


@pytest.mark.parametrize("state", ["training", "validation"])
def test_image_that_tiles_cover_is_not_unlabelled(
    tmp_path: Path, state: TileState
) -> None:
    halves: list[tuple[Box, TileState]]
    nearly: list[tuple[Box, TileState]]
    halves = [(Box((0, 0), (96, 60)), state), (Box((0, 60), (96, 52)), "training")]
    nearly = [(Box((0, 0), (96, 111)), "training"), (Box((0, 111), (96, 1)), "to do")]
    tiles = {0: halves, 1: nearly}
    covered = make_project(tmp_path / "covered", tiles)
    found = take_snapshot(covered)
    names = [covered.image(one.image_id).name for one in found.training_set.unlabelled]
    assert names == ["cells1.tif", "cells2.tif"]
    assert len(found.hashes) == 3


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
        for part in (whole, Box((3, 40), (20, 31))):
            told = found.told(item.id, part)
            np.testing.assert_array_equal(told.trust, said.trust[part.slices])
            np.testing.assert_array_equal(
                told.class_overrides, said.classes[part.slices]
            )
            np.testing.assert_array_equal(told.annotated, said.background[part.slices])
        images = {image.image_id for image in found.unlabelled if image.corrections}
        assert item.id in images
    assert training_set(project).told(item.id, whole).empty


def decided(project: Project, item: ImageItem) -> Corrections:
    """An accepted object, one drawn up to a tile, ignored ground, and trust."""
    whole = Box.whole(item.shape)
    said = Corrections.unset(whole)
    for number, place, owner in (
        (1, np.s_[60:70, 2:12], Owner.ACCEPTED),
        (2, np.s_[46:54, 20:30], Owner.HUMAN),
        (-1, np.s_[60:70, 14:18], Owner.IGNORED),
    ):
        said.instances[place], said.owners[place] = number, owner
    said.classes[72, 2:12], said.classes[65, 15] = 2, 1
    said.trust[:, 30:34] = Trust.NOT_TRUSTED
    records = {
        1: ObjectRecord(owner=Owner.ACCEPTED, box=Box((60, 2), (10, 10))),
        2: ObjectRecord(owner=Owner.HUMAN, box=Box((46, 20), (8, 10))),
    }
    CorrectionStore(project).write(item, whole, said, records)
    return said


def test_all_that_a_person_owns_is_told_of_images_that_count_as_unlabelled(
    project: Project,
) -> None:
    item = project.image("cells0.tif")
    whole = Box.whole(item.shape)
    tiles = AnnotationStore(project)
    drawn = tiles.load(item, TRAIN)
    one = int(drawn.instances.max())
    tiles.save(item, TRAIN, drawn, accepted=[one])
    said = decided(project, item)
    run = RunFolder.create(project.folder, "actis")
    save_inputs(run, take_snapshot(project))
    CorrectionStore(project).write(item, whole, Corrections.unset(whole), {})

    told = load_inputs(run, project).told(item.id, whole)

    # Corrections: what is drawn over by a tile is the tile's.
    np.testing.assert_array_equal(told.instances == 1, said.instances == 1)
    assert (told.instances == 2).sum() == 6 * 10
    assert told.annotated[60:70, 2:12].all()
    assert not told.annotated[48, 20:30].any()  # Beside the tile: does it go on?
    assert told.annotated[49:54, 20:30].all()
    assert (told.instances[60:70, 14:18] == -1).all()
    assert not told.annotated[60:70, 14:18].any()
    assert (told.class_overrides[72, 2:12] == 2).all()
    assert told.class_overrides[65, 15] == 255  # Ignored.
    assert (told.trust[60:, 30:34] == Trust.NOT_TRUSTED).all()
    # The training tile, with ids of its own, and its cut edges unknown.
    here = told.instances[TRAIN.slices]
    np.testing.assert_array_equal(here > 0, drawn.instances > 0)
    assert here[here > 0].min() > 2
    area = training_set(project).training[0]
    np.testing.assert_array_equal(told.annotated[TRAIN.slices], area.annotated)
    # The validation tile tells nothing.
    assert not told.annotated[JUDGE.slices][8:].any()
    # What was accepted, in a tile or outside.
    expected = said.instances == 1
    expected[TRAIN.slices] |= drawn.instances == one
    np.testing.assert_array_equal(told.accepted, expected)


def test_accepted_pixels_of_labelled_areas_come_back(project: Project) -> None:
    item = project.image("cells2.tif")
    decided(project, item)
    run = RunFolder.create(project.folder, "actis")
    save_inputs(run, take_snapshot(project))
    (area,) = [t for t in load_inputs(run, project).labelled if t.image_id == item.id]
    np.testing.assert_array_equal(area.accepted, area.instances == 1)
    assert area.accepted.any()


def test_runs_that_kept_trust_alone_are_resumed_with_it(project: Project) -> None:
    run = RunFolder.create(project.folder, "actis")
    save_inputs(run, take_snapshot(project))
    item, box = project.image("cells2.tif"), Box((8, 0), (16, 20))
    folder = run.inputs / "trust" / item.id
    folder.mkdir(parents=True)
    trust = np.full(box.size, Trust.TRUSTED, np.uint8)
    write_layers(folder / tile_name("trust", box), [trust])
    told = load_inputs(run, project).told(item.id, Box.whole(item.shape))
    expected = np.zeros(item.shape)
    expected[box.slices] = Trust.TRUSTED
    np.testing.assert_array_equal(told.trust, expected)
    assert not told.annotated.any()


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
