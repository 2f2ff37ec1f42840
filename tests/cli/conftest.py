from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from napari_semiseg import api
from napari_semiseg.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHAPE = (64, 80)
SETTINGS = """
tile_size = 32
validate_every = 0.0
minimum_size = 4

[network]
encoder = "mobilenet_v2"
weights = "none"

[supervised]
batch = 2
learning_rate = 3e-3
"""
ACTIS = """
[consistency]
labelled_batch = 2
unlabelled_batch = 2
bank = 2
fresh = 1
teacher_views = 1
"""


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


def squares(seed: int, shape: tuple[int, int] = SHAPE) -> tuple[Any, Any]:
    """Bright squares on noise: image uint16, labels uint16."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint16)
    corners = [(y, x) for y in range(3, 56, 19) for x in range(3, 72, 19)]
    for number, (y, x) in enumerate(corners, start=1):
        side = rng.integers(9, 13)
        labels[y : y + side, x : x + side] = number
    image = rng.normal(1000, 50, shape) + 3000 * (labels > 0)
    return image.astype(np.uint16), labels


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Runs a command in this process."""

    def run(*arguments: object) -> Done:
        capfd.readouterr()
        code: Any = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code or 0
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return Done(code, out, err)

    return run


@pytest.fixture
def refused(cli: Callable[..., Done]) -> Callable[..., str]:
    """Runs a command that must fail with one sentence, and returns the sentence."""

    def run(*arguments: object) -> str:
        done = cli(*arguments)
        assert done.code == 1, done
        last = done.err.strip().splitlines()[-1]
        assert last.startswith("Error: ")
        assert last.endswith((".", "?"))
        return last

    return run


def make_pictures(folder: Path, n_images: int = 2) -> Path:
    """Images ``images/cells0.tif`` ... and their ``labels``."""
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for seed in range(n_images):
        image, labels = squares(seed)
        tifffile.imwrite(folder / "images" / f"cells{seed}.tif", image)
        tifffile.imwrite(folder / "labels" / f"cells{seed}.tif", labels)
    (folder / "small.toml").write_text(SETTINGS)
    (folder / "actis.toml").write_text(SETTINGS + ACTIS)
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return make_pictures(tmp_path / "work")


@pytest.fixture
def project(pictures: Path) -> Path:
    """A project in ``work/project`` with one labelled tile."""
    folder = pictures / "project"
    api.init(folder, [pictures / "images"], axes="YX")
    labels = pictures / "labels" / "cells0.tif"
    api.label(folder, "cells0", labels, tiles=[(0, 0, 64, 64)])
    return folder


@pytest.fixture(scope="session")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = make_pictures(tmp_path_factory.mktemp("trained") / "work")
    folder = work / "project"
    api.init(folder, [work / "images"], axes="YX")
    api.label(folder, "cells0", work / "labels" / "cells0.tif", tiles=[(0, 0, 64, 64)])
    record = api.train(
        folder,
        method="supervised",
        steps=50,
        settings=work / "small.toml",
        device="cpu",
        threads=1,
    )
    assert record.state == "finished"
    assert record.accepted
    return work


@pytest.fixture
def trained(trained_once: Path, tmp_path: Path) -> Path:
    """A copy of a project with a model that finds squares; its images beside it."""
    shutil.copytree(trained_once, tmp_path / "trained")
    return tmp_path / "trained" / "project"
