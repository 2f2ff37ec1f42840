"""Who owns the pixels: exported beside the masks, and given back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import tifffile

from napari_semiseg import api
from napari_semiseg.api.proposals import Proposals
from napari_semiseg.geometry import Box
from napari_semiseg.project.accepting import accept_tile
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.correction_planes import Corrections
from napari_semiseg.project.corrections import CorrectionStore, ObjectRecord
from napari_semiseg.project.owners import Owner
from napari_semiseg.project.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Done
    from napari_semiseg.project.records import ImageItem


def owned(trained: Path) -> tuple[Project, ImageItem]:
    """An image with an accepted tile, and something of every owner beside it."""
    project = Project.open(trained)
    item = project.image("cells1")
    box = Box((0, 0), (32, 40))
    proposed = Proposals(project).instances(item)
    accept_tile(project, item, box, proposed[box.slices])
    whole = Box.whole(item.shape)
    said = Corrections.unset(whole)
    said.instances[40:48, 44:54], said.owners[40:48, 44:54] = 1, Owner.HUMAN
    said.instances[40:48, 58:68], said.owners[40:48, 58:68] = 2, Owner.ACCEPTED
    said.owners[52:56, 44:54] = Owner.HUMAN  # Erased.
    said.instances[58:62, 44:54], said.owners[58:62, 44:54] = -1, Owner.IGNORED
    records = {
        1: ObjectRecord(owner=Owner.HUMAN, box=Box((40, 44), (8, 10))),
        2: ObjectRecord(owner=Owner.ACCEPTED, box=Box((40, 58), (8, 10))),
    }
    CorrectionStore(project).write(item, whole, said, records)
    return project, item


def test_owners_are_written_beside_the_mask(
    cli: Callable[..., Done], refused: Callable[..., str], trained: Path, tmp_path: Path
) -> None:
    project, item = owned(trained)
    tile = AnnotationStore(project).tiles(item)[0]
    drawn = AnnotationStore(project).load(item, tile.box).instances
    assert set(tile.accepted) == set(np.unique(drawn[drawn > 0]))
    done = cli("export", trained, "-o", tmp_path / "out", "--save", "instances,owners")
    assert done.code == 0, done.err

    path = tmp_path / "out" / "cells1_owners.tif"
    owners, mask = tifffile.imread(path), tifffile.imread(tmp_path / "out/cells1.tif")
    assert owners.dtype == np.uint8
    assert owners.shape == mask.shape == item.full_shape
    with (
        tifffile.TiffFile(path) as one,
        tifffile.TiffFile(path.parent / "cells1.tif") as two,
    ):
        assert one.is_imagej
        assert one.imagej_metadata.get("unit") == two.imagej_metadata.get("unit")
        for tag in ("XResolution", "YResolution"):
            assert one.pages[0].tags[tag].value == two.pages[0].tags[tag].value
    assert (owners[40:48, 44:54] == Owner.HUMAN).all()
    assert (owners[40:48, 58:68] == Owner.ACCEPTED).all()
    assert (owners[52:56, 44:54] == Owner.HUMAN).all()
    assert (owners[58:62, 44:54] == Owner.IGNORED).all()
    here = owners[tile.box.slices]
    np.testing.assert_array_equal(here == Owner.ACCEPTED, drawn > 0)
    assert (here[drawn == 0] == Owner.HUMAN).all()
    nobodys = ~np.isin(owners, [Owner.HUMAN, Owner.ACCEPTED, Owner.IGNORED])
    np.testing.assert_array_equal(owners[nobodys] == Owner.TEACHER, mask[nobodys] > 0)
    assert (owners == Owner.TEACHER).any()
    assert not (owners[mask > 0] == Owner.NOBODY).any()
    assert not (path.parent / "owners").exists()

    words = refused("predict", trained, "-o", tmp_path / "p", "--save", "owners")
    assert "export" in words


def test_objects_left_out_of_the_mask_have_no_owner(
    trained: Path, tmp_path: Path
) -> None:
    owned(trained)
    options = api.ObjectOptions(drop_border=True, min_area=90)
    report = api.export(
        trained, tmp_path, images=["cells1"], save="instances,owners", options=options
    )
    owners = tifffile.imread(tmp_path / "cells1_owners.tif")
    mask = tifffile.imread(tmp_path / "cells1.tif")
    assert not (owners[mask == 0] == Owner.TEACHER).any()
    assert (owners[40:48, 44:54] == Owner.HUMAN).all()  # Though it is too small.
    assert not mask[40:48, 44:54].any()
    assert tmp_path / "cells1_owners.tif" in report.written[0].files


def test_objects_that_gave_way_are_counted(
    cli: Callable[..., Done], trained: Path, tmp_path: Path
) -> None:
    project = Project.open(trained)
    item = project.image("cells1")
    proposed = Proposals(project).instances(item)
    number = int(proposed[proposed > 0][-1])
    rows, columns = np.nonzero(proposed == number)
    said = Corrections.unset(Box.whole(item.shape))
    half = (proposed == number) & (np.indices(item.shape)[0] <= np.median(rows))
    said.owners[half] = Owner.HUMAN
    CorrectionStore(project).write(item, Box.whole(item.shape), said, {})

    report = api.export(project, tmp_path, images=["cells1"])
    (conflict,) = report.written[0].conflicts
    assert (conflict.teacher_id, conflict.human_ids) == (number, ())
    assert report.n_conflicts == 1
    found = json.loads(json.dumps(report.as_dict()))["written"][0]["conflicts"]
    assert found[0]["box"]["origin"] == [rows.min(), columns.min()]
    done = cli("export", trained, "-o", tmp_path)
    assert "1 object(s) of the model gave way to yours." in done.out

    project.update_settings(overlap=0.95)
    kept = api.export(project, tmp_path, images=["cells1"])
    assert not kept.n_conflicts
    mask = tifffile.imread(tmp_path / "cells1.tif")
    assert mask[rows.max(), columns[rows.argmax()]] > 0


# -- giving back ----------------------------------------------------------------------


def test_giving_back_by_object_by_tile_and_all_of_an_image(
    cli: Callable[..., Done], refused: Callable[..., str], trained: Path
) -> None:
    project, item = owned(trained)
    store, whole = CorrectionStore(project), Box.whole(item.shape)
    assert "none of yours" in refused("give-back", trained, "cells1", "--object", 7)
    words = refused("give-back", trained, "cells1", "--tile", "0,0,9,9", "--object", 1)
    assert "not both" in words

    done = cli("give-back", trained, "cells1", "--object", "1")
    assert done.out.strip() == "cells1: gave back 80 pixel(s) and 1 object(s) (1)."
    assert set(store.objects(item)) == {2}
    assert store.read(item, whole).background.sum() == 40

    done = cli("give-back", trained, "cells1", "--tile", "52,44,4,5", "--json")
    (found,) = json.loads(done.out)
    assert (found["n_pixels"], found["tile"], found["n_tiles"]) == (20, None, 0)
    assert store.read(item, whole).background.sum() == 20

    done = cli("give-back", trained, "cells1")
    assert "140 pixel(s)" in done.out
    assert "1 tile(s) keep their labels" in done.out
    assert not store.read(item, whole).claimed.any()
    assert len(AnnotationStore(project).tiles(item)) == 1

    done = cli("give-back", trained, "cells1", "--tile", "0,0,32,40")
    assert "the tile 0,0,32,40 with its labels" in done.out
    assert not AnnotationStore(project).tiles(item)
    tile_files = (trained / "annotations" / item.id).glob("tile_*.tif")
    assert not list(tile_files)
