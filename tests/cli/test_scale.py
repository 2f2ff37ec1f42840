from __future__ import annotations

import csv
import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from napari_semiseg import api
from napari_semiseg.geometry import Box
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Done


def test_suggested_tiles_are_listed_and_added(
    cli: Callable[..., Done], pictures: Path
) -> None:
    folder = pictures / "p"
    cli("init", folder, pictures / "images")
    done = cli("suggest", folder, "-n", 2, "--size", 32)
    assert done.code == 0
    assert "cells0.tif" in done.out
    assert "cells1.tif" in done.out
    project = Project.open(folder)
    store = AnnotationStore(project)
    assert not any(store.tiles(item) for item in project.images)
    done = cli("suggest", folder, "-n", 2, "--size", 32, "--add", "--json")
    found = json.loads(done.out)
    assert found["added"] is True
    for tile in found["tiles"]:
        y, x, height, width = tile["tile"]
        record = store.tile(
            project.image(tile["image_id"]), Box((y, x), (height, width))
        )
        assert (record.state, height, width) == ("to do", 32, 32)


def test_tiles_too_small_for_the_objects_bring_a_warning(
    cli: Callable[..., Done], project: Path
) -> None:
    done = cli("suggest", project, "--size", 16, "-n", 1)
    assert "more than half a tile of 16 px" in done.err
    assert "--reduce" in done.err


def test_the_scale_is_chosen_before_labelling(
    cli: Callable[..., Done], refused: Callable[..., str], pictures: Path
) -> None:
    folder = pictures / "p"
    assert cli("init", folder).code == 2
    cli("init", folder, pictures / "images")
    assert cli("init", folder, "--reduce", 2).code == 0
    assert {item.shape for item in Project.open(folder).images} == {(32, 40)}
    cli("label", folder, "cells0", pictures / "labels" / "cells0.tif")
    assert "tiles or corrections" in refused("init", folder, "--reduce", 3)


def test_labels_of_the_full_size_are_reduced(
    cli: Callable[..., Done], pictures: Path
) -> None:
    folder, path = pictures / "p", pictures / "labels" / "cells0.tif"
    labels = tifffile.imread(path)
    labels[-1, -1], labels[0, :40] = 99, 98
    tifffile.imwrite(path, labels)
    cli("init", folder, pictures / "images", "--reduce", 3)
    done = cli("label", folder, "cells0", path)
    assert "2 id(s) (98, 99) are too thin" in done.out
    project = Project.open(folder)
    item = project.image("cells0")
    found = AnnotationStore(project).load(item, Box((0, 0), (21, 26)))
    np.testing.assert_array_equal(found.instances, labels[1:63:3, 1:78:3])


def test_results_have_the_full_size(trained_once: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    shutil.copytree(trained_once, work)
    folder = work / "project"
    # The model stays in use, though it was trained at full scale.
    for made in ("annotations", "predictions"):
        shutil.rmtree(folder / made, ignore_errors=True)
    rng = np.random.default_rng(0)
    pixels = tifffile.imread(work / "images" / "cells0.tif")
    large = np.pad(pixels.repeat(3, 0).repeat(3, 1), ((0, 2), (0, 1)))
    noisy = (large + rng.integers(0, 20, large.shape)).astype(np.uint16)
    tifffile.imwrite(
        work / "images" / "large.tif",
        noisy,
        imagej=True,
        resolution=(4, 4),
        metadata={"unit": "um"},
    )
    project = Project.open(folder)
    project.set_reduction(3)
    api.init(folder, [work / "images" / "large.tif"])
    kinds = ("instances", "classes", "probability", "confidence")
    report = api.export(folder, tmp_path / "out", images=["large"], save=kinds)
    assert not report.skipped
    mask = tifffile.imread(tmp_path / "out" / "large.tif")
    assert mask.shape == large.shape == (194, 241)
    assert mask.max() > 3
    assert not mask[192:].any()
    assert not mask[:, 240:].any()
    blocks = mask[:192, :240].reshape(64, 3, 80, 3)
    assert (blocks == blocks[:, :1, :, :1]).all()
    classes = tifffile.imread(tmp_path / "out" / "classes" / "large.tif")
    probability = tifffile.imread(tmp_path / "out" / "probability" / "large.tif")
    confidence = tifffile.imread(tmp_path / "out" / "confidence" / "large.tif")
    assert classes.shape == confidence.shape == probability.shape[1:] == mask.shape
    with tifffile.TiffFile(tmp_path / "out" / "large.tif") as tiff:
        resolution = tiff.pages.first.tags["XResolution"].value
    assert resolution[0] / resolution[1] == 4
    text = (tmp_path / "out" / "large.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    n_pixels = np.count_nonzero(mask)
    assert sum(int(row["area"]) for row in rows) == n_pixels
    # A pixel of the file is 0.25 µm wide, whatever the scale.
    area = sum(float(row["area_um2"]) for row in rows)
    assert area == pytest.approx(n_pixels / 16, rel=1e-3)
    # A file that is not in the project is predicted at the project's scale too.
    shutil.copy(work / "images" / "large.tif", tmp_path / "new.tif")
    api.predict(folder, [tmp_path / "new.tif"], output=tmp_path / "other")
    found = tifffile.imread(tmp_path / "other" / "new.tif")
    np.testing.assert_array_equal(found > 0, mask > 0)
    # And both can be scored against a truth of full size.
    score = api.evaluate(tmp_path / "other" / "new.tif", tmp_path / "out" / "large.tif")
    assert score.total.mean["f1"] == 1.0
