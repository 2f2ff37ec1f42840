"""What is shipped: the wheel, the source archive, the manifest."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
MANIFEST = ROOT / "src" / "napari_semiseg" / "napari.yaml"


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The source archive, and the wheel that is built from it."""
    pytest.importorskip("build")
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "-o", str(folder)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True)
    return {path.suffix: path for path in folder.iterdir()}


@pytest.mark.slow
def test_wheel_holds_the_manifest_once(archives: dict[str, Path]) -> None:
    with zipfile.ZipFile(archives[".whl"]) as wheel:
        names = wheel.namelist()
        shipped = wheel.read("napari_semiseg/napari.yaml")

    assert [n for n in names if n.endswith("napari.yaml")] == [
        "napari_semiseg/napari.yaml"
    ]
    assert shipped == MANIFEST.read_bytes()
    assert "napari_semiseg/py.typed" in names
    assert {n.partition("/")[0] for n in names if ".dist-info" not in n} == {
        "napari_semiseg"
    }


@pytest.mark.slow
def test_wheel_announces_plugin_and_command(archives: dict[str, Path]) -> None:
    with zipfile.ZipFile(archives[".whl"]) as wheel:
        (name,) = (n for n in wheel.namelist() if n.endswith("entry_points.txt"))
        entry_points = wheel.read(name).decode()
        (name,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = wheel.read(name).decode()

    assert "napari-semiseg = napari_semiseg:napari.yaml" in entry_points
    assert "napari-semiseg = napari_semiseg.cli:main" in entry_points
    assert "Classifier: Framework :: napari" in metadata


@pytest.mark.slow
def test_source_archive_holds_no_link(archives: dict[str, Path]) -> None:
    with tarfile.open(archives[".gz"]) as archive:
        members = archive.getmembers()

    manifests = [m.name for m in members if m.name.endswith("napari.yaml")]
    assert len(manifests) == 1
    assert not any(m.issym() or m.islnk() for m in members)


@pytest.mark.slow
def test_archives_may_be_uploaded(archives: dict[str, Path]) -> None:
    pytest.importorskip("twine")
    command = [sys.executable, "-m", "twine", "check", "--strict"]

    subprocess.run([*command, *map(str, archives.values())], check=True)


def test_root_links_to_the_manifest() -> None:
    assert (ROOT / "napari.yaml").read_bytes() == MANIFEST.read_bytes()


@pytest.mark.slow
def test_manifest_is_valid_and_its_functions_exist() -> None:
    npe2 = pytest.importorskip("npe2")

    manifest = npe2.PluginManifest.from_file(MANIFEST)

    manifest.validate_imports()


def test_manifest_is_named_as_the_distribution() -> None:
    assert yaml.safe_load(MANIFEST.read_text())["name"] == "napari-semiseg"
