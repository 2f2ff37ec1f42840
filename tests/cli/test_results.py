from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from napari_semiseg import api
from napari_semiseg.api.proposals import Proposals
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.corrections import CorrectionStore
from napari_semiseg.project.project import Project
from napari_semiseg.runs.folder import find_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Done


def test_predict_all_kinds_of_a_project(
    cli: Callable[..., Done], trained: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    kinds = "instances,classes,probability,confidence"
    done = cli("predict", trained, "-o", out, "--save", kinds, "--json")
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert [one["name"] for one in report["written"]] == ["cells0.tif", "cells1.tif"]
    found = tifffile.imread(out / "cells1.tif")
    assert (found.dtype, found.shape) == (np.uint16, (64, 80))
    assert found.max() >= 6
    assert tifffile.imread(out / "classes" / "cells1.tif").dtype == np.uint8
    probability = tifffile.imread(out / "probability" / "cells1.tif")
    np.testing.assert_allclose(probability.sum(axis=0), 1, atol=1e-5)
    confidence = tifffile.imread(out / "confidence" / "cells1.tif")
    np.testing.assert_array_equal(confidence, probability.max(axis=0))


def test_image_outside_a_project_is_normalised_alike(
    cli: Callable[..., Done], trained: Path, tmp_path: Path
) -> None:
    cli("predict", trained, "cells1", "-o", tmp_path / "a", "--save", "confidence")
    (tmp_path / "other").mkdir()
    copy = tmp_path / "other" / "copy.tif"
    copy.write_bytes((trained.parent / "images" / "cells1.tif").read_bytes())
    run = next((trained / "runs").iterdir())
    done = cli("predict", run, copy, "-o", tmp_path / "b", "--save", "confidence")
    assert done.code == 0, done.err
    inside = tifffile.imread(tmp_path / "a" / "confidence" / "cells1.tif")
    outside = tifffile.imread(tmp_path / "b" / "confidence" / "copy.tif")
    np.testing.assert_array_equal(inside, outside)


def test_equal_stems_get_their_folders_names(
    cli: Callable[..., Done], trained: Path, tmp_path: Path
) -> None:
    pixels = (trained.parent / "images" / "cells1.tif").read_bytes()
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.tif").write_bytes(pixels)
    files = [tmp_path / "one" / "x.tif", tmp_path / "two" / "x.tif"]
    assert cli("predict", trained, *files, "-o", tmp_path / "out").code == 0
    written = {path.name for path in (tmp_path / "out").glob("*.tif")}
    assert written == {"one_x.tif", "two_x.tif"}


def test_frames_get_a_file_each(
    cli: Callable[..., Done], trained: Path, tmp_path: Path
) -> None:
    image = tifffile.imread(trained.parent / "images" / "cells1.tif")
    tifffile.imwrite(tmp_path / "s.tif", np.stack([image, image]))
    done = cli(
        "predict", trained, tmp_path / "s.tif", "-o", tmp_path / "out", "--axes", "TYX"
    )
    assert done.code == 0, done.err
    written = {path.name for path in (tmp_path / "out").glob("*.tif")}
    assert written == {"s-t000.tif", "s-t001.tif"}


def test_bad_files_are_skipped_and_named(
    cli: Callable[..., Done], trained: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.tif").write_bytes(b"no image")
    colour = np.zeros((20, 20, 3), np.uint8)
    tifffile.imwrite(tmp_path / "colour.tif", colour, photometric="rgb")
    bad = [tmp_path / "bad.tif", tmp_path / "colour.tif"]
    done = cli("predict", trained, "cells0", *bad, "-o", tmp_path / "out")
    assert done.code == 0
    assert "Skipped bad.tif" in done.err
    assert "trained on images of 1 channel(s), but this one has 3" in done.err
    assert "1 image(s)" in done.out
    assert "2 skipped" in done.out
    done = cli("predict", trained, *bad, "-o", tmp_path / "out")
    assert done.code == 1
    assert "No image could be written" in done.err


def test_other_pixel_sizes_warn_or_are_followed(
    cli: Callable[..., Done], trained: Path, tmp_path: Path
) -> None:
    run = next((trained / "runs").iterdir())
    card = json.loads((run / "model" / "model.json").read_text())
    card |= {"pixel_size": [0.5, 0.5], "pixel_unit": "µm"}
    (run / "model" / "model.json").write_text(json.dumps(card))
    image = tifffile.imread(trained.parent / "images" / "cells1.tif")
    tifffile.imwrite(
        tmp_path / "fine.tif",
        image.repeat(2, axis=0).repeat(2, axis=1),
        imagej=True,
        resolution=(4, 4),
        metadata={"axes": "YX", "unit": "um"},
    )
    done = cli("predict", trained, tmp_path / "fine.tif", "-o", tmp_path / "a")
    assert "--rescale" in done.err
    done = cli(
        "predict", trained, tmp_path / "fine.tif", "-o", tmp_path / "b", "--rescale"
    )
    assert "--rescale" not in done.err
    assert tifffile.imread(tmp_path / "b" / "fine.tif").shape == (128, 160)


def test_predict_needs_a_model(
    refused: Callable[..., str], project: Path, tmp_path: Path
) -> None:
    assert "has no model yet" in refused("predict", project, "-o", tmp_path)
    assert "is not a project" in refused("predict", tmp_path, "-o", tmp_path)
    assert "has no model yet" in refused("export", project, "-o", tmp_path)
    words = refused("predict", project, "-o", tmp_path, "--save", "masks")
    assert "choose among instances" in words


def test_a_model_that_was_not_accepted_is_named(
    refused: Callable[..., str], trained: Path, tmp_path: Path
) -> None:
    run = find_run(trained)
    run.update(accepted=False, verdict="Its foreground collapsed.")
    words = refused("export", trained, "-o", tmp_path)
    assert f"That of {run.id} is not: Its foreground collapsed." in words


def test_export_puts_own_objects_on_top(
    cli: Callable[..., Done], trained: Path, tmp_path: Path
) -> None:
    done = cli("export", trained, "-o", tmp_path / "out")
    assert done.code == 0, done.err
    found = tifffile.imread(tmp_path / "out" / "cells0.tif")
    labels = tifffile.imread(trained.parent / "labels" / "cells0.tif")
    ours, theirs = found[:, :64], labels[:, :64]
    np.testing.assert_array_equal(ours > 0, theirs > 0)
    pairs = {(int(a), int(b)) for a, b in zip(ours.flat, theirs.flat, strict=True)}
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
    sidecar = json.loads((tmp_path / "out" / "cells0.json").read_text())
    assert sidecar["options"]["consecutive"] is False
    with (tmp_path / "out" / "cells0.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {int(row["label"]) for row in rows} == set(np.unique(found)) - {0}
    assert float(rows[0]["mean_intensity_0"]) > 2000


def test_model_objects_keep_the_ids_of_the_predicted_file(
    cli: Callable[..., Done], trained: Path, tmp_path: Path
) -> None:
    cli("predict", trained, "-o", tmp_path / "a")
    cli("export", trained, "-o", tmp_path / "b")
    for name in ("cells0.tif", "cells1.tif"):
        predicted = tifffile.imread(tmp_path / "a" / name)
        exported = tifffile.imread(tmp_path / "b" / name)
        kept = (exported > 0) & (exported <= predicted.max())
        np.testing.assert_array_equal(exported[kept], predicted[kept])
    np.testing.assert_array_equal(exported, predicted)


@pytest.mark.parametrize("verb", ["export", "predict"])
def test_results_never_replace_images(
    refused: Callable[..., str], trained: Path, verb: str
) -> None:
    image = Project.open(trained).images[0]
    path = (trained / image.path).resolve()
    before = path.read_bytes()

    words = refused(verb, trained, "-o", path.parent)

    assert f"would replace the image of that name in {path.parent}" in words
    assert path.read_bytes() == before


def test_export_options(
    cli: Callable[..., Done], refused: Callable[..., str], trained: Path, tmp_path: Path
) -> None:
    done = cli(
        "export", trained, "-o", tmp_path, "--images", "cells1", "--consecutive",
        "--min-area", "100", "--max-area", "120", "--drop-border", "--fill-holes",
        "--no-measurements", "--save", "instances,classes",
    )  # fmt: skip
    assert done.code == 0, done.err
    sidecar = json.loads((tmp_path / "cells1.json").read_text())
    assert sidecar["options"] == {
        "consecutive": True,
        "drop_border": True,
        "fill_holes": True,
        "max_area": 120,
        "min_area": 100,
    }
    assert (tmp_path / "classes" / "cells1.tif").is_file()
    assert not list(tmp_path.glob("*.csv"))
    assert not (tmp_path / "cells0.tif").exists()
    words = refused("export", trained, "-o", tmp_path, "--images", "cels1")
    assert "Did you mean" in words


def test_predictions_are_kept_until_the_model_or_image_changes(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project.open(trained)
    item = project.image("cells1")
    first = Proposals(project).instances(item)

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("predicted again")

    monkeypatch.setattr(Proposals, "predict", fail)
    np.testing.assert_array_equal(Proposals(project).instances(item), first)
    card = next((trained / "runs").iterdir()) / "model" / "model.json"
    card.write_text(card.read_text().replace('"min_size": 4', '"min_size": 5'))
    with pytest.raises(AssertionError, match="predicted again"):
        Proposals(project).instances(item)


def test_object_on_the_edge_of_a_tile_stays_one(trained: Path) -> None:
    from napari_semiseg.api.merging import with_own_objects

    project = Project.open(trained)
    item = project.image("cells0")
    proposed = np.zeros(item.shape, np.int32)
    proposed[42:50, 58:70] = 3  # The tile ends at x = 64, in the middle of an object.
    proposed[2:6, 70:76] = 1
    own = tifffile.imread(trained.parent / "labels" / "cells0.tif")[:, :64]
    merged = with_own_objects(project, item, proposed)
    on_edge = int(merged[45, 63])
    if own[45, 63] > 0:
        assert on_edge > 3
        assert (merged[42:50, 64:70] == on_edge).all()
    assert (merged[2:6, 70:76] == 1).all()


def test_accept_a_tile_and_objects(
    cli: Callable[..., Done], refused: Callable[..., str], trained: Path, tmp_path: Path
) -> None:
    done = cli("accept", trained, "cells1", "--tile", "0,0,32,40")
    assert done.code == 0, done.err
    assert "accepted a training tile of" in done.out
    project = Project.open(trained)
    item = project.image("cells1")
    (tile,) = AnnotationStore(project).tiles(item)
    assert (tile.state, tile.box.size) == ("training", (32, 40))
    cli("predict", trained, "cells1", "-o", tmp_path)
    found = tifffile.imread(tmp_path / "cells1.tif")
    wanted = int(found[50, 68:].max())
    assert wanted
    done = cli("accept", trained, "cells1", "--object", wanted, "--object", 999)
    assert "accepted 1 object(s)" in done.out
    assert "There is no object 999." in done.err
    (record,) = CorrectionStore(project).objects(item).values()
    ys, xs = np.nonzero(found == wanted)
    assert record.box.origin == (ys.min(), xs.min())
    again = refused("accept", trained, "cells1", "--object", wanted)
    assert "No object was accepted." in again
    assert "does not lie inside" in refused(
        "accept", trained, "cells1", "--tile", "60,60,32,32"
    )
    words = refused(
        "accept", trained, "cells1", "--tile", "0,0,8,8", "--object", wanted
    )
    assert "not both" in words


def test_accepted_objects_are_exported(trained: Path, tmp_path: Path) -> None:
    project = Project.open(trained)
    item = project.image("cells1")
    proposed = np.zeros(item.shape, np.int32)
    proposed[2:10, 60:70] = 7
    from napari_semiseg.project.accepting import accept_objects

    accept_objects(project, item, proposed, [7])
    api.export(trained, tmp_path, images=["cells1"])
    found = tifffile.imread(tmp_path / "cells1.tif")
    assert len(np.unique(found[2:10, 60:70])) == 1
    assert found[2, 60] == found.max()


def masks(folder: Path, **arrays: Any) -> Path:
    folder.mkdir()
    for name, array in arrays.items():
        tifffile.imwrite(folder / f"{name}.tif", array)
    return folder


def test_evaluate_prints_and_writes_scores(
    cli: Callable[..., Done], tmp_path: Path
) -> None:
    truth = np.zeros((20, 20), np.int16)
    truth[2:6, 2:6], truth[10:14, 10:14] = 1, 2
    merged = np.zeros((20, 20), np.uint16)
    merged[2:14, 2:14] = 9
    predicted = masks(tmp_path / "p", a=truth.astype(np.uint8), b=merged, c=merged)
    true = masks(tmp_path / "t", a=truth, b=truth, d=truth)
    done = cli("evaluate", predicted, true, "--json", tmp_path / "scores.json")
    assert done.code == 0, done.err
    assert "No truth for c.tif." in done.err
    assert "No prediction for d.tif." in done.err
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["images"]["a"]["ap_actis"] == 1
    assert (
        scores["images"]["b"]
        | {
            "false_merges": 1,
            "missed": 0,
            "tp": 0,
            "fp": 1,
            "fn": 2,
        }
        == (scores["images"]["b"])
    )
    assert scores["mean"]["precision"] == 0.5
    assert scores["pooled"]["tp"] == 2
    assert scores["without_truth"] == ["c.tif"]
    for word in ("merges", "splits", "missed", "spurious", "all objects together"):
        assert word in done.out
    assert json.loads(cli("evaluate", predicted, true, "--json", "-").out) == scores


def test_evaluate_refuses_what_cannot_be_compared(
    cli: Callable[..., Done], refused: Callable[..., str], tmp_path: Path
) -> None:
    small, large = np.ones((8, 8), np.uint8), np.ones((9, 9), np.uint8)
    predicted = masks(tmp_path / "p", a=small, b=small)
    true = masks(tmp_path / "t", a=large, b=small)
    done = cli("evaluate", predicted, true)
    assert done.code == 0
    assert "Skipped a: a.tif is 8 x 8" in done.err
    one = refused("evaluate", predicted / "a.tif", true / "a.tif")
    assert "No mask could be compared" in one
    other = masks(tmp_path / "o", z=small)
    assert "has the stem of" in refused("evaluate", predicted, other)
    assert "does not exist" in refused("evaluate", tmp_path / "none", true)
