from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from napari_semiseg.api import checking
from napari_semiseg.demo import pairs_in, real_samples, run_demo, viewer_missing
from napari_semiseg.errors import SemisegError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Done


def test_doctor_tells_what_it_found(cli: Callable[..., Done]) -> None:
    done = cli("doctor")
    assert done.code == 0, done.out
    for words in ("device cpu", "torch", "weights of mobilenet_v2", "display", "GiB"):
        assert words in done.out
    found = json.loads(cli("doctor", "--json").out)
    assert found["ok"] is True
    assert {"name", "verdict", "words", "remedy"} == set(found["checks"][0])


def test_doctor_fails_when_something_is_broken(
    cli: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "_LIBRARIES", ("no-such-library",))
    done = cli("doctor")
    assert done.code == 1
    assert "BROKEN" in done.out
    assert "pip install no-such-library" in done.out


def test_doctor_sees_a_missing_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert not checking.has_display()
    assert viewer_missing() == "there is no display."
    monkeypatch.setenv("DISPLAY", ":0")
    assert checking.has_display()


def test_demo_needs_a_folder_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(SemisegError, match="is not empty"):
        run_demo(tmp_path)


def test_real_images_come_with_their_masks(tmp_path: Path) -> None:
    for number in range(5):
        image = np.full((40, 50), number, np.uint8)
        tifffile.imwrite(_made(tmp_path / "images" / f"c{number}.tif"), image)
        tifffile.imwrite(_made(tmp_path / "masks" / f"c{number}.tif"), image // 4)
    tifffile.imwrite(tmp_path / "images" / "alone.tif", np.zeros((4, 4), np.uint8))

    samples = list(real_samples(pairs_in(tmp_path), most=4))

    assert [sample.name for sample in samples] == ["c0", "c1", "c2", "c4"]
    assert samples[-1].image.shape == (40, 50)
    assert samples[-1].instances.max() == 1
    assert samples[-1].pixel_size is None


def test_too_few_real_images(tmp_path: Path) -> None:
    with pytest.raises(SemisegError, match="images/ and masks/"):
        next(real_samples(pairs_in(tmp_path)))


def _made(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    return path


@pytest.mark.slow
def test_demo(
    cli: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli("demo", "--headless", "--steps", 40, "--weights", "none")
    assert done.code == 0, done.err
    results = tmp_path / "napari-semiseg-demo" / "results"
    assert len(list(results.glob("*.tif"))) == len(list(results.glob("*.csv"))) == 8
    assert tifffile.imread(results / "nuclei_1.tif").dtype == np.uint16
    assert "Labelled 3 tiles" in done.err
    assert "all objects together" in done.out
