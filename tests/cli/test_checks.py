from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from napari_semiseg.api import checking
from napari_semiseg.demo import run_demo, viewer_missing
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
