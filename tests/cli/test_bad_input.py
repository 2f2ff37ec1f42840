"""Every bad input that users are known to have, from the command to the sentence."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from napari_semiseg import api, files
from napari_semiseg.api.proposals import Proposals
from napari_semiseg.geometry import Box
from napari_semiseg.project.annotations import AnnotationStore
from napari_semiseg.project.project import Project
from napari_semiseg.runs.folder import find_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Done

RNG = np.random.default_rng(0)


def train_options(project: Path, steps: int = 1) -> tuple[object, ...]:
    settings = project.parent / "small.toml"
    return (
        *("train", project, "--method", "supervised", "--steps", steps),
        *("--settings", settings, "--device", "cpu", "--threads", 1),
    )


# -- labels ---------------------------------------------------------------------------


def test_no_tile(refused: Callable[..., str], project: Path) -> None:
    opened = Project.open(project)
    AnnotationStore(opened).remove_tile(opened.image("cells0"), Box((0, 0), (64, 64)))
    assert "No tile is labelled yet" in refused(*train_options(project))


def test_all_tiles_validation(refused: Callable[..., str], project: Path) -> None:
    opened = Project.open(project)
    store = AnnotationStore(opened)
    store.set_state(opened.image("cells0"), Box((0, 0), (64, 64)), "validation")
    assert "validation" in refused(*train_options(project))


def test_one_tile_without_an_object(
    cli: Callable[..., Done], project: Path, tmp_path: Path
) -> None:
    opened = Project.open(project)
    AnnotationStore(opened).remove_tile(opened.image("cells0"), Box((0, 0), (64, 64)))
    tifffile.imwrite(tmp_path / "empty.tif", np.zeros((64, 80), np.uint8))
    done = cli("label", project, "cells0", tmp_path / "empty.tif")
    assert "0 object(s) in 1 tile(s)." in done.out
    done = cli(*train_options(project))
    assert done.code == 0, done.err
    assert find_run(project).record().state == "finished"


@pytest.mark.parametrize(
    ("change", "n_objects"),
    [
        (lambda labels: labels.astype(np.int32) * 1000, 12),
        (lambda labels: np.where(labels == 3, -7, labels.astype(np.int16)), 11),
        (lambda labels: labels.astype(np.float32), 12),
    ],
    ids=["gaps", "negative", "floats"],
)
def test_odd_labels_are_taken(
    cli: Callable[..., Done], project: Path, change: Any, n_objects: int
) -> None:
    labels = tifffile.imread(project.parent / "labels" / "cells1.tif")
    tifffile.imwrite(project.parent / "odd.tif", change(labels))
    done = cli("label", project, "cells1", project.parent / "odd.tif")
    assert done.code == 0, done.err
    assert f"{n_objects} object(s)" in done.out


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.full((64, 80), 0.5, np.float32), "fractions"),
        (np.full((64, 80), np.nan, np.float32), "fractions"),
        (np.zeros((64, 79), np.uint8), "64 x 79 and its image is 64 x 80"),
        (np.zeros((64, 80, 3), np.uint8), "colour picture"),
        (np.full((64, 80), 2**31, np.uint32), "renumber"),
    ],
)
def test_wrong_labels_are_refused(
    refused: Callable[..., str], project: Path, labels: Any, words: str
) -> None:
    kind = "rgb" if labels.ndim == 3 else "minisblack"
    tifffile.imwrite(project.parent / "bad.tif", labels, photometric=kind)
    sentence = refused("label", project, "cells1", project.parent / "bad.tif")
    assert words in sentence
    opened = Project.open(project)
    assert not AnnotationStore(opened).tiles(opened.image("cells1"))


def test_70_000_objects(
    cli: Callable[..., Done],
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels = np.zeros((800, 800), np.int32)
    labels[:795:3, :795:3] = np.arange(1, 265 * 265 + 1).reshape(265, 265)
    image = RNG.integers(0, 99, labels.shape, dtype=np.uint16)
    tifffile.imwrite(tmp_path / "many.tif", image)
    tifffile.imwrite(tmp_path / "many_labels.tif", labels)
    cli("init", trained, tmp_path / "many.tif")
    done = cli("label", trained, "many", tmp_path / "many_labels.tif")
    assert "70225 object(s)" in done.out

    def nothing(self: Proposals, item: Any, *_: object) -> Any:
        return np.zeros(item.shape, np.int32), {}

    monkeypatch.setattr(Proposals, "objects", nothing)
    done = cli(
        "export", trained, "--images", "many", "-o", tmp_path / "out",
        "--no-measurements",
    )  # fmt: skip
    assert done.code == 0, done.err
    found = tifffile.imread(tmp_path / "out" / "many.tif")
    assert found.dtype == np.uint32
    np.testing.assert_array_equal(found, labels)


# -- images ---------------------------------------------------------------------------


ODD_IMAGES = {
    "constant": np.full((40, 50), 7, np.uint16),
    "finite_or_not": np.where(
        RNG.random((40, 50)) < 0.1, np.nan, RNG.random((40, 50)).astype(np.float32)
    ).astype(np.float32),
    "one_pixel": np.full((1, 1), 3, np.uint8),
    "strip": RNG.integers(0, 255, (17, 300), dtype=np.uint8),
    "float64": RNG.integers(0, 65535, (40, 50)).astype(np.float64),
}
ODD_IMAGES["finite_or_not"][0, :3] = np.inf, -np.inf, np.nan


@pytest.mark.parametrize("name", ODD_IMAGES)
def test_odd_images_are_taken_and_predicted(
    cli: Callable[..., Done], trained: Path, tmp_path: Path, name: str
) -> None:
    image = ODD_IMAGES[name]
    tifffile.imwrite(tmp_path / f"{name}.tif", image)
    done = cli("init", trained, tmp_path / f"{name}.tif", "--axes", "YX")
    assert done.code == 0, done.err
    done = cli(
        "predict", trained, name, "-o", tmp_path / "out", "--save",
        "instances,confidence",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert tifffile.imread(tmp_path / "out" / f"{name}.tif").shape == image.shape
    confidence = tifffile.imread(tmp_path / "out" / "confidence" / f"{name}.tif")
    assert np.isfinite(confidence).all()
    assert cli("export", trained, "--images", name, "-o", tmp_path / "x").code == 0


def test_training_with_odd_images_in_the_pool(
    cli: Callable[..., Done], project: Path, tmp_path: Path
) -> None:
    for name, image in ODD_IMAGES.items():
        tifffile.imwrite(tmp_path / f"{name}.tif", image)
    files_ = [tmp_path / f"{name}.tif" for name in ODD_IMAGES]
    assert cli("init", project, *files_, "--axes", "YX").code == 0
    done = cli(
        "train", project, "--steps", 4, "--settings", project.parent / "actis.toml",
        "--device", "cpu", "--threads", 1,
    )  # fmt: skip
    assert done.code == 0, done.err


def test_rgba_loses_its_transparency_and_says_so(
    cli: Callable[..., Done], tmp_path: Path
) -> None:
    image = RNG.integers(0, 255, (20, 30, 4), dtype=np.uint8)
    tifffile.imwrite(
        tmp_path / "rgba.tif", image, photometric="rgb", extrasamples=["unassalpha"]
    )
    done = cli("init", tmp_path / "p", tmp_path / "rgba.tif")
    assert done.code == 0, done.err
    assert "transparency left out" in done.out
    assert Project.open(tmp_path / "p").images[0].n_channels == 3


def test_five_axes_are_refused(cli: Callable[..., Done], tmp_path: Path) -> None:
    image = np.zeros((2, 2, 2, 8, 8), np.uint8)
    tifffile.imwrite(tmp_path / "five.tif", image, photometric="minisblack")
    done = cli("init", tmp_path / "p", tmp_path / "five.tif")
    assert done.code == 1
    assert "Skipped five.tif" in done.err
    assert "No image was added." in done.err


@pytest.mark.parametrize("command", ["init", "predict"])
def test_damaged_tiffs_are_skipped(
    cli: Callable[..., Done], trained: Path, tmp_path: Path, command: str
) -> None:
    whole = tmp_path / "whole.tif"
    tifffile.imwrite(whole, RNG.integers(0, 999, (200, 200), dtype=np.uint16))
    content = whole.read_bytes()
    (tmp_path / "truncated.tif").write_bytes(content[: len(content) // 2])
    (tmp_path / "corrupt.tif").write_bytes(b"II*\0" + RNG.bytes(500))
    (tmp_path / "empty.tif").write_bytes(b"")
    bad = [tmp_path / f"{name}.tif" for name in ("truncated", "corrupt", "empty")]
    output = ("-o", tmp_path / "out") if command == "predict" else ()
    done = cli(command, trained, *bad, whole, *output)
    assert done.code == 0, done.err
    for path in bad:
        assert f"Skipped {path.name}: " in done.err
    assert cli(command, trained, *bad, *output).code == 1


# -- disks and other programs ---------------------------------------------------------


def test_full_disk(
    refused: Callable[..., str],
    cli: Callable[..., Done],
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels = project.parent / "labels" / "cells1.tif"

    def full(source: Path, target: Path) -> None:
        if target.suffix in (".tif", ".safetensors"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        source.replace(target)

    with monkeypatch.context() as patch:
        patch.setattr(files, "_rename", full)
        assert "The disk is full" in refused("label", project, "cells1", labels)
        assert "The disk is full" in refused(*train_options(project))
    assert cli("label", project, "cells1", labels).code == 0


READ_ONLY = """
import os, sys
from napari_semiseg import api
from napari_semiseg.cli import main
project, labels = sys.argv[1:]
api.status(project)
# All libraries are loaded by this: somebody else may not be allowed to read them.
api.label(project, "cells1", labels)
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
main(["label", project, "cells1", labels])
"""


@pytest.mark.skipif(
    not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can become another"
)
def test_read_only_project(project: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        # Not below tmp_path, which is closed to others.
        shutil.copytree(project.parent, Path(place, "work"))
        Path(place).chmod(0o755)
        work = Path(place, "work")
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                READ_ONLY,
                work / "project",
                work / "labels/cells1.tif",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1, done.stderr
    assert "cannot be written to" in done.stderr
    assert "Traceback" not in done.stderr


HOLD = """
import sys
from napari_semiseg.project.locks import annotation_lock
from napari_semiseg.project.project import Project
with annotation_lock(Project.open(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_two_writers(
    refused: Callable[..., str], cli: Callable[..., Done], project: Path
) -> None:
    labels = project.parent / "labels" / "cells1.tif"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, project],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        sentence = refused("label", project, "cells1", labels)
        assert f"by process {other.pid}" in sentence
        other.communicate("")
    assert cli("label", project, "cells1", labels).code == 0


def test_project_moved_during_a_run(
    cli: Callable[..., Done], project: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "elsewhere"

    def move(event: dict[str, Any]) -> None:
        if event["event"] == "step" and event["step"] == 1:
            project.parent.rename(moved)

    record = api.train(
        project,
        method="supervised",
        steps=3,
        settings=project.parent / "small.toml",
        device="cpu",
        threads=1,
        on_event=move,
    )
    assert record.state == "failed"
    assert "was moved or deleted" in str(record.failure)
    run = find_run(moved / "project").id
    done = cli("train", moved / "project", "--resume", run)
    assert done.code == 0, done.err
    assert find_run(moved / "project").record().state == "finished"
