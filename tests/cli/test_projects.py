from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from napari_semiseg.geometry import Box
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Done


def test_init_makes_a_project_then_adds_images(
    cli: Callable[..., Done], pictures: Path
) -> None:
    images = pictures / "images"
    folder = pictures / "project"
    done = cli("init", folder, images / "cells0.tif", "--classes", "nucleus, debris")
    assert done.code == 0
    assert "cells0.tif: 1 channel, 64 x 80" in done.out
    assert "Made the project" in done.out
    again = cli("init", folder, images, "--role", "test", "--json")
    found = json.loads(again.out)
    assert found["created"] is False
    assert [one["path"] for one in found["added"]] == ["../images/cells1.tif"]
    project = Project.open(folder)
    assert project.classes == ("nucleus", "debris")
    assert [item.role for item in project.images] == ["pool", "test"]


def test_init_finds_images_that_have_moved(
    cli: Callable[..., Done], pictures: Path
) -> None:
    folder = pictures / "project"
    cli("init", folder, pictures / "images")
    n_images = len(Project.open(folder).images)
    (pictures / "images").rename(pictures / "elsewhere")
    (pictures / "empty").mkdir()
    done = cli("init", folder, pictures / "empty")
    assert "Missing: cells0.tif" in done.err

    done = cli("init", folder, pictures / "elsewhere")

    assert f"Found {n_images} image(s)" in done.err
    assert "Missing" not in done.err
    assert done.code == 0
    project = Project.open(folder)
    assert len(project.images) == n_images
    assert not project.missing()


def test_axes_and_channels_are_stated(
    cli: Callable[..., Done], pictures: Path, tmp_path: Path
) -> None:
    stack = np.random.default_rng(0).integers(0, 9, (3, 20, 24), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "stack.tif", stack, photometric="minisblack")
    done = cli("init", tmp_path / "a", tmp_path / "stack.tif")
    assert done.code == 1
    assert "state its axes" in done.err
    assert "No image was added." in done.err
    done = cli("init", tmp_path / "b", tmp_path / "stack.tif", "--axes", "TYX")
    assert "3 frames, 20 x 24" in done.out
    done = cli(
        "init", tmp_path / "c", tmp_path / "stack.tif", "--axes", "CYX",
        "--channels", "0,2",
    )  # fmt: skip
    assert done.code == 0
    assert Project.open(tmp_path / "c").images[0].channels == (0, 2)
    assert cli("init", "c", "i", "--channels", "a").code == 2


def test_other_tasks_and_classes_are_refused(
    refused: Callable[..., str], project: Path, pictures: Path
) -> None:
    images = pictures / "images"
    words = refused("init", project, images, "--task", "semantic")
    assert "a project of task instances already" in words
    words = refused("init", project, images, "--classes", "a,b")
    assert "has the classes object already" in words


def test_label_takes_tiles_and_whole_images(
    cli: Callable[..., Done], project: Path, pictures: Path
) -> None:
    labels = pictures / "labels" / "cells1.tif"
    done = cli(
        "label", project, "cells1", labels, "--tile", "0,0,30,40", "--tile",
        "30,40,30,40", "--role", "validation", "--json",
    )  # fmt: skip
    found = json.loads(done.out)
    assert found["tiles"] == [[0, 0, 30, 40], [30, 40, 30, 40]]
    opened = Project.open(project)
    store = AnnotationStore(opened)
    states = [tile.state for tile in store.tiles(opened.image("cells1"))]
    assert states == ["validation", "validation"]
    store.remove_tile(opened.image("cells0"), Box((0, 0), (64, 64)))
    done = cli("label", project, "cells0.tif", pictures / "labels" / "cells0.tif")
    assert "training: 12 object(s) in 1 tile(s)." in done.out


def test_label_of_a_frame(
    cli: Callable[..., Done], refused: Callable[..., str], tmp_path: Path
) -> None:
    stack = np.random.default_rng(0).integers(0, 9, (3, 20, 24), dtype=np.uint8)
    labels = np.zeros((3, 20, 24), np.uint8)
    labels[1, 3:8, 3:8] = 1
    tifffile.imwrite(tmp_path / "s.tif", stack, photometric="minisblack")
    tifffile.imwrite(tmp_path / "l.tif", labels, photometric="minisblack")
    cli("init", tmp_path / "p", tmp_path / "s.tif", "--axes", "TYX")
    assert "has 3 frames" in refused("label", tmp_path / "p", "s", tmp_path / "l.tif")
    done = cli("label", tmp_path / "p", "s", tmp_path / "l.tif", "--frame", 1)
    assert "1 object(s)" in done.out


def test_ids_in_pieces_are_reported_and_separated(
    cli: Callable[..., Done], project: Path, tmp_path: Path
) -> None:
    labels = np.zeros((64, 80), np.uint8)
    labels[2:8, 2:8] = labels[20:28, 20:28] = 5
    tifffile.imwrite(tmp_path / "l.tif", labels)
    done = cli("label", project, "cells1", tmp_path / "l.tif")
    assert "1 id(s) (5) cover several pieces" in done.out
    assert "--separate" in done.out
    done = cli("label", project, "cells1", tmp_path / "l.tif", "--separate")
    assert "2 object(s)" in done.out


@pytest.mark.parametrize(
    ("image", "tile", "words"),
    [
        ("cells9", "0,0,32,32", "Did you mean"),
        ("cells1", "50,50,32,32", "does not lie inside"),
        ("cells0", "32,32,32,32", "overlaps the tile"),
    ],
)
def test_labels_that_do_not_fit(
    refused: Callable[..., str],
    project: Path,
    pictures: Path,
    image: str,
    tile: str,
    words: str,
) -> None:
    labels = pictures / "labels" / "cells1.tif"
    assert words in refused("label", project, image, labels, "--tile", tile)
