from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_semiseg import files
from napari_semiseg.errors import DiskFullError
from napari_semiseg.geometry import Box
from napari_semiseg.project.annotations import Annotation, AnnotationStore
from napari_semiseg.project.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_semiseg.project.records import ImageItem

BOX = Box((0, 0), (16, 16))

DROP_RIGHTS = """
import os, sys
sys.path[:0] = [{src!r}]
import numpy as np
from napari_semiseg.errors import ReadOnlyError
from napari_semiseg.geometry import Box
from napari_semiseg.project.annotations import Annotation, AnnotationStore
from napari_semiseg.project.project import Project
project = Project.open(sys.argv[1])
item = project.images[0]
# Python itself may be out of reach afterwards: load all that reading needs.
project.source(item).read(Box((0, 0), (2, 2)))
AnnotationStore(project).load(item, Box((0, 0), (16, 16)))
project = Project.open(sys.argv[1])
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
project.source(item).read(Box((0, 0), (2, 2)))
AnnotationStore(project).load(item, Box((0, 0), (16, 16)))
for change in (
    lambda: AnnotationStore(project).add_tile(item, Box((20, 0), (4, 4))),
    lambda: project.update_settings(a=1),
    lambda: Project.create(project.folder / "inner"),
):
    try:
        change()
    except ReadOnlyError as error:
        print(error)
"""


@pytest.fixture
def store(project: Project, item: ImageItem) -> AnnotationStore:
    made = AnnotationStore(project)
    made.save(item, BOX, Annotation.complete(np.ones(BOX.size, np.int32)), "training")
    return made


def everything(folder: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_leaves_the_old_files(
    store: AnnotationStore,
    project: Project,
    item: ImageItem,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
) -> None:
    before = everything(project.folder)

    def full(source: Path, target: Path) -> None:
        # The note of who holds a lock may still fit in.
        if target.suffix == ".tif" or target.name in ("project.json", "tiles.json"):
            raise OSError(number, os.strerror(number))
        source.replace(target)

    monkeypatch.setattr(files, "_rename", full)
    other = Annotation.complete(np.zeros(BOX.size, np.int32))
    with pytest.raises(DiskFullError, match="The disk is full"):
        store.save(item, BOX, other)
    with pytest.raises(DiskFullError, match="The disk is full"):
        store.set_state(item, BOX, "validation")
    with pytest.raises(DiskFullError, match="The disk is full"):
        project.update_settings(preset="paper")
    assert everything(project.folder) == before
    assert project.settings == {}


def test_a_full_disk_while_locking_is_no_lost_lock(
    store: AnnotationStore,
    item: ImageItem,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files, "_rename", full)
        with pytest.raises(DiskFullError, match="The disk is full"):
            store.set_state(item, BOX, "validation")
    assert store.set_state(item, BOX, "validation").state == "validation"


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="needs users of POSIX")
@pytest.mark.skipif(
    hasattr(os, "getuid") and os.getuid() != 0, reason="only root can become another"
)
def test_a_read_only_project_is_read(
    store: AnnotationStore, project: Project, tmp_path: Path
) -> None:
    src = str(Path(files.__file__).parents[1])
    with tempfile.TemporaryDirectory() as place:
        # Not below tmp_path, which is closed to others.
        for name in ("project", "images"):
            shutil.copytree(tmp_path / name, Path(place, name))
        Path(place).chmod(0o755)
        script = DROP_RIGHTS.format(src=src)
        done = subprocess.run(
            [sys.executable, "-c", script, str(Path(place, "project"))],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    sentences = done.stdout.splitlines()
    assert len(sentences) == 3
    assert all("cannot be written to" in sentence for sentence in sentences)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if mount is None:
        pytest.skip("there is no mount command")
    asked = [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if subprocess.run(asked, capture_output=True, check=False).returncode:
        pytest.skip("mounting is refused here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_is_really_full(
    small_disk: Path, save_image: Callable[..., Path]
) -> None:
    project = Project.create(small_disk / "p")
    project.add_images([save_image("a.tif")])
    item = project.images[0]
    store = AnnotationStore(project)
    store.save(item, BOX, Annotation.complete(np.ones(BOX.size, np.int32)), "training")
    with (small_disk / "filler").open("wb", buffering=0) as filler:
        with pytest.raises(OSError, match="No space"):
            while filler.write(b"\0" * 4096):
                pass
    with pytest.raises(DiskFullError, match="The disk is full"):
        store.save(item, BOX, Annotation.complete(np.zeros(BOX.size, np.int32)))
    assert store.load(item, BOX).n_objects == 1
    assert not [p for p in small_disk.rglob("*.tif") if p.name.startswith(".")]
    (small_disk / "filler").unlink()
    store.save(item, BOX, Annotation.complete(np.zeros(BOX.size, np.int32)))
    assert store.load(item, BOX).n_objects == 0
